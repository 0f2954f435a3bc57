"""`push`, `evidence`: runs into a store of evidence, and what is in one."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from flowdrill.analysis.evidence_search import digest_in
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.history.evidence_stores import Opened, PushedToS3, Reached, opened_store, push_to
from flowdrill.history.pushing import Pushed
from flowdrill.history.run_looks import Look, looks_at
from flowdrill.model.drill import RegistryAccess

_SHOWN = ("started", "verdict", "drill", "name")


def reached_by(options: argparse.Namespace) -> Reached:
    """Return how the store of the options is reached."""
    access = RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file)
    return Reached(access, options.endpoint_url)


def push(options: argparse.Namespace) -> ExitCode:
    """Push a run that is there."""
    reached = reached_by(options)
    if options.to is None and reached != Reached():
        problem = "--plain-http, --ca-file and --endpoint-url are for the store of --to"
        raise PlanError(problem, "the registry of the stable image is reached as the run's plan says, `registry:`")
    from flowdrill.history.run_reports import read_report  # noqa: PLC0415 - a drill, which pushes, too, needs it later

    result = read_report(options.run_folder).result
    done = push_to(options.to, reached, options.run_folder, result, report_only=options.report_only)
    text = json.dumps(asdict(done), indent=2) if options.json else said_of(done)
    return answered(f"{text}\n", ExitCode.PASS)


def said_of(done: Pushed | PushedToS3) -> str:
    """Return where a run is now, in lines for a terminal."""
    if isinstance(done, PushedToS3):
        return f"pushed: {visible(done.place)}"
    where = f"{visible(done.repository)}@{done.digest}"
    return f"pushed: {where}\nrefers to: {done.subject}\nfound by: {done.found_by}"


def evidence(options: argparse.Namespace) -> ExitCode:
    """List the runs of a store, or bring one of them here."""
    with opened_store(options.store, reached_by(options)) as opened:
        image = _image(options.image, opened)
        if options.pull is not None:
            return _pulled(opened, image, options)
        looks = looks_at(opened.store, image)
        name = opened.store.name
    rows = [_row(one) for one in looks if one.result is not None and image in (None, _row(one)["image"])]
    rows.sort(key=lambda row: (row["started"] or "", row["name"]), reverse=True)
    unreadable = [one.unreadable for one in looks if one.result is None]
    if options.json:
        text = json.dumps({"store": name, "image": image, "runs": rows, "unreadable": unreadable}, indent=2)
    else:
        lines = ["  ".join(visible(str(row[key] or "?")) for key in _SHOWN) for row in rows]
        lines += [f"not read: {visible(one)}" for one in unreadable]
        of = "" if image is None else f" of {image}"
        text = "\n".join([f"{visible(name)}: {len(rows)} runs{of}, by their pushers' word", *lines])
    return answered(f"{text}\n", ExitCode.PASS if rows else ExitCode.FAIL)


def _image(told: str | None, opened: Opened) -> str | None:
    if told is None:
        return opened.image
    digest = digest_in(told)
    if digest is None:
        raise PlanError(f"--image {told}: has no digest", "give sha256:…, or IMAGE@sha256:…")
    if opened.image not in (None, digest):
        raise PlanError(f"--image {told}: the store names another image, {opened.image}", "name one of them")
    return digest


def _row(one: Look) -> dict[str, str | None]:
    result = one.result
    if result is None:
        return {"name": one.run.name, "image": None}
    return {
        "name": one.run.name,
        "run": result.run.id,
        "drill": result.run.drill,
        "started": result.run.started,
        "verdict": result.verdict.value,
        "image": None if result.images.stable is None else result.images.stable.digest,
    }


def _pulled(opened: Opened, image: str | None, options: argparse.Namespace) -> ExitCode:
    """Bring a run's archive here. Nothing of it is believed: `flowdrill verify` looks at it."""
    found = [one for one in opened.store.runs(image) if one.name == options.pull]
    if not found:
        raise RunFolderError(f"{opened.store.name}: has no run {options.pull}", "`flowdrill evidence` lists them")
    path: Path = options.out or Path(f"{options.pull.replace(':', '-').replace('/', '-').removesuffix('.zip')}.zip")
    try:
        with found[0].whole() as whole:
            if whole.is_dir():
                raise RunFolderError(f"{whole}: is a folder on this machine already", f"`flowdrill verify {whole}`")
            with whole.open("rb") as source, _own_file(path) as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        problem = f"{error.filename or path}: {error.strerror}"
        raise RunFolderError(problem, "name another file with --out, or make room") from error
    tell(f"verify it: flowdrill verify {visible(str(path))} --key PUBLIC")
    said = json.dumps({"archive": str(path)}) if options.json else visible(str(path))
    return answered(f"{said}\n", ExitCode.PASS)


def _own_file(path: Path) -> BinaryIO:
    """A new one for its owner alone: a run's undo may hold values of the workload's environment."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
