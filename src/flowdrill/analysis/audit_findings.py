"""What did not hold in a run, or is not known, as findings that somebody sees to until a day."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flowdrill.analysis.redaction import redact
from flowdrill.model.audit import Finding, FindingKind, Severity
from flowdrill.model.audit_plan import FollowUpPlan
from flowdrill.model.reach import Aspect, Reach, ReachFinding
from flowdrill.model.result import Assessment, Result, Verdict
from flowdrill.model.status import Status

_SEVERITY = {Status.FAIL: Severity.HIGH, Status.UNKNOWN: Severity.MEDIUM, Status.WARNING: Severity.LOW}
_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARNING)
_KINDS_IN_ORDER = tuple(FindingKind)
# what is another one in every run, in a requirement that is the same
_VARIES = re.compile(r"sha256:[0-9a-f]+|\d[\d.,:]*")
_MOST_VERSIONS = 5


@dataclass(frozen=True, slots=True)
class _Found:
    kind: FindingKind
    name: str
    status: Status
    required: str
    observed: str


def findings_of(result: Result, follow_up: FollowUpPlan, finished: datetime) -> tuple[Finding, ...]:
    """Return every objective, check and limit that did not hold, is not known, or warns, and what keeps earlier
    versions from being rolled back to: the heaviest first. A verdict that none of them explains is one, too."""
    found = [one for one in _found(result) if one.status is not Status.PASS]
    if result.verdict is not Verdict.PASS and all(one.status is Status.WARNING for one in found):
        found.append(_verdict(result))
    found.sort(key=lambda one: (_WORST_FIRST.index(one.status), _KINDS_IN_ORDER.index(one.kind)))
    due = None if follow_up.due_within is None else day_after(finished, follow_up.due_within)
    owner = None if follow_up.owner is None else redact(follow_up.owner)
    return tuple(
        Finding(
            id=_id_of(one, result),
            kind=one.kind,
            name=one.name,
            severity=_severity(one),
            status=one.status,
            required=one.required,
            observed=one.observed,
            owner=owner,
            due=due,
        )
        for one in found
    )


def day_after(moment: datetime, seconds: float) -> str:
    """Return the day in UTC so many seconds after `moment`, ISO 8601; the last one that there is for any later one."""
    try:
        return (moment + timedelta(seconds=seconds)).date().isoformat()
    except OverflowError:  # a record may say anything of its clock
        return date.max.isoformat()


def _found(result: Result) -> Iterator[_Found]:
    yield from _assessed(FindingKind.OBJECTIVE, result.objectives)
    yield from _assessed(FindingKind.CHECK, result.checks)
    yield from _assessed(FindingKind.LIMIT, result.limits)
    if result.readiness is not None and result.readiness.reach is not None:
        yield from _unreached(result.readiness.reach)


def _assessed(kind: FindingKind, several: Sequence[Assessment]) -> Iterator[_Found]:
    for one in several:
        observed = f"{one.observed}: {one.detail}" if one.observed and one.detail else one.observed or one.detail
        yield _Found(kind, one.name, one.status, one.required, observed)


def _unreached(reach: Reach) -> Iterator[_Found]:
    """One for each thing that is asked of the versions before the one that runs now."""
    for aspect in Aspect:
        said = [(row.reference, one) for row in reach.earlier for one in row.findings if one.aspect is aspect]
        bad = [(name, one) for name, one in said if one.status is not Status.PASS]
        if bad:
            worst = next(status for status in _WORST_FIRST if any(one.status is status for _, one in bad))
            required = f"every version that could be rolled back to: {aspect.value}"
            yield _Found(FindingKind.REACH, aspect.value, worst, required, _versions(bad))


def _versions(bad: Sequence[tuple[str, ReachFinding]]) -> str:
    told = "; ".join(f"{name}: {one.words}" for name, one in bad[:_MOST_VERSIONS])
    return told if len(bad) <= _MOST_VERSIONS else f"{told}; and {len(bad) - _MOST_VERSIONS} more"


def _severity(found: _Found) -> Severity:
    """Whether there is any version at all to go back to is a check's matter: an earlier one alone weighs less."""
    severity = _SEVERITY[found.status]
    return Severity.MEDIUM if found.kind is FindingKind.REACH and severity is Severity.HIGH else severity


def _verdict(result: Result) -> _Found:
    """Nothing that is judged by itself says why the drill is no pass: it ended early, or was cut off."""
    status = Status.FAIL if result.verdict is Verdict.FAIL else Status.UNKNOWN
    required, observed = "the drill comes to an end, and says pass or fail", "; ".join(result.reasons)
    return _Found(FindingKind.VERDICT, "verdict", status, required, observed or result.verdict.value)


def _id_of(found: _Found, result: Result) -> str:
    """Over what is the same in every run of the drill: what was observed is not in it, nor a number or a digest of what
    was required."""
    required = "" if found.kind is FindingKind.OBJECTIVE else _VARIES.sub("#", found.required)
    about = (result.run.drill, result.run.namespace, result.run.workload, found.kind.value, found.name, required)
    return f"F-{hashlib.sha256(chr(0).join(about).encode('utf-8', 'backslashreplace')).hexdigest()[:8]}"
