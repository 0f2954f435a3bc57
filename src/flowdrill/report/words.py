"""What the reports call things: one vocabulary for every format."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.events import End, Phase
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.noticed import GameDay, GameDayEntry, GameDayKind
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment, Report, Result, TokenUse, Verdict
from flowdrill.model.status import Status

VERDICT_WORDS = {Verdict.PASS: "Pass", Verdict.FAIL: "Fail", Verdict.INCONCLUSIVE: "Inconclusive"}
VERDICT_MEANINGS = {
    Verdict.PASS: "Every objective was met and every check held.",
    Verdict.FAIL: "At least one objective was missed or one check did not hold.",
    Verdict.INCONCLUSIVE: "The drill could not find out. This is not a pass.",
}
OBJECTIVE_WORDS = {Status.PASS: "met", Status.WARNING: "warns", Status.FAIL: "missed", Status.UNKNOWN: "unknown"}
CHECK_WORDS = {Status.PASS: "holds", Status.WARNING: "warns", Status.FAIL: "fails", Status.UNKNOWN: "unknown"}
LIMIT_WORDS = {Status.PASS: "kept", Status.WARNING: "not watched", Status.FAIL: "reached", Status.UNKNOWN: "unknown"}
END_WORDS = {
    End.COMPLETED: "completed",
    End.REFUSED: "refused in preflight; nothing was touched",
    End.UNSTEADY: "stopped before the break, because the service was not steady; nothing was broken",
    End.NOT_BROKEN: "the fault did not reach users",
    End.INTERRUPTED: "interrupted",
    End.LIMIT: "stopped by one of the drill's limits",
    End.FAILED: "the harness, the load or the cluster failed in mid-run",
    None: "cut off: the run's record has no end",
}
_REASONS = {
    "http_status": "HTTP status 400 or above",
    "flow_error": "the answer says that the flow failed",
    "wrong_answer": "the flow gave a wrong answer",
    "malformed": "the answer was not what the route promises",
    "connection": "the connection was refused or broken",
    "no_answer": "no answer within the client's time limit",
    "too_slow": "slower than the latency objective",
}
_ASSESSED = {
    "time_to_detect": "Time to detect",
    "time_to_acknowledge": "Time to acknowledge",
    "time_to_act": "Time to act",
    "time_to_recover": "Time to recover",
    "outage": "Outage",
    "failed_requests_ratio": "Share of failed requests",
}
_INSTANTS = {
    "broken": ("broken", "the request for the broken image: sent, accepted"),
    "impact": ("impact", "users meet the fault: last good request began, first bad one ended"),
    "detected": ("detected", "the detector that counts said so"),
    "acknowledged": ("acknowledged", "somebody said that they have noticed"),
    "decided": ("decided", "the policy, or a human, said roll back"),
    "triggered": ("triggered", "the request to roll back: sent, accepted"),
    "rolled_back": ("rolled back", "every replica on the stable digest, no broken pod left"),
    "recovered": ("recovered", "users are served again, and stay so for the hold window"),
}
_NOT_REACHED = {
    "impact": "users never met the fault",
    "detected": "it was never detected",
    "acknowledged": "nobody acknowledged it",
    "triggered": "the rollback was never asked for",
    "recovered": "users were never served again for the whole hold window",
}


@dataclass(frozen=True, slots=True)
class NamedMeasure:
    """One of the times, with the instants it lies between, what its objective says, and why it is missing."""

    name: str
    words: str
    short: str
    start: str
    end: str
    measure: Measure | None
    objective: Assessment | None
    missing: str

    @property
    def value(self) -> str:
        """The estimate as people read it; where there is none, `> limit` if the objective says so, or a dash."""
        if self.measure:
            return format_seconds(self.measure.seconds)
        observed = self.objective.observed if self.objective else ""
        return observed if observed.startswith(">") else "–"

    @property
    def bounds(self) -> str:
        """The bounds that hold the truth, or why there is no measure."""
        if not self.measure:
            return self.missing
        return f"between {format_seconds(self.measure.earliest)} and {format_seconds(self.measure.latest)}"


@dataclass(frozen=True, slots=True)
class NamedInstant:
    """An instant that happened."""

    words: str
    meaning: str
    moment: Moment


def named_measures(result: Result) -> tuple[NamedMeasure, ...]:
    """Return the times in the order in which a reader meets them: the four, and on a game day those of people."""
    measures, instants = result.measures, result.instants
    by_answers = any(one.triggers and one.newest_outcome is not None for one in result.detections)
    found_before = (
        measures.time_to_detect is not None and not by_answers and before_impact(instants.detected, instants.impact)
    )
    heard_before = measures.time_to_acknowledge is not None and before_impact(instants.acknowledged, instants.impact)
    people = (
        ("time_to_acknowledge", "Time to acknowledge", "TTA", "broken" if heard_before else "impact", "acknowledged"),
        ("time_to_act", "Time to act", "Act", "acknowledged", "triggered"),
    )
    times = (
        ("time_to_detect", "Time to detect", "TTD", "broken" if found_before else "impact", "detected"),
        *(people if result.game_day is not None and (result.game_day.by_people or instants.acknowledged) else ()),
        ("reaction", "Reaction", "Reaction", "detected", "triggered"),
        ("time_to_recover", "Time to recover", "TTR", "triggered", "recovered"),
        ("outage", "Outage", "Outage", "impact", "recovered"),
    )
    objectives = {objective.name: objective for objective in result.objectives}
    return tuple(
        NamedMeasure(
            name=name,
            words=words,
            short=short,
            start=start,
            end=end,
            measure=getattr(result.measures, name),
            objective=objectives.get(name),
            missing=_why_missing(result, objectives.get(name), start, end) + _until_restore(result, name),
        )
        for name, words, short, start, end in times
    )


def _until_restore(result: Result, name: str) -> str:
    """What the outage came to where no rollback but the restore ended it."""
    until = result.measures.outage_until_restore
    if name != "outage" or until is None or result.measures.outage is not None:
        return ""
    return f"; {format_seconds(until.seconds)} until the restore"


def before_impact(noticed: Moment | None, impact: Moment | None) -> bool:
    """Return whether somebody had noticed before any user was hit, or none ever was."""
    return noticed is not None and (impact is None or noticed.latest < impact.earliest)


def _why_missing(result: Result, objective: Assessment | None, start: str, end: str) -> str:
    if result.end in (End.REFUSED, End.UNSTEADY):
        return "nothing was broken"
    if result.never_hit:
        return "no user was ever hit"
    if objective and objective.detail:
        return objective.detail
    if result.end not in (End.COMPLETED, End.NOT_BROKEN):
        return "the run ended before this could be seen"
    unseen = [instant for instant in (start, end) if getattr(result.instants, instant) is None]
    return _NOT_REACHED[unseen[0]] if unseen else "could not be measured"


def game_day_sentence(game_day: GameDay) -> str:
    """Return who rolled back and how, or that nobody did, in one sentence."""
    if game_day.rolled_back_by is not None:
        return f"Rolled back by {game_day.rolled_back_by}: {game_day.how}."
    if game_day.by_people and game_day.take_over_after is not None:
        if any(entry.kind is GameDayKind.TAKEN_OVER for entry in game_day.entries):
            return f"Nobody rolled back within {format_seconds(game_day.take_over_after)}: the drill took over."
        return "Nobody rolled back."
    return "People were not waited for: the drill rolls back by itself."


def since_break_words(entry: GameDayEntry) -> str:
    """Return when it was: `12.3 s after the break`."""
    return "before the break" if entry.since_break is None else f"{format_seconds(entry.since_break)} after the break"


def named_instants(result: Result) -> tuple[NamedInstant, ...]:
    """Return the instants that happened, in the order of design: earlier causes before later effects."""
    moments = ((words, getattr(result.instants, name)) for name, words in _INSTANTS.items())
    return tuple(NamedInstant(*words, moment) for words, moment in moments if moment)


@dataclass(frozen=True, slots=True)
class NamedTokenUse:
    """What the model provider served in one window."""

    words: str
    use: TokenUse


def named_token_uses(result: Result) -> tuple[NamedTokenUse, ...]:
    """Return what the model provider served, window by window, where its log was read."""
    tokens = result.tokens
    windows = (("Baseline", tokens.baseline), ("Outage", tokens.outage)) if tokens else ()
    return tuple(NamedTokenUse(words, use) for words, use in windows if use)


def cost_sentence(result: Result) -> str | None:
    """Return what one user's request cost during the outage against the baseline, or None where it is not known."""
    ratio = result.tokens.cost_ratio if result.tokens else None
    if ratio is None:
        return None
    return f"A user's request cost {ratio:.3g} times the tokens it costs in the baseline."


_STRATEGIES = {
    "set-image": "setting the stable image by its digest",
    "undo": "going back to the revision that holds the stable template",
    "command": "the team's own command",
    "human": "hand",
}


def rollback_sentence(result: Result) -> str | None:
    """Return how the way back was taken, and by whom; None where it was not."""
    taken = result.rollback
    if taken is None:
        return None
    how = f" ({taken.how})" if taken.how else ""
    return f"Rolled back by {_STRATEGIES.get(taken.strategy, taken.strategy)}{how}, by {taken.by or 'the harness'}."


def early_recovery_sentence(result: Result) -> str | None:
    """Return why users can be served again before the rollback is complete, where it was so; else None."""
    recovered, rolled_back = result.instants.recovered, result.instants.rolled_back
    if recovered is None or rolled_back is None or recovered.latest >= rolled_back.seconds:
        return None
    return (
        "Users were served again before the rollback was complete: it is complete only when no broken pod is left, "
        "and one that is ending gets no more requests."
    )


def drilled_sentence(report: Report) -> str:
    """Return what was drilled, in one sentence."""
    run, instants = report.result.run, report.result.instants
    where = f"{run.workload} in namespace {run.namespace} on cluster {run.cluster}"
    load = f"{report.requests_per_second:.6g} requests per second"
    if not instants.broken:
        cut = report.result.end is None and any(one.phase == Phase.BREAK for one in report.result.phases)
        changed = "whether the image was changed is not recorded" if cut else "the image was not changed"
        return f"Scenario {run.scenario} was to be drilled on {where}, under {load}; {changed}."
    if any(one.name == "candidate_serves" for one in report.result.checks):
        back = ", and rolled back" if report.result.rollback is not None else ""
        return f"The image of {where} was replaced by a candidate for a release, under {load}{back}."
    return f"The image of {where} was replaced by a broken one (scenario {run.scenario}), under {load}."


def assessed_words(name: str) -> str:
    """Return an objective's or a check's name in plain words."""
    return _ASSESSED.get(name) or _capitalised(name.replace("_", " "))


def unit_of(objective: str) -> str:
    """Return what an objective's limit is counted in: `seconds`, or `ratio`."""
    return "ratio" if objective.endswith("_ratio") else "seconds"


def reasons_in_words(result: Result) -> tuple[str, ...]:
    """Return why the verdict is what it is, with plain words for the objective or check that a reason begins with."""
    names = {assessment.name for assessment in (*result.objectives, *result.checks)}
    split = ((reason.partition(":"), reason) for reason in result.reasons or (VERDICT_MEANINGS[result.verdict],))
    return tuple(
        f"{assessed_words(name)}:{rest}" if name in names else _capitalised(reason) for (name, _, rest), reason in split
    )


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def reason_words(reason: str) -> str:
    """Return why a request counted as bad, in plain words."""
    return _REASONS.get(reason) or reason.replace("_", " ")


def bad_by_reason(result: Result) -> tuple[tuple[str, int], ...]:
    """Return (reason in plain words, count) of the bad requests, most frequent first."""
    ordered = sorted(result.requests.by_reason.items(), key=lambda item: (-item[1], item[0]))
    return tuple((reason_words(reason), count) for reason, count in ordered)
