"""The command line: parse, call, write, exit code."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flowdrill import wiring
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.result import Verdict
from flowdrill.report.result_json import render_result_json
from flowdrill.report.schema import schema_text

_EXIT_CODES = """exit codes:
  0  pass: every objective and check held
  1  fail: an objective or a check did not hold
  2  error in the plan, in preflight, or of the harness; preflight errors leave everything untouched
  3  inconclusive: the harness could not know, for example because the baseline was not steady
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM, after restoring
"""


class ExitCode(IntEnum):
    """What pipelines rely on."""

    PASS = 0
    FAIL = 1
    ERROR = 2
    INCONCLUSIVE = 3
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143


_Commands = Any  # argparse's type of `add_subparsers` is private

_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.call(parsed))
    except FlowdrillError as error:
        print(f"flowdrill: {visible(str(error))}", file=sys.stderr)
        return ExitCode.ERROR
    except KeyboardInterrupt:  # outside a run: nothing has been changed
        return ExitCode.SIGINT
    except Exception:  # noqa: BLE001 - a defect of ours must not leave with 1, Python's default: that means "fail"
        traceback.print_exc()
        print("flowdrill: this is a defect of flowdrill: please report the lines above", file=sys.stderr)
        return ExitCode.ERROR


def _run(options: argparse.Namespace) -> ExitCode:
    if options.context is None:
        raise PlanError(
            "run: no cluster is named, and the kubeconfig's current context is never taken",
            "add --context NAME; `kubectl config get-contexts` lists the names",
        )
    finished = wiring.run_drill_file(
        options.drill, context=options.context, kubeconfig=options.kubeconfig, out=options.out
    )
    outcome = finished.outcome
    if options.json:
        print(render_result_json(finished.report), end="")
    else:
        print(visible(summary_of(finished.report.result)))
    print(f"report: {finished.folder / 'report.html'}", file=sys.stderr)
    if outcome.error is not None:
        print(f"flowdrill: {visible(str(outcome.error))}", file=sys.stderr)
    if outcome.stop_signal is not None:
        return ExitCode[outcome.stop_signal]
    return ExitCode.ERROR if outcome.error is not None else _OF_VERDICT[finished.report.result.verdict]


def _report(options: argparse.Namespace) -> ExitCode:
    report = wiring.write_reports(options.run_folder)
    if options.json:
        print(render_result_json(report), end="")
    else:
        print(visible(summary_of(report.result)))
        print(f"report: {options.run_folder / 'report.html'}", file=sys.stderr)
    return ExitCode.PASS


def _validate(options: argparse.Namespace) -> ExitCode:
    drill, scenario = wiring.read_plan(options.drill)
    if options.json:
        print(json.dumps({"valid": True, "drill": drill.drill, "scenario": scenario.scenario}))
    else:
        print(f"{options.drill}: valid: drill {drill.drill}, scenario {scenario.scenario}, {drill.target.workload}")
    return ExitCode.PASS


def _schema(options: argparse.Namespace) -> ExitCode:
    print(schema_text(options.name), end="")
    return ExitCode.PASS


def _image_flow(options: argparse.Namespace) -> ExitCode:
    made = wiring.make_flow_image(
        options.flow, base=options.base, to=options.to, runtime=options.runtime, access=_access(options)
    )
    _print_image(options, made)
    return ExitCode.PASS


def _image_derive(options: argparse.Namespace) -> ExitCode:
    made = wiring.derive_image(options.scenario, stable=options.stable, access=_access(options))
    _print_image(options, made)
    return ExitCode.PASS


def _access(options: argparse.Namespace) -> RegistryAccess:
    try:
        return RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file, platform=options.platform)
    except ValueError as error:  # of the three only the platform has a form
        raise PlanError(
            f"--platform {options.platform}: is no platform", "write it as linux/amd64 or linux/arm/v7"
        ) from error


def _print_image(options: argparse.Namespace, made: wiring.MadeImage) -> None:
    """The pinned reference alone on stdout: for `$(…)`; what was done on stderr."""
    for line in made.changes:
        print(visible(line), file=sys.stderr)
    if options.json:
        facts = {"reference": made.reference, "digest": made.digest, "new_bytes": made.new_bytes}
        print(json.dumps({**facts, "changes": list(made.changes)}))
    else:
        print(made.reference)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flowdrill",
        description="Drills the emergency brake of a LangFlow service: break it, detect it, roll it back, measure.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"flowdrill {version('flowdrill')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_report(commands)
    _add_image(commands)
    _add_validate(commands)
    _add_schema(commands)
    return parser


def _add_run(commands: _Commands) -> None:
    command = commands.add_parser(
        "run",
        help="carry out a drill and write its report",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    command.add_argument(
        "--context",
        metavar="NAME",
        help="kubeconfig context of the cluster; never taken from the kubeconfig",
    )
    command.add_argument("--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, then ~/.kube/config")
    command.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    command.add_argument("--json", action="store_true", help="print result.json on stdout")
    command.set_defaults(call=_run)


def _add_report(commands: _Commands) -> None:
    command = commands.add_parser("report", help="make the reports of a run folder anew, from its recorded data")
    command.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    command.add_argument("--json", action="store_true", help="print result.json on stdout")
    command.set_defaults(call=_report)


def _add_image(commands: _Commands) -> None:
    image = commands.add_parser("image", help="make images, without a Docker daemon")
    kinds = image.add_subparsers(title="commands", required=True, metavar="COMMAND")
    flow = kinds.add_parser("flow", help="lay a flow on a runtime image")
    flow.add_argument("flow", type=Path, metavar="FLOW.json")
    flow.add_argument("--base", required=True, metavar="IMAGE", help="an image with LangFlow or lfx in it")
    flow.add_argument("--to", required=True, metavar="REPO:TAG", help="where to push the image")
    flow.add_argument(
        "--runtime", choices=("auto", "lfx", "langflow"), default="auto", help="what serves the flow; default: auto"
    )
    flow.set_defaults(call=_image_flow)
    derive = kinds.add_parser("derive", help="make a scenario's broken image as one layer over a stable one")
    derive.add_argument("scenario", metavar="SCENARIO", help="a scenario's name, or a path to its folder")
    derive.add_argument("--from", required=True, dest="stable", metavar="IMAGE@DIGEST", help="the stable image")
    derive.set_defaults(call=_image_derive)
    for kind in (flow, derive):
        kind.add_argument("--plain-http", action="store_true", help="HTTP without TLS; always allowed for loopback")
        kind.add_argument("--ca-file", metavar="FILE", help="PEM file with the registry's certificate authority")
        kind.add_argument(
            "--platform",
            metavar="OS/ARCH",
            help="the nodes' platform, for a multi-platform image; default: this machine's, else linux/amd64",
        )
        kind.add_argument("--json", action="store_true", help="print reference, digest and changes as JSON")


def _add_validate(commands: _Commands) -> None:
    command = commands.add_parser("validate", help="check a drill file and its scenario, without any cluster")
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=_validate)


def _add_schema(commands: _Commands) -> None:
    command = commands.add_parser("schema", help="print the JSON Schema of drill files, scenario files or result.json")
    command.add_argument("name", choices=("drill", "scenario", "result"))
    command.set_defaults(call=_schema)
