"""A whole drill's wall time, beside what of it cannot be shortened.

Whole drills, each `flowdrill run` as a process, from its start to its end: (1) of a small server, on an embedded
cluster that is up; baseline 3 s, hold 2 s, 20 requests/s; (2) where FLOWDRILL_LFX_PYTHON names a LangFlow runtime, of
drills/edge-missing.yaml as it is, on a cluster of its own that the command starts and ends.

**Irreducible**, by the run's own events: the baseline's window; from the patch to the broken release until users met
it (`impact`); from there to the detector's word; from the rollback's patch until every replica is back, or users were
served for the whole hold, whichever comes last. On a cluster of its own also the target's first rollout. **The rest**
is the tool's own, told piece by piece; every second is in one of them. A cluster of its own, its start and its end, is
told apart and in neither sum. Goal: the rest takes at most 2 s, on the median.

Python has compiled the sources before, as pip does when it installs.

    python benchmarks/drill_wall_time.py [--rounds N] [--smoke] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the small server is that of the tests

import yaml
from drill_wall_time_parts.pieces import IRREDUCIBLE, overhead
from drill_wall_time_parts.running import ROOT, NotPassedError, drilled, own_cluster_environ, small_server
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

from flowdrill.cluster.base_image import find_runtime
from flowdrill.model.quantity import parse_duration_seconds

CLAIM = Claim(
    "drill_wall_time",
    "A whole drill's wall time",
    "the sum of what cannot be shortened",
)
ROUNDS = 2
GOAL = Goal(at_most=2.0)
WHY = (
    "most of the rest is Python importing what the harness needs (a third or more of that makes the classes of its "
    "model), the second of warm-up, which no baseline counts, and preflight, during which Locust loads what it needs"
)
LANGFLOW = ROOT / "drills" / "edge-missing.yaml"
LANGFLOW_ROUNDS = 1  # a minute each
_TRIES = 2  # a machine that is too busy has no steady baseline

Rounds = list[dict[str, float]]


def measured(options: argparse.Namespace) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        measures = told("a small server", of_small_server(Path(folder) / "small", options))
        skipped: tuple[str, ...] = ()
        if options.smoke:
            skipped = ("LangFlow: no part of a smoke, since its drill takes a minute",)
        elif find_runtime(os.environ, ROOT) is None:
            skipped = ("LangFlow: no runtime (FLOWDRILL_LFX_PYTHON names its Python)",)
        else:
            rounds = of_langflow(Path(folder) / "langflow")
            measures += told("LangFlow, edge-missing", rounds) if rounds else ()
            skipped = () if rounds else ("LangFlow: its drill did not pass: this machine was too busy",)
    return Found(measures, skipped, (WHY,) if any(one.missed for one in measures) else ())


def of_small_server(folder: Path, options: argparse.Namespace) -> Rounds:
    window, hold = (2.0, 1.0) if options.smoke else (3.0, 2.0)
    with small_server(folder, window, hold) as server:
        found = []
        for number in range(options.rounds):
            say(f"small server, round {number + 1}")
            found.append(drilled(server.drill_file, hold, folder / f"reports-{number}", server.environ))
    return found


def of_langflow(folder: Path) -> Rounds:
    hold = parse_duration_seconds(yaml.safe_load(LANGFLOW.read_text("utf-8"))["hold"])
    found: Rounds = []
    for number in range(_TRIES):
        say(f"LangFlow, round {number + 1}")
        try:
            found.append(drilled(LANGFLOW, hold, folder / f"reports-{number}", own_cluster_environ(folder)))
        except NotPassedError as error:
            say(str(error))
        if len(found) == LANGFLOW_ROUNDS:
            break
    return found


def told(case: str, rounds: Rounds) -> tuple[Measure, ...]:
    """The sums, and every piece."""
    return (
        Measure(case, "wall - irreducible", "s", tuple(map(overhead, rounds)), GOAL),
        Measure(case, "wall", "s", tuple(sum(one.values()) for one in rounds)),
        *(
            Measure(
                case, name + (" (irreducible)" if name in IRREDUCIBLE else ""), "s", tuple(one[name] for one in rounds)
            )
            for name in rounds[0]
        ),
    )


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=ROUNDS))
