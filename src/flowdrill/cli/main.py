"""The command line: parse, call, exit code. What a command does is imported when it is called (`commands/`)."""

from __future__ import annotations

import argparse
import atexit
import gc
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from flowdrill.cli.evidence import add_evidence
from flowdrill.cli.fleet import add_fleet
from flowdrill.cli.gate import add_gate
from flowdrill.cli.looking import add_looking
from flowdrill.cli.parts import Commands, add_cluster_options, add_push_options, later
from flowdrill.cli.people import add_people
from flowdrill.cli.repeats import add_pool
from flowdrill.cli.replay import add_replay
from flowdrill.cli.report import add_report
from flowdrill.cli.restore import add_restore
from flowdrill.cli.schedule import add_schedule
from flowdrill.cli.site import add_site
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, is_unread, tell
from flowdrill.errors import FlowdrillError

_EXIT_CODES = """exit codes:
  0  pass: every objective and check held
  1  fail: an objective or a check did not hold
  2  error in the plan, in preflight, or of the harness; preflight errors leave everything untouched
  3  inconclusive: the harness could not know, for example because the baseline was not steady
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM, after restoring
"""

_TRY_EXIT_CODES = """exit codes:
  0  the symptom that the scenario declares was seen
  1  another one was seen
  2  error: it could not be tried
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM, after everything was removed
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    atexit.register(gc.freeze)  # Python looks through everything before it ends: a tenth of a second for nothing
    parsed = _parser().parse_args(arguments)
    return answered("", _called(parsed))


def _called(parsed: argparse.Namespace) -> ExitCode:
    try:
        return ExitCode(parsed.call(parsed))
    except FlowdrillError as error:
        tell(f"flowdrill: {_printable(str(error))}")
        return ExitCode.ERROR
    except KeyboardInterrupt:  # outside a run: nothing has been changed
        return ExitCode.SIGINT
    except Exception as error:  # noqa: BLE001 - a defect of ours must not leave with 1, Python's default: that means "fail"
        if is_unread(error):
            tell(f"flowdrill: the answer cannot be written to standard output: {error.strerror}")
        else:
            tell(f"{traceback.format_exc()}flowdrill: this is a defect of flowdrill: please report the lines above")
        return ExitCode.ERROR


def _printable(text: str) -> str:
    """An error may repeat what a cluster said: no control characters but line ends."""
    return "".join(one if one.isprintable() or one == "\n" else repr(one)[1:-1] for one in text)


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
    add_gate(commands)
    add_people(commands)
    add_restore(commands)
    add_looking(commands)
    add_report(commands)
    add_replay(commands)
    add_pool(commands)
    add_site(commands)
    add_evidence(commands)
    add_schedule(commands)
    _add_cluster(commands)
    _add_scenario(commands)
    _add_image(commands)
    _add_validate(commands)
    _add_export(commands)
    _add_schema(commands)
    return parser


def _add_run(commands: Commands) -> None:
    command = commands.add_parser(
        "run",
        help="carry out a drill and write its report",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    add_cluster_options(command)
    command.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    command.add_argument(
        "--approved",
        action="append",
        default=[],
        metavar="DIGEST",
        help="digest of the plan that was approved (`flowdrill plan`): any other is refused; several for a suite",
    )
    command.add_argument(
        "--ran-by",
        metavar="NAME",
        help="who runs it; default: $FLOWDRILL_RAN_BY, whom the CI job is of, this host's user",
    )
    command.add_argument("--approved-by", metavar="NAME", help="who has approved it; default: $FLOWDRILL_APPROVED_BY")
    command.add_argument(
        "--previous",
        type=Path,
        metavar="RUN_FOLDER",
        help="the run of this drill before this one; default: the newest in --out",
    )
    command.add_argument(
        "--repeat", type=int, metavar="N", help="carry it out N times, one after the other, and sum the runs up"
    )
    command.add_argument(
        "--scheduled",
        action="store_true",
        help="keep to the drill's calendar: outside of it nothing is touched, and the exit code is 0 (SKIPPED)",
    )
    add_push_options(command)
    command.add_argument(
        "--sign-key",
        type=Path,
        metavar="FILE",
        help="private key that signs the run; default: $FLOWDRILL_SIGNING_KEY",
    )
    command.add_argument(
        "--json", action="store_true", help="print result.json on stdout; with --repeat or --selector the summary"
    )
    add_fleet(command)
    command.set_defaults(call=later("drills", "run"))


def _add_cluster(commands: Commands) -> None:
    cluster = commands.add_parser("cluster", help="the embedded cluster: Kubernetes on loopback, pods as processes")
    kinds = cluster.add_subparsers(title="commands", required=True, metavar="COMMAND")
    up = kinds.add_parser("up", help="start it, unless it is up")
    up.add_argument("--runtime", type=Path, metavar="FOLDER", help="bin folder with lfx or langflow; default: searched")
    up.add_argument(
        "--trust-registry",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="run images of this registry too, as processes of yours; may be given several times",
    )
    up.add_argument("--port", type=int, default=0, metavar="PORT", help="of the API; default: a free one")
    up.add_argument("--registry-port", type=int, default=0, metavar="PORT", help="default: a free one")
    status = kinds.add_parser("status", help="say whether it is up, and where; exit code 1 when it is not")
    down = kinds.add_parser("down", help="stop it and remove all its state")
    down.add_argument("--keep", action="store_true", help="keep objects and images for the next `up`")
    kubeconfig = kinds.add_parser("kubeconfig", help="print the path of its kubeconfig")
    for name, kind in (("up", up), ("status", status), ("down", down), ("kubeconfig", kubeconfig)):
        kind.add_argument(
            "--state",
            type=Path,
            metavar="FOLDER",
            help="where it keeps everything; default: $FLOWDRILL_CLUSTER, then ~/.local/state/flowdrill/cluster",
        )
        kind.set_defaults(call=later("clusters", name))
    for kind in (up, status):
        kind.add_argument("--json", action="store_true", help="print the facts as JSON")


def _add_scenario(commands: Commands) -> None:
    scenario = commands.add_parser("scenario", help="what can be drilled: list it, look at it, try it alone")
    kinds = scenario.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listed = kinds.add_parser("list", help="list every scenario that a name finds")
    listed.add_argument("--markdown", action="store_true", help="print them in full, as a page of Markdown")
    show = kinds.add_parser("show", help="say everything about one scenario")
    tried = kinds.add_parser(
        "try",
        help="run a scenario's broken image alone, and show its symptom in seconds",
        description="Builds the broken image, runs it in one pod of the embedded cluster (the running one, or one of "
        "its own), asks it a handful of questions, and removes everything again. No rollout, no drill.",
        epilog=_TRY_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = tried.add_mutually_exclusive_group()
    what.add_argument("--image", metavar="IMAGE@DIGEST", help="the stable image; default: the sample flow's")
    what.add_argument("--flow", type=Path, metavar="FLOW.json", help="a flow, laid on this machine's LangFlow runtime")
    tried.add_argument("--input", default="hello", metavar="TEXT", help="what is asked; default: hello")
    tried.add_argument(
        "--expect", metavar="TEXT", help="text that every good answer contains; known by itself for the sample flow"
    )
    tried.add_argument(
        "--limit", default="12s", metavar="DURATION", help="how long the pod may take to get ready; default: 12s"
    )
    for kind in (show, tried):
        kind.add_argument("scenario", metavar="NAME", help="a scenario's name, or a path to its folder")
    listed.set_defaults(call=later("scenarios", "list_all"))
    show.set_defaults(call=later("scenarios", "show"))
    tried.set_defaults(call=later("trials", "try_alone"))
    for kind in (listed, show, tried):
        kind.add_argument("--json", action="store_true", help="print the answer as JSON")


def _add_image(commands: Commands) -> None:
    image = commands.add_parser("image", help="make images, without a Docker daemon")
    kinds = image.add_subparsers(title="commands", required=True, metavar="COMMAND")
    flow = kinds.add_parser("flow", help="lay a flow on a runtime image")
    flow.add_argument("flow", type=Path, metavar="FLOW.json")
    flow.add_argument("--base", required=True, metavar="IMAGE", help="an image with LangFlow or lfx in it")
    flow.add_argument("--to", required=True, metavar="REPO:TAG", help="where to push the image")
    flow.add_argument(
        "--runtime", choices=("auto", "lfx", "langflow"), default="auto", help="what serves the flow; default: auto"
    )
    flow.set_defaults(call=later("images", "flow"))
    derive = kinds.add_parser("derive", help="make a scenario's broken image as one layer over a stable one")
    derive.add_argument("scenario", metavar="SCENARIO", help="a scenario's name, or a path to its folder")
    derive.add_argument("--from", required=True, dest="stable", metavar="IMAGE@DIGEST", help="the stable image")
    derive.set_defaults(call=later("images", "derive"))
    for kind in (flow, derive):
        kind.add_argument("--plain-http", action="store_true", help="HTTP without TLS; always allowed for loopback")
        kind.add_argument("--ca-file", metavar="FILE", help="PEM file with the registry's certificate authority")
        kind.add_argument(
            "--platform",
            metavar="OS/ARCH",
            help="the nodes' platform, for a multi-platform image; default: this machine's, else linux/amd64",
        )
        kind.add_argument("--json", action="store_true", help="print reference, digest and changes as JSON")


def _add_validate(commands: Commands) -> None:
    command = commands.add_parser("validate", help="check a drill file and its scenario, without any cluster")
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("drills", "validate"))


def _add_export(commands: Commands) -> None:
    command = commands.add_parser("export", help="write a drill as an experiment that `chaos run` carries out")
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    command.add_argument("--chaostoolkit", action="store_true", required=True, help="as Chaos Toolkit's experiment")
    command.add_argument(
        "--out", type=Path, metavar="FILE", help="a .yaml or .json file; default: YAML on standard output"
    )
    command.set_defaults(call=later("exports", "export"))


SCHEMAS = (
    "drill",
    "scenario",
    "suite",
    "result",
    "preflight",
    "plan",
    "advisories",
    "controls",
    "replay",
    "repeats",
    "compare",
    "gate",
    "fleet",
    "evidence",
)


def _add_schema(commands: Commands) -> None:
    command = commands.add_parser(
        "schema", help="print the JSON Schema of what flowdrill reads (drills, scenarios …) or writes (result.json …)"
    )
    command.add_argument("name", choices=SCHEMAS)
    command.set_defaults(call=later("drills", "schema"))
