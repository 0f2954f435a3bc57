"""The commands that put back, and tell what is broken."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, add_cluster_options, later

_RESTORE_EXIT_CODES = """exit codes:
  0  everything is as it was before the drill
  1  it is not: something is left, or somebody else has deployed meanwhile and must be asked
  2  error: nothing to put back, a drill that is still at it, or an undo that is not believed; nothing was touched
"""

_STATUS_EXIT_CODES = """exit codes:
  0  no drill has left anything broken; drills may be in progress
  1  a workload is still broken, or people are asked something
  2  error: it could not be looked at
"""


def add_restore(commands: Commands) -> None:
    """Add them."""
    _add_restore(commands)
    _add_status(commands)


def _add_restore(commands: Commands) -> None:
    command = commands.add_parser(
        "restore",
        help="put back what a dead drill has broken",
        description="Puts back what a run has broken that died together with its guard: by its run folder or, also on "
        "another machine, by what it has written down on the cluster (--context, --namespace and --workload). Doing it "
        "again does no harm.",
        epilog=_RESTORE_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run_folder", nargs="?", type=Path, metavar="RUN_FOLDER", help="of the run that died")
    add_cluster_options(command)
    command.add_argument("--namespace", metavar="NAME", help="with --context: of the workload")
    command.add_argument("--workload", metavar="KIND/NAME", help="with --context: the workload that was drilled")
    command.add_argument(
        "--undo-digest",
        metavar="sha256:…",
        help="believe the undo with this digest, which the drill has printed, whatever the cluster says of it",
    )
    command.add_argument(
        "--plain-http", action="store_true", help="without RUN_FOLDER: the registry has no TLS (loopback may always)"
    )
    command.add_argument(
        "--ca-file", metavar="FILE", help="without RUN_FOLDER: PEM file with the registry's certificate authority"
    )
    others = command.add_mutually_exclusive_group()
    others.add_argument(
        "--keep-theirs", action="store_true", help="leave the image that somebody else has set, and free the workload"
    )
    others.add_argument("--overwrite", action="store_true", help="put the stable image back in its place")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("restores", "restore"))


def _add_status(commands: Commands) -> None:
    command = commands.add_parser(
        "status",
        help="drills in progress, and workloads that are still broken",
        description="Looks at the runs of this host and, with --context (else on the embedded cluster that is up), at "
        "the drills of a cluster.",
        epilog=_STATUS_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_cluster_options(command)
    command.add_argument("--namespace", metavar="NAME", help="look there alone; default: all that may be read")
    command.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("restores", "status"))
