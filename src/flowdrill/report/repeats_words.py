"""What several runs come to, in sentences: the same for every format."""

from __future__ import annotations

import math
from collections import Counter

from flowdrill.model.claim import Claimed
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.repeats import ClaimResult, Counts, Median, PooledRun, Repeats, RunTime
from flowdrill.model.result import Verdict
from flowdrill.report.words import END_WORDS

CLAIMED_WORDS = {
    Claimed.PASS: "the drill passes",
    Claimed.TIME_TO_DETECT: "time to detect",
    Claimed.REACTION: "reaction",
    Claimed.TIME_TO_ACKNOWLEDGE: "time to acknowledge",
    Claimed.TIME_TO_ACT: "time to act",
    Claimed.TIME_TO_RECOVER: "time to recover",
    Claimed.OUTAGE: "outage",
    Claimed.FAILED_REQUESTS_RATIO: "share of failed requests",
}
COUNTS_WORDS = {Counts.DRILL: "drill", Counts.MISS: "miss", Counts.NO_DRILL: "no drill"}


def floor_percent(share: float) -> str:
    """Return a share that is claimed at least, never rounded up by more than floats are wrong: `74.1 %`."""
    return f"{math.floor(share * 1000 + 1e-6) / 10:.1f} %"


def head_sentence(repeats: Repeats) -> str:
    """Return how many runs there are, what became of them, and how many count."""
    verdicts = Counter(run.verdict for run in repeats.runs)
    told = ", ".join(f"{verdicts[one]} {one.value}" for one in Verdict if verdicts[one])
    asked = "" if repeats.asked_for is None else f" of {repeats.asked_for}"
    runs = len(repeats.runs)
    return f"{runs}{asked} {_plural(runs, 'run')}: {told}; {len(repeats.counted)} of them count."


def stopped_sentence(repeats: Repeats) -> str | None:
    """Return why fewer runs were carried out than were asked for; None where all were."""
    return None if repeats.stopped is None else f"Stopped after {len(repeats.runs)}: {repeats.stopped}."


def no_drill_sentence(repeats: Repeats) -> str | None:
    """Return how many runs say nothing; None where all say something."""
    none = len(repeats.runs) - len(repeats.counted)
    if not none:
        return None
    verb = "is" if none == 1 else "are"
    return (
        f"{none} {_plural(none, 'run')} {verb} no drill: nothing was broken, and nothing was found to be wrong. "
        "Where the brake itself may have been the reason, count them as misses: each claim says what is left then."
    )


def claim_words(claim: ClaimResult) -> str:
    """Return what is claimed: `time to recover at most 2 min 00 s`."""
    if claim.at_most is None:
        return CLAIMED_WORDS[claim.what]
    ratio = claim.what is Claimed.FAILED_REQUESTS_RATIO
    limit = format_ratio(claim.at_most) if ratio else format_seconds(claim.at_most)
    return f"{CLAIMED_WORDS[claim.what]} at most {limit}"


def supported_words(claim: ClaimResult, confidence: float) -> str:
    """Return what the runs support, and had those that are no drill been misses."""
    if not claim.hits:
        return f"with {claim.hits} of {claim.runs} you may claim nothing"
    told = (
        f"with {claim.hits} of {claim.runs} you may claim at least {floor_percent(claim.supported_share)} of "
        f"drills ({format_ratio(confidence)} confidence)"
    )
    if claim.supported_share_with_no_drills != claim.supported_share:
        told += f"; {floor_percent(claim.supported_share_with_no_drills)} had each that is no drill been a miss"
    return told


def needed_words(claim: ClaimResult) -> str:
    """Return what the share that is claimed needs. After a miss that is a new series: to go on until it fits would make
    the confidence another one."""
    share, misses = format_ratio(claim.share), claim.runs - claim.hits
    if claim.supported:
        return f"{share} is supported"
    if claim.runs_needed is None:
        return f"{share} needs more than 10,000 runs"
    needs = f"{share} needs {claim.runs_needed - misses} of {claim.runs_needed}"
    if misses:
        return f"{needs}, if so many were settled before"
    return f"{needs}: {claim.runs_needed - claim.runs} more without a miss"


def interval_words(median: Median) -> str:
    """Return the interval of a median, and how sure it is."""
    if median.ranks is None or median.low is None or median.confidence is None:
        return f"none from {median.runs} {_plural(median.runs, 'run')}"
    sure = floor_percent(median.confidence)
    if median.high is None:
        return f"from {format_seconds(median.low)} ({sure})"
    return f"{format_seconds(median.low)} to {format_seconds(median.high)} ({sure})"


def median_words(median: Median) -> str:
    """Return the median of the runs."""
    if median.seconds is not None:
        return format_seconds(median.seconds)
    return f"> {format_seconds(median.earliest)}" if median.earliest > 0 else "not measured"


def bounds_words(median: Median) -> str:
    """Return the bounds of the median of these runs."""
    if median.latest is None:
        return f"from {format_seconds(median.earliest)}"
    return f"{format_seconds(median.earliest)} to {format_seconds(median.latest)}"


def slowest_words(median: Median) -> str:
    """Return the slowest of the runs, and for how many drills it may be claimed to be the slowest."""
    if median.slowest is None:
        return f"not known: measured in {median.measured} of {median.runs}"
    return f"{format_seconds(median.slowest)} ({floor_percent(median.slowest_share)} of drills at least)"


def time_words(time: RunTime | None) -> str:
    """Return one time of one run: its estimate, that it took longer than a limit, or a dash."""
    if time is None or (time.seconds is None and not time.earliest):
        return "–"
    return f"> {format_seconds(time.earliest)}" if time.seconds is None else format_seconds(time.seconds)


def run_words(run: PooledRun) -> str:
    """Return how a run ended, where that is not the usual way."""
    return "" if run.verdict is Verdict.PASS else f"{END_WORDS[run.end]}: {run.reason}"


METHOD = (
    (
        "Run that counts",
        "Every run but one that is inconclusive and broke nothing. One that failed counts, also when preflight alone "
        "has found that the brake cannot be pulled.",
    ),
    (
        "Miss",
        "A run that does not surely do what is claimed. A time counts with the latest that it can have been. One that "
        "was not measured, and every time of a run that is inconclusive although it broke something, is a miss.",
    ),
    (
        "At least … of drills",
        "The one-sided Clopper-Pearson bound: if the true share were smaller, so many hits or more would come less "
        "often than 1 - confidence allows. Without a miss it is (1 - confidence)^(1/n): 59 of 59 for 95 % and 95 %.",
    ),
    (
        "Median",
        "With an interval from the k-th smallest to the k-th largest value, where k follows from the binomial "
        "distribution: no distribution of the times is assumed. Its confidence is what these ranks really have. The "
        "lower end is from what each run took at least, the upper from what it took at most.",
    ),
    (
        "No percentile",
        "There is no p95 here: a few dozen drills do not show one, and drawing them anew does not make them more.",
    ),
    (
        "What it takes for granted",
        "That the runs are independent and alike, that their number and what is claimed were settled before, and that "
        "each claim is looked at by itself. Runs in a row share nodes, caches and the day.",
    ),
)


def _plural(number: int, word: str) -> str:
    return word if number == 1 else f"{word}s"
