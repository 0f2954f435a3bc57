"""`report`: what was recorded, in the formats that are asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.edges.runfolder.recognising import check_reports_are_ours, missing_files
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.errors import PlanError
from flowdrill.history.outcome_export import check_outcome_file, export_outcomes
from flowdrill.history.reporting import OF_A_RUN, STANDARD_OUTPUT, Format, formats_of, places_of, text_of, write_formats
from flowdrill.history.run_reports import read_report, write_reports
from flowdrill.model.result import Report
from flowdrill.report.result_json import render_result_json

_MOST_NAMED = 5


def report(options: argparse.Namespace) -> ExitCode:
    """Make the reports of a run folder anew."""
    folder: Path = options.run_folder
    forms, table = formats_of(options.format), options.outcomes
    _check(options, forms)
    if table is not None:
        export_outcomes(folder, table)
        tell(f"outcomes: {visible(str(table))}")
        if not forms and options.out is None and not options.json:
            return ExitCode.PASS
    if options.out == STANDARD_OUTPUT:
        return answered(text_of(read_report(folder), forms[0]), ExitCode.PASS)
    made, written = _made(folder, forms, options.out)
    _tell_missing(folder, made)
    code = answered(
        render_result_json(made) if options.json else f"{visible(summary_of(made.result))}\n", ExitCode.PASS
    )
    for path in written:
        tell(f"report: {visible(str(path))}")
    return code


def _check(options: argparse.Namespace, forms: Sequence[Format]) -> None:
    """What can be said before anything is read, or written."""
    if options.outcomes is not None:
        check_outcome_file(options.outcomes)
    if options.out == STANDARD_OUTPUT and (len(forms) != 1 or options.json):
        raise PlanError("--out -: standard output takes one format", "name it: --format markdown --out -")


def _made(folder: Path, forms: Sequence[Format], out: Path | None) -> tuple[Report, Sequence[Path]]:
    """The report, and what a user wants to open of what was written."""
    if not forms and out is None:
        return write_reports(folder), [folder / "report.html"]
    places = places_of(folder, forms or OF_A_RUN, out)
    made = read_report(folder)
    if any(path.resolve().is_relative_to(folder.resolve()) for path in places.values()):
        check_reports_are_ours(folder)
    write_formats(made, places)
    return made, list(places.values())


def _tell_missing(folder: Path, made: Report) -> None:
    missing = missing_files(folder, [one.path for one in made.result.evidence])
    if missing:
        more = f", and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        names = ", ".join(missing[:_MOST_NAMED])
        tell(f"flowdrill: named as evidence, and not in the folder: {visible(names)}{more}")
