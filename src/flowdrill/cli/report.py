"""`report`: the reports of a recorded run."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, later

_EPILOG = """formats:
  html         report.html    the report: one file, no network
  pdf          report.pdf     the same on paper; needs `pip install 'flowdrill[pdf]'`
  markdown     report.md      for a pull request's comment, or a step's summary in CI
  junit        junit.xml      for CI servers: a case an objective, a check and a limit
  json         result.json    for programs: `flowdrill schema result`
  openmetrics  metrics.prom   for node-exporter's textfile collector, or a push gateway
"""


def add_report(commands: Commands) -> None:
    """Add it."""
    command = commands.add_parser(
        "report",
        help="make the reports of a run folder anew, from its recorded data",
        description="Without --format: all that `flowdrill run` writes (every format but pdf), in the run folder.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    command.add_argument(
        "--format",
        action="append",
        default=[],
        metavar="FORMAT[,FORMAT]",
        help="only these; may be given several times",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR|FILE|-",
        help="a folder for them; for one format a file, or - for standard output; default: the run folder, "
        "and RUN_FOLDER.pdf beside it",
    )
    command.add_argument(
        "--outcomes",
        type=Path,
        metavar="FILE.csv|FILE.parquet",
        help="write every request as a table; Parquet needs `pip install 'flowdrill[parquet]'`",
    )
    command.add_argument("--json", action="store_true", help="print result.json on stdout")
    command.set_defaults(call=later("reports", "report"))
