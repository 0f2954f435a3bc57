"""Prometheus' own rule engine over streams, by `promtool test rules`: real code, simulated time."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detection_parts.product import EVERY_SECONDS, Clocks
from detection_parts.stream import BASELINE_SECONDS, FAILS_SECONDS, Stream
from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds

PROMTOOL = shutil.which("promtool")


def _ratio(window: str) -> str:
    return f"rate(bad_total[{window}]) / rate(all_total[{window}])"


RULES = [
    {"alert": "OverAMinute", "expr": f"{_ratio('1m')} > 0.05", "for": "1m"},
    # 14.4 times the budget of 99.9 %: Google's SRE Workbook, chapter 5
    {"alert": "FastBurn", "expr": f"{_ratio('1h')} > 0.0144 and {_ratio('5m')} > 0.0144"},
]
FIRST_SECONDS = 3900  # of Prometheus' time, at the first evaluation of `Clocks`: more than an hour of health before it
_LAST_SECONDS = FIRST_SECONDS + FAILS_SECONDS + 2 * EVERY_SECONDS
# of each alert, the first evaluation at which it fired
_FIRED = f'min_over_time(timestamp(ALERTS{{alertstate="firing"}})[{_LAST_SECONDS}s:{EVERY_SECONDS}s])'
_SAMPLE = re.compile(r'\{alertname="(\w+)", alertstate="firing", run="(\d+)"\} ([0-9.]+(?:E[+-]\d+)?)')


@dataclass(frozen=True, slots=True)
class Scraped:
    """A stream, and when it is looked at."""

    stream: Stream
    clocks: Clocks


def promtool_version() -> str:
    """As it says itself."""
    assert PROMTOOL is not None
    told = subprocess.run([PROMTOOL, "--version"], capture_output=True, text=True, check=True)
    return (told.stdout + told.stderr).split()[2]


def fired(runs: Sequence[Scraped], folder: Path) -> list[dict[str, int | None]]:
    """Return for each run when each rule began to fire, as `Alarms.rules_ns` has it. Needs promtool."""
    assert PROMTOOL is not None
    (folder / "rules.json").write_text(
        json.dumps({"groups": [{"name": "flow", "interval": f"{EVERY_SECONDS}s", "rules": RULES}]})
    )
    (folder / "tests.json").write_text(json.dumps(_tests(runs)))
    command = [PROMTOOL, "test", "rules", "tests.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    instants = _instants(done.stdout + done.stderr)
    return [
        {rule["alert"]: _in_stream(instants.get((rule["alert"], run)), scraped) for rule in RULES}
        for run, scraped in enumerate(runs)
    ]


def _tests(runs: Sequence[Scraped]) -> dict[str, object]:
    series = [
        {"series": f'{name}_total{{run="{run}"}}', "values": _values(scraped, bad=name == "bad")}
        for run, scraped in enumerate(runs)
        for name in ("all", "bad")
    ]
    asked = {"expr": _FIRED, "eval_time": f"{_LAST_SECONDS}s", "exp_samples": []}  # wrong: it says what there is
    return {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{EVERY_SECONDS}s",
        "tests": [{"interval": "1s", "input_series": series, "promql_expr_test": [asked]}],
    }


def _values(scraped: Scraped, *, bad: bool) -> str:
    """A counter at each scrape from 0 on, in promtool's notation of a value a second: `_xN` is N seconds without."""
    first = ns_to_seconds(scraped.clocks.scraped_ns - scraped.clocks.evaluated_ns) % EVERY_SECONDS
    seconds = np.arange(int(first), _LAST_SECONDS + 1, EVERY_SECONDS)
    at_ns = (seconds - FIRST_SECONDS) * NS_PER_SECOND + scraped.clocks.evaluated_ns
    counted = _bad(scraped.stream, at_ns) if bad else _all(scraped.stream, at_ns)
    told = [str(int(one)) if one == int(one) else repr(float(one)) for one in counted]
    return f"_x{int(first)} " + f" _x{EVERY_SECONDS - 1} ".join(told)


def _bad(stream: Stream, at_ns: np.ndarray) -> np.ndarray:
    return np.searchsorted(stream.known_ns[stream.bad], at_ns, "right")


def _all(stream: Stream, at_ns: np.ndarray) -> np.ndarray:
    """Before the baseline requests came steadily, as many as in it: `replay` takes it for the same."""
    baseline = int(np.searchsorted(stream.known_ns, stream.broken_ns, "right"))
    assert baseline > 0
    earlier = np.minimum(at_ns, 0) / NS_PER_SECOND * (baseline / BASELINE_SECONDS)
    return FIRST_SECONDS * baseline + np.searchsorted(stream.known_ns, at_ns, "right") + earlier


def _instants(told: str) -> dict[tuple[str, int], int]:
    """Seconds of Prometheus' time, by alert and run."""
    if "got: " not in told or "err:" in told:
        raise RuntimeError(f"promtool says something else than was expected: {told[:1000]}")
    return {(alert, int(run)): round(float(at)) for alert, run, at in _SAMPLE.findall(told)}


def _in_stream(at_seconds: int | None, scraped: Scraped) -> int | None:
    if at_seconds is None:
        return None
    at_ns = (at_seconds - FIRST_SECONDS) * NS_PER_SECOND + scraped.clocks.evaluated_ns
    return at_ns if at_ns <= scraped.stream.ends_ns else None
