"""`pool`: several recorded runs, counted together."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, later

_EPILOG = """a claim is one line:
  time_to_recover <= 120s        also time_to_detect, reaction, time_to_acknowledge, time_to_act, outage
  failed_requests_ratio <= 5%
  pass                           the drill passes
The drill's objectives, and that it passes, are always among them.

exit codes:
  0  counted, and every --claim is supported
  1  a --claim is not supported (yet)
  2  error: no such run, runs of different plans, or a claim that is none
"""


def add_pool(commands: Commands) -> None:
    """Add it."""
    command = commands.add_parser(
        "pool",
        help="what do several runs of one plan come to? Medians, and what so many runs let you claim",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run_folders", type=Path, nargs="+", metavar="RUN_FOLDER")
    command.add_argument(
        "--claim", action="append", default=[], metavar="TEXT", help="what is to be claimed; may be given several times"
    )
    command.add_argument("--share", default="95%", metavar="PERCENT", help="of all drills; default: 95%%")
    command.add_argument("--confidence", default="95%", metavar="PERCENT", help="default: 95%%")
    command.add_argument("--out", type=Path, metavar="DIR", help="write repeats.html, .md and .json there")
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("repeats", "pool"))
