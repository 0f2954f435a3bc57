"""Prometheus' own rule evaluation, by `promtool test rules`, fires when ours does."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.counters import Before
from flowdrill.analysis.detector import PIPE_GRACE_NS
from flowdrill.analysis.threshold_rules import Schedule, ThresholdDetector
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.rule import parse_threshold_rule

S = 1_000_000_000
EVERY, SCRAPE, END = 5, 15, 300
# No window begins at a scrape: there Prometheus 2 counts its sample, and Prometheus 3 does not.
RULES = {
    "Page": ("bad_ratio > 20% over 52s for 20s every 5s scrape 15s", "52s", None, 0.2, "20s"),
    "AtOnce": ("bad_ratio > 40% over 37s every 5s scrape 15s", "37s", None, 0.4, "0s"),
    "Both": ("bad_ratio > 20% over 37s and 112s for 10s every 5s scrape 15s", "37s", "112s", 0.2, "10s"),
}


def outcomes_of(seed: int) -> list[Outcome]:
    """Health, then failures that come and go, at about two requests a second."""
    rng = random.Random(seed)
    bad_ratios = [0.0] * 8 + [rng.choice((0.0, 0.3, 0.6, 1.0)) for _ in range(END // SCRAPE)]
    found, now = [], 0.0
    while now < END:
        now += rng.uniform(0.1, 0.9)
        bad = rng.random() < bad_ratios[int(now) // SCRAPE]
        ns = int(now * S)
        found.append(Outcome(0, ns, ns, ns, Reason.HTTP_STATUS if bad else Reason.GOOD, None))
    return found


def firing_seconds(text: str, outcomes: list[Outcome]) -> list[int]:
    """At which evaluations our detector is firing."""
    detector = ThresholdDetector(parse_threshold_rule(text), Schedule(0, 0), Before(0), again=True)
    for one in outcomes:
        detector.take(one)
    found = []
    for at in range(0, END + 1, EVERY):
        detector.advance(at * S + PIPE_GRACE_NS)
        found += [at] if detector.firing else []
    return found


def condition(window: str, limit: float) -> str:
    return f"rate(bad_total[{window}]) / rate(all_total[{window}]) > {limit}"


def rule_file() -> dict[str, Any]:
    rules = []
    for name, (_, window, other, limit, held) in RULES.items():
        both = f" and {condition(other, limit)}" if other else ""
        rules.append({"alert": name, "expr": condition(window, limit) + both, "for": held})
    return {"groups": [{"name": "flow", "interval": f"{EVERY}s", "rules": rules}]}


def counter_values(outcomes: list[Outcome], *, bad: bool) -> str:
    return " ".join(
        str(sum(one.known_ns <= at * S and (one.bad or not bad) for one in outcomes))
        for at in range(0, END + 1, SCRAPE)
    )


def one_test(outcomes: list[Outcome]) -> dict[str, Any]:
    firing = {name: firing_seconds(rule[0], outcomes) for name, rule in RULES.items()}
    return {
        "interval": f"{SCRAPE}s",
        "input_series": [
            {"series": "all_total", "values": counter_values(outcomes, bad=False)},
            {"series": "bad_total", "values": counter_values(outcomes, bad=True)},
        ],
        "alert_rule_test": [
            {"eval_time": f"{at}s", "alertname": name, "exp_alerts": [{}] if at in seconds else []}
            for name, seconds in firing.items()
            for at in range(0, END + 1, EVERY)
        ],
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, of Debian's prometheus")
def test_prometheus_fires_when_we_say_that_it_would(tmp_path: Path) -> None:
    seen = [outcomes_of(seed) for seed in range(8)]
    for rule, *_ in RULES.values():
        assert any(firing_seconds(rule, outcomes) for outcomes in seen)
    (tmp_path / "rules.yaml").write_text(json.dumps(rule_file()))
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": f"{EVERY}s", "tests": list(map(one_test, seen))}
    (tmp_path / "tests.yaml").write_text(json.dumps(document))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]
