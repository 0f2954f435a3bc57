"""`replay`: detectors over a recorded run."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, later

_RULES = """a rule is one line:
  sequential                                             flowdrill's own detector; it is always there, to compare with
  bad_ratio > 5% over 1m for 1m every 15s scrape 15s     share of bad requests, as Prometheus would see it
  bad_ratio > 1.44% over 1h and 5m                       in both windows, as burn-rate rules have it
  p95 > 2s over 30s                                      latency, p50 to p99.9; at most load.latency_objective
`for` (default: none), `every` (when it is evaluated; default: 1s) and `scrape` (default: each outcome is seen at once)
may be left out. Without --rule: the drill's own rules, and well-known ones.

exit codes:
  0  replayed, whatever it showed
  2  error: no such run, one that broke nothing, or a rule that is none
"""


def add_replay(commands: Commands) -> None:
    """Add it."""
    command = commands.add_parser(
        "replay",
        help="when would another rule have noticed? Detectors over a recorded run, and what each costs in false alarms",
        epilog=_RULES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("run_folder", type=Path, metavar="RUN_FOLDER")
    command.add_argument(
        "--rule", action="append", default=[], metavar="TEXT", help="a rule to try; may be given several times"
    )
    command.add_argument(
        "--hold-failure",
        metavar="DURATION",
        help="let the failure last so long, by repeating what was recorded between the impact and the rollback, to see "
        "when slow rules would fire; default: as long as it lasted",
    )
    command.add_argument(
        "--simulate",
        metavar="DURATION",
        help="how much healthy traffic to make of the baseline for the estimate of false alarms; default: a day, or "
        "a quarter of a million requests",
    )
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("replays", "replay"))
