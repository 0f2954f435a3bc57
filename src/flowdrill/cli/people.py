"""The commands of a game day: what people say to a drill while it runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, add_cluster_options, later

_EXIT_CODES = """exit codes:
  0  noted
  2  no drill is in progress there, or it is already over: nothing was noted
"""


def add_people(commands: Commands) -> None:
    """Add them."""
    ack = commands.add_parser(
        "ack",
        help="tell a drill that you have noticed the failure",
        description="Tells a drill that runs on this host; with --context, --namespace and --workload, one that runs "
        "anywhere on that cluster's workload (a game day: `rollback.by: human`).",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inject = commands.add_parser(
        "inject",
        help="note down in a drill that runs here what people are told",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, command in (("ack", ack), ("inject", inject)):
        command.add_argument(
            "run_folder",
            nargs="?",
            type=Path,
            metavar="RUN_FOLDER",
            help="of the drill; default: the newest one in reports/ that is in progress",
        )
        command.add_argument("--by", metavar="NAME", help="who says it; default: this user's name")
        command.add_argument("--json", action="store_true", help="print the answer as JSON")
        command.set_defaults(call=later("people", name))
    ack.set_defaults(call=_ack)
    add_cluster_options(ack)
    ack.add_argument("--namespace", metavar="NAME", help="with --context: of the workload")
    ack.add_argument("--workload", metavar="KIND/NAME", help="with --context: the workload that is drilled")
    ack.add_argument("--note", default="", metavar="TEXT", help="what else is to be noted")
    inject.add_argument("text", metavar="TEXT", help="what people are told")


def _ack(options: argparse.Namespace) -> int:
    on_cluster = (options.context, options.namespace, options.workload) != (None, None, None)
    return later("acks_on_cluster" if on_cluster else "people", "ack")(options)
