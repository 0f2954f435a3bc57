"""Restored means restored: how everything stood before the drill is read and kept, and compared once all is put back.

The same for the harness, for the guard and for `flowdrill restore`: all it knows of the drill is the undo, and how it
stood before, which the run folder keeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flowdrill.analysis.as_before import Difference, diff_text, differences, mending_of
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import RestorePorts
from flowdrill.errors import FlowdrillError, GuardActsError
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.standing import DRILL_REVISIONS, Standing
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

EVIDENCE = "restored-as-before.diff"
_NAME = "restored_as_before"
_REQUIRED = "template, replicas, annotations, labels, strategy, revisions, pods and tags are as before the drill"
_SETTLE_SECONDS = 30.0  # for controllers to follow, and pods to end
_LOOK_AGAIN_SECONDS = 0.5
_LEAST_LIMIT = 2  # old revisions: with fewer the stable one may not be kept
_MOST_SHOWN, _LONGEST_SHOWN = 5, 300


def take_standing(undo: Undo, ports: RestorePorts) -> Standing:
    """Return how everything stands that a drill must leave as it was; raises what the API server answers."""
    seen = ports.workload.standing(undo)
    tags: dict[str, str | None] = {}
    unread = list(seen.unread)
    for reference in _references(undo):
        try:
            tags[str(reference)] = ports.registry.resolve(reference)
        except FlowdrillError as error:
            unread.append(f"tag {reference}: {error.problem}")
    return replace(seen, tags=tags, unread=tuple(unread))


def remember_standing(undo: Undo, ports: RestorePorts) -> Standing:
    """Read how everything stands before anything is broken, and write it down."""
    before = take_standing(undo, ports)
    ports.evidence.remember_standing(before)
    return before


def make_room(before: Standing | None, ports: RestorePorts, tell: Narrator) -> None:
    """Have the workload keep as many revisions more as the drill adds, where its history is full: else the oldest ones
    would be gone for good. Not where it keeps so few that the stable one might not be among them, which is for the
    drill to find out. Never stops a drill."""
    limit = None if before is None else before.revision_limit
    if before is None or limit is None or limit < _LEAST_LIMIT or not before.lacks_room:
        return
    try:
        ports.workload.set_revision_limit(limit + DRILL_REVISIONS)
    except FlowdrillError as error:
        tell.note(f"the drill's revisions may push the oldest ones out: {error.problem}")


def check_as_before(
    undo: Undo, before: Standing | None, ports: RestorePorts, pause: Callable[[float], None], tell: Narrator
) -> None:
    """Record `restored_as_before`, with the diff as evidence. What the drill has left is mended as far as that needs no
    rollout, and waited for; what is left then fails the check. What somebody else has changed meanwhile is named, and
    left as it is. `before`: None where it is not known any more. Raises only what `pause` does."""
    if before is None:
        _put_limit_back(undo, ports, tell)
        tell.check(_NAME, Status.UNKNOWN, required=_REQUIRED, observed="how it was before the drill is not known")
        return
    try:
        compared = _settled(undo, before, ports, pause, tell)
    except FlowdrillError as error:
        if isinstance(error, GuardActsError):
            raise
        tell.check(_NAME, Status.UNKNOWN, required=_REQUIRED, observed=error.problem, detail=error.remedy)
        return
    _keep_diff(compared, before, ports, tell)
    status = _status(compared)
    observed = "; ".join(_shown(compared)) or "no difference"
    tell.check(_NAME, status, required=_REQUIRED, observed=observed, detail=_detail(compared, status))


def _put_limit_back(undo: Undo, ports: RestorePorts, tell: Narrator) -> None:
    """Undo `make_room` by what the undo alone tells."""
    limit = undo.revision_limit
    if limit is None:
        return
    try:
        if ports.workload.surroundings().revision_limit == limit + DRILL_REVISIONS:
            ports.workload.set_revision_limit(limit)
    except FlowdrillError as error:
        tell.note(f"revisionHistoryLimit may be the drill's still, and was {limit}: {error.problem}")


@dataclass(frozen=True, slots=True)
class _Compared:
    """The last comparison."""

    found: tuple[Difference, ...]
    after: Standing
    not_known: tuple[str, ...]

    @property
    def left(self) -> bool:
        """Whether something of the drill's own is left."""
        return any(one.theirs is None for one in self.found)


def _settled(
    undo: Undo, before: Standing, ports: RestorePorts, pause: Callable[[float], None], tell: Narrator
) -> _Compared:
    """Compare, mend and compare again, until nothing of the drill's own is left or the time is over."""
    deadline_ns = ports.clock.now_ns() + seconds_to_ns(_SETTLE_SECONDS)
    told: set[str] = set()
    while True:
        after = take_standing(undo, ports)
        unread = tuple(dict.fromkeys((*before.unread, *after.unread)))
        compared = _Compared(differences(before, after, undo), after, unread)
        if not compared.left or ports.clock.now_ns() >= deadline_ns:
            return compared
        for problem in _mended(undo, before, after, ports):
            if problem not in told:
                told.add(problem)
                tell.note(problem)
        pause(_LOOK_AGAIN_SECONDS)


def _mended(undo: Undo, before: Standing, after: Standing, ports: RestorePorts) -> list[str]:
    """Mend what can be; return what could not be, each with the reason."""
    mending, problems = mending_of(before, after, undo), list[str]()
    for name, texts in mending.annotations.items():
        try:
            ports.workload.annotate(name, texts)
        except FlowdrillError as error:
            problems.append(f"{name} keeps annotations of the drill: {error.problem}")
    for name, number in mending.numbers.items():
        try:
            ports.workload.renumber(name, number)
        except FlowdrillError as error:
            problems.append(f"{name} keeps its place: {error.problem}")
    if mending.revision_limit is not None:
        try:
            ports.workload.set_revision_limit(mending.revision_limit)
        except FlowdrillError as error:
            problems.append(f"revisionHistoryLimit stays the drill's: {error.problem}")
    for name in mending.revisions:
        try:
            left = ports.workload.forget_revision(name)
        except FlowdrillError as error:
            left = f"{name}: {error.problem}"
        if left is not None:
            problems.append(f"a revision of the drill is left: {left}")
    return problems


def _keep_diff(compared: _Compared, before: Standing, ports: RestorePorts, tell: Narrator) -> None:
    try:
        path = ports.evidence.save(EVIDENCE, diff_text(compared.found, before, compared.after))
    except FlowdrillError as error:
        tell.note(f"the diff could not be kept: {error.problem}")
        return
    tell.evidence(path, "what is not as it was before the drill")


def _status(compared: _Compared) -> Status:
    if compared.left:
        return Status.FAIL
    if compared.not_known:
        return Status.UNKNOWN
    return Status.WARNING if compared.found else Status.PASS


def _detail(compared: _Compared, status: Status) -> str:
    unread = f"not compared: {'; '.join(compared.not_known)}" if compared.not_known else ""
    says = {
        Status.FAIL: f"the drill has left it: see {EVIDENCE}",
        Status.WARNING: f"somebody else has changed it during the drill; nothing of theirs was overwritten: {EVIDENCE}",
    }.get(status, "")
    return "; ".join(one for one in (says, unread) if one)


def _shown(compared: _Compared) -> list[str]:
    lines = [one.described() for one in compared.found[:_MOST_SHOWN]]
    cut = [one if len(one) <= _LONGEST_SHOWN else f"{one[:_LONGEST_SHOWN]}…" for one in lines]
    more = len(compared.found) - len(lines)
    return [*cut, *([f"and {more} more"] if more else [])]


def _references(undo: Undo) -> tuple[ImageReference, ...]:
    """The tags that a drill makes, and the one that the workload names."""
    made = [one.reference for one in (*undo.made, undo.provider_image) if one is not None]
    try:
        stable = parse_image_reference(undo.image)
    except ValueError:
        return tuple(made)
    return (*made, stable) if stable.tag is not None else tuple(made)
