"""The commands about many runs, and about two: `site` and `compare`."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, later

_COMPARE_EXIT_CODES = """exit codes:
  0  compared, whatever came of it
  1  with --fail-if-worse: the second run is certainly worse
  2  error: no such run, or one that is damaged
"""


def add_site(commands: Commands) -> None:
    """Add them."""
    site = commands.add_parser(
        "site",
        help="make a static site of many runs: an index, trends, last results, evidence that expired, the ledger",
        description="Works from the run folders alone, and writes nothing into them. A second build reads only those "
        "that have changed. A folder that cannot be read is listed with its reason, and stops nothing.",
    )
    site.add_argument("reports", type=Path, metavar="REPORTS_DIR", help="the folder that holds the folders of runs")
    site.add_argument("--out", type=Path, metavar="DIR", help="default: REPORTS_DIR/site")
    site.add_argument(
        "--expires-after",
        default="90d",
        metavar="DAYS",
        help="so long after it a passing drill counts as evidence; default: 90d",
    )
    site.add_argument("--as-of", metavar="YYYY-MM-DD", help="the day (UTC) on which evidence is judged; default: today")
    site.add_argument(
        "--ledger", type=Path, action="append", default=[], metavar="FILE", help="a ledger; may be given several times"
    )
    site.add_argument("--rebuild", action="store_true", help="read every run anew, whatever was read before")
    site.add_argument("--json", action="store_true", help="print what was made as JSON")
    site.set_defaults(call=later("sites", "site"))
    _add_compare(commands)


def _add_compare(commands: Commands) -> None:
    compare = commands.add_parser(
        "compare",
        help="two runs side by side: plan, measures, checks, images, environment",
        epilog=_COMPARE_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument("before", type=Path, metavar="RUN_FOLDER")
    compare.add_argument("after", type=Path, metavar="RUN_FOLDER")
    compare.add_argument(
        "--fail-if-worse",
        action="store_true",
        help="end with 1 when the second run is certainly worse: it failed what the first one passed, or took longer, "
        "whatever the bounds leave open",
    )
    compare.add_argument(
        "--tolerance",
        default="0%",
        metavar="PERCENT",
        help="so much longer is not worse yet, for --fail-if-worse; default: 0%%",
    )
    compare.add_argument("--json", action="store_true", help="print the answer as JSON")
    compare.set_defaults(call=later("comparisons", "compare"))
