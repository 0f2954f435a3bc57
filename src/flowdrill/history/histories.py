"""A site from run folders alone: what was recorded is read, what came of it is written as pages."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from flowdrill.analysis.history import history_run, in_order
from flowdrill.analysis.ledger_chain import parse_ledger
from flowdrill.analysis.report_data import report_of
from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.runfolder.recognising import made_by_newer, newer_run_remedy
from flowdrill.edges.runfolder.recorded_result import (
    REPORT,
    RESULT,
    AnotherVersionError,
    FolderLook,
    look_at,
    objectives_from,
    read_result_files,
    result_from,
)
from flowdrill.edges.sitefolder.run_index import IndexRow, read_index, stamp_to_keep, write_index
from flowdrill.edges.sitefolder.site_folder import MANIFEST, check_site_folder, site_folder, write_pages
from flowdrill.errors import BrokenLedgerError, RunFolderError, SiteError
from flowdrill.model.history import History, HistoryRun, LedgerSeen, UnreadableRun
from flowdrill.model.ledger import Ledger
from flowdrill.report.site import render_site

_NO_RUN = "name a folder that holds folders of runs, as `flowdrill run --out` makes it"


@dataclass(frozen=True, slots=True)
class SiteOrder:
    """What a site is made of, and where. `as_of`: the day on which evidence is judged; `valid_days`: so long a passing
    drill counts. `rebuild`: read every run anew."""

    reports: Path
    out: Path
    as_of: date
    valid_days: int
    ledgers: Sequence[Path] = ()
    rebuild: bool = False


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """A site that is written. `read`: so many runs were read anew; the others are as they were."""

    history: History
    read: int


def build_site(order: SiteOrder) -> BuiltSite:
    """Read the runs and write the site. SiteError when the folder of runs is none, or the site's is somebody else's;
    LedgerError when a ledger cannot be read. A run that cannot be read is told on the site, and stops nothing."""
    names = _folders(order.reports, order.out)
    check_site_folder(order.out)
    ledgers = tuple(map(_ledger, order.ledgers))
    tool_version = version("flowdrill")
    index = {} if order.rebuild else read_index(order.out, tool_version)
    found = _read(order.reports, names, index)
    runs = in_order(row.run for row in found.rows)
    history = History(runs, found.unreadable, ledgers, order.as_of, order.valid_days)
    pages = render_site(history, _links(order))
    with site_folder(order.out):
        write_pages(order.out, pages)
        write_index(order.out, found.rows, tool_version)
    return BuiltSite(history, found.anew)


@dataclass(frozen=True, slots=True)
class _Read:
    """What the folders hold; `anew` rows of it were not known before."""

    rows: tuple[IndexRow, ...]
    unreadable: tuple[UnreadableRun, ...]
    anew: int


def _read(reports: Path, names: Sequence[str], index: Mapping[str, IndexRow]) -> _Read:
    rows, unreadable, anew = list[IndexRow](), list[UnreadableRun](), 0
    for name in names:
        known = index.get(name)
        try:
            look = look_at(reports / name)
            if look.is_summary or (MANIFEST in look.names and not look.is_run):
                continue
            row = _row(reports / name, look, known)
        except RunFolderError as error:
            unreadable.append(_unreadable(reports / name, error))
            continue
        rows.append(row)
        anew += known is None or row.run is not known.run
    return _Read(tuple(rows), tuple(unreadable), anew)


def today() -> date:
    """Return the day in UTC: what evidence is judged on where nobody names one."""
    return datetime.now(UTC).date()


def _folders(reports: Path, out: Path) -> list[str]:
    """The names of the folders in it, sorted; not that of the site itself."""
    try:
        with os.scandir(reports) as entries:
            found = list(entries)
        names = [one.name for one in found if one.is_dir() and not one.name.startswith(".")]
        own = {name for name in names if out.exists() and (reports / name).samefile(out)}
    except OSError as error:
        raise SiteError(f"{reports}: {error.strerror}", _NO_RUN) from error
    if {"events.jsonl", "plan.json"} <= {one.name for one in found}:
        raise SiteError(f"{reports}: is a run itself", _NO_RUN)
    return sorted(set(names) - own)


def _row(folder: Path, look: FolderLook, known: IndexRow | None) -> IndexRow:
    """The run of a folder: as it is known, where its files are what they were. RunFolderError when it is none."""
    if not look.is_run:
        raise RunFolderError(
            "is no run: it has neither result.json nor plan.json nor events.jsonl",
            "move it elsewhere; where it holds runs itself, make a site of it alone",
        )
    if known is not None and known.stamp and known.stamp == look.stamp:
        return known
    stamp = stamp_to_keep(look.stamp, look.newest_ns, time.time_ns())
    if RESULT not in look.names:
        why = "it has no result.json: it is going on, or was cut off"
        return IndexRow(_made_anew(folder, look, why), stamp, "")
    files = read_result_files(folder)
    digest, has_report = files.digest, REPORT in look.names
    if known is not None and known.digest == digest:
        same = known.run.has_report == has_report
        run = known.run if same else known.run.model_copy(update={"has_report": has_report})
        return IndexRow(run, stamp, digest)
    try:
        result = result_from(files)
    except AnotherVersionError:
        raise
    except RunFolderError as error:
        return IndexRow(_made_anew(folder, look, error.problem), stamp, "")
    run = history_run(os.fspath(folder.name), result, objectives_from(files), has_report=has_report)
    return IndexRow(run, stamp, digest)


def _made_anew(folder: Path, look: FolderLook, why: str) -> HistoryRun:
    """The same from what was recorded, as `flowdrill report` would make it; nothing is written into the folder.
    AnotherVersionError for a newer version's run: what it failed for may be what this one does not know."""
    newer = made_by_newer(folder)
    if newer is not None:
        raise AnotherVersionError(why, newer_run_remedy(newer))
    try:
        record = read_run(folder)
        result = report_of(record).result
    except RunFolderError as error:
        raise RunFolderError(f"{why}; and {error.problem}", error.remedy) from error
    except Exception as error:
        problem = f"{why}; and its report cannot be made ({error!r})"
        raise RunFolderError(problem, "restore the folder from a copy") from error
    return history_run(folder.name, result, record.drill.objectives, has_report=REPORT in look.names, anew_because=why)


def _from_the_folder(text: str, folder: Path) -> str:
    return text.replace(f"{folder}/", "").replace(str(folder), folder.name)


def _unreadable(folder: Path, error: RunFolderError) -> UnreadableRun:
    """Named from the folder on: where it lies is another place on each machine."""
    return UnreadableRun(
        folder=folder.name,
        reason=_from_the_folder(error.problem, folder),
        remedy=_from_the_folder(error.remedy, folder),
    )


def _ledger(path: Path) -> LedgerSeen:
    """A ledger; of one whose chain is broken the part before."""
    if not path.exists():
        raise SiteError(f"{path}: is no file", "name a ledger that is there with --ledger: see docs/ledger.md")
    try:
        return LedgerSeen(LedgerFile(path, lambda: datetime.now(UTC)).read())
    except BrokenLedgerError as error:
        lines = path.read_text("utf-8").split("\n")[: error.entry - 1]
        whole = parse_ledger("".join(f"{line}\n" for line in lines), str(path)) if lines else Ledger(str(path))
        return LedgerSeen(whole, error.problem)


def _links(order: SiteOrder) -> str:
    """The way from the site to the folder of runs."""
    return os.path.relpath(order.reports.resolve(), order.out.resolve())
