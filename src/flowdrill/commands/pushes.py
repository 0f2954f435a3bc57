"""`push`, `evidence`, and `run --push-report`: the evidence beside the image."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.history.pushing import CREATED, DRILL, RUN, VERDICT, Pushed, evidence_of, push_run
from flowdrill.history.run_reports import read_report
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.result import Result


def push(options: argparse.Namespace) -> ExitCode:
    """Push a run that is there."""
    access = RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file)
    if options.to is None and (options.plain_http or options.ca_file is not None):
        problem = "--plain-http and --ca-file are for the registry of --to"
        raise PlanError(problem, "that of the stable image is reached as the run's plan says, `registry:`")
    result = read_report(options.run_folder).result
    done = push_run(options.run_folder, result, options.to, access, report_only=options.report_only)
    text = json.dumps(asdict(done), indent=2) if options.json else _said(done)
    return answered(f"{text}\n", ExitCode.PASS)


def evidence(options: argparse.Namespace) -> ExitCode:
    """List the runs beside an image."""
    digest, found = evidence_of(options.image, RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file))
    rows = [
        {
            "artifact": one.digest,
            "started": one.annotations.get(CREATED),
            "verdict": one.annotations.get(VERDICT),
            "drill": one.annotations.get(DRILL),
            "run": one.annotations.get(RUN),
        }
        for one in found
    ]
    rows.sort(key=lambda row: (row["started"] or "", row["artifact"] or ""), reverse=True)
    if options.json:
        text = json.dumps({"image": digest, "runs": rows}, indent=2)
    else:
        shown = ("started", "verdict", "drill", "artifact")
        lines = ["  ".join(visible(str(row[key] or "?")) for key in shown) for row in rows]
        text = "\n".join([f"{digest}: {len(rows)} runs beside it, by their pushers' word", *lines])
    return answered(f"{text}\n", ExitCode.PASS if rows else ExitCode.FAIL)


def pushed_report(folder: Path, result: Result) -> bool:
    """Push a run that has just ended, and say what became of it; False where it should be there, and is not."""
    if result.images.stable is None:
        tell("report: not pushed: the run never saw a stable image to push it beside")
        return True
    try:
        done = push_run(folder, result)
    except FlowdrillError as error:
        tell(f"flowdrill: the report is not pushed: {visible(str(error))}")
        tell(f"again: flowdrill push {visible(str(folder))}")
        return False
    tell(_said(done))
    return True


def _said(done: Pushed) -> str:
    where = f"{visible(done.repository)}@{done.digest}"
    return f"pushed: {where}\nrefers to: {done.subject}\nfound by: {done.found_by}"
