"""What is not as it was before the drill: what the drill has left, and what somebody else has changed meanwhile. Pure.

A change counts as somebody else's when managedFields name another manager than flowdrill, and where they name none,
when it is in a field that the drill does not touch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flowdrill.model.standing import (
    DRILL_REVISIONS,
    ORDER,
    REVISION_LIMIT,
    TEMPLATE,
    Facts,
    KeptRevision,
    Standing,
    StandingObject,
    text_of,
)
from flowdrill.model.undo import Undo

OWN_MANAGER = "flowdrill"
CHANGE_CAUSE = "kubernetes.io/change-cause"
SOMEBODY = "somebody else"
PRUNED = "the controller (the history was full)"
_ANNOTATIONS = "metadata.annotations."
_CAUSE = f"{_ANNOTATIONS}{CHANGE_CAUSE}"
_SCALE = "spec.replicas"
_NOT_SET = "not set"

Reach = tuple[str, ...] | None  # paths of what a drill sets; None: not known


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was. `theirs`: who has changed it meanwhile; None: the drill has left it."""

    what: str
    before: str
    after: str
    theirs: str | None = None

    def described(self) -> str:
        """Return it as one line."""
        whose = "" if self.theirs is None else f" (changed by {self.theirs} meanwhile, left as it is)"
        return f"{self.what}{whose}: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class Mending:
    """What would take away what the drill has left: annotations to be set (None: removed) by object, and revisions to
    be deleted, or to get their place back."""

    annotations: Mapping[str, Mapping[str, str | None]]
    numbers: Mapping[str, int]  # by revision: where it stood among the others
    revisions: tuple[str, ...]
    revision_limit: int | None = None  # once none of those revisions is left


def differences(before: Standing, after: Standing, undo: Undo) -> tuple[Difference, ...]:
    """Return everything that differs, the drill's own first."""
    if before.uid != after.uid:
        return (Difference(undo.workload, "this one", "deleted, and made anew", SOMEBODY),)
    found = [
        *_fields(undo.workload, before.workload, after.workload, undo, _reach(undo)),
        *_revisions(before, after, undo),
        *_pods(before, after, undo),
        *_beside(before, after, undo),
        *(Difference(one, _NOT_SET, "left by the drill") for one in after.made),
        *_tags(before, after, undo),
    ]
    return tuple(sorted(found, key=lambda one: one.theirs is not None))


def mending_of(before: Standing, after: Standing, undo: Undo) -> Mending:
    """Return what of the differences can be mended without a rollout: annotations that the drill has set, or brought
    back by an undo, and revisions that hold the stable image in another spelling."""
    annotations: dict[str, dict[str, str | None]] = {}
    reach = _reach(undo)
    for one in _differing(before.workload.fields, after.workload.fields):
        if one.startswith(_ANNOTATIONS) and _theirs(one, after.workload, undo, reach) is None:
            _mend(annotations, undo.workload, one, before.workload.fields)
    known = {one.name: one for one in before.revisions}
    for kept in after.revisions:
        was = known[kept.name].fields if kept.name in known else {}
        if _is_own_cause(kept.fields, undo) and was.get(_CAUSE) != kept.fields.get(_CAUSE):
            _mend(annotations, kept.name, _CAUSE, was)
    own = [one.name for one in _added(before, after) if _own(one, before, after, undo)]
    made = tuple(name for name in own if name != after.current)
    limit = before.revision_limit if _is_limit_ours(before, after) and not own else None
    return Mending(annotations, _numbers_before(before, after), made, limit)


def diff_text(found: tuple[Difference, ...], before: Standing, after: Standing) -> str:
    """Return the differences as a diff that people read: what was compared, then each with its two sides."""
    lines = [
        f"# compared: {len(before.workload.fields)} fields of the workload, {len(before.revisions)} revisions, "
        f"{len(before.beside)} objects beside it, {len(before.tags)} tags; pods and whatever bears the run's label",
        *(f"# not compared: {one}" for one in dict.fromkeys((*before.unread, *after.unread))),
        "# no difference" if not found else "--- before the drill\n+++ after everything was put back",
    ]
    for one in found:
        whose = "left by the drill" if one.theirs is None else f"changed by {one.theirs} meanwhile, left as it is"
        lines += [f"@@ {one.what} @@ {whose}", f"-{one.before}", f"+{one.after}"]
    return "\n".join(lines) + "\n"


def _mend(annotations: dict[str, dict[str, str | None]], name: str, path: str, before: Facts) -> None:
    """Only what was kept whole can be set again."""
    was = before.get(path)
    text = None if was is None else text_of(was)
    if was is None or text is not None:
        annotations.setdefault(name, {})[path.removeprefix(_ANNOTATIONS)] = text


def _reach(undo: Undo) -> Reach:
    """What the drill itself sets of the workload, and what obstacles do."""
    container = f"spec.template.spec.containers[{undo.container}]."
    own = (_CAUSE, "spec.paused", REVISION_LIMIT)
    return (f"{container}image", *(f"{container}{name}" for name in undo.fields), *own)


def _fields(name: str, before: StandingObject, after: StandingObject, undo: Undo, reach: Reach) -> Iterator[Difference]:
    for path in _differing(before.fields, after.fields):
        was, now = (one.fields.get(path, _NOT_SET) for one in (before, after))
        yield Difference(f"{name} {path}", was, now, _theirs(path, after, undo, reach))


def _theirs(path: str, after: StandingObject, undo: Undo, reach: Reach) -> str | None:
    """Who has changed a field meanwhile, None when it was the drill. Without a `reach` the drill's is what nobody else
    is known to own."""
    manager = after.managers.get(path)
    if path == _SCALE:
        return manager if manager not in (None, OWN_MANAGER) else SOMEBODY  # a drill scales nothing
    if path == _CAUSE and not _is_own_cause(after.fields, undo):
        return SOMEBODY if manager in (None, OWN_MANAGER) else manager  # nobody else has a drill's text
    if manager is not None and path in after.fields:
        return None if manager == OWN_MANAGER else manager
    touched = reach is None or any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in reach)
    return None if touched else SOMEBODY


def _differing(before: Facts, after: Facts) -> list[str]:
    """The paths of what differs. The order of a list says nothing where its members are others."""
    paths = [path for path in {**before, **after} if before.get(path) != after.get(path)]
    return [path for path in paths if not path.endswith(f"[{ORDER}]") or _same_members(before, after, path)]


def _same_members(before: Facts, after: Facts, path: str) -> bool:
    try:
        one, other = (json.loads(each[path]) for each in (before, after))
        return sorted(map(str, one)) == sorted(map(str, other))
    except (KeyError, ValueError, TypeError):
        return False  # a list that came or went, or is too long to be kept whole


def _revisions(before: Standing, after: Standing, undo: Undo) -> Iterator[Difference]:
    was, now = ({one.name: one for one in each.revisions} for each in (before, after))
    own = {one.name for one in _added(before, after) if _own(one, before, after, undo)}
    deployed = len(own) < len(_added(before, after)) or any(
        one.name == after.current and not undo.owns(one.image) for one in after.revisions
    )
    for one in _added(before, after):
        yield Difference(one.name, "not kept", f"kept, with image {one.image}", None if one.name in own else SOMEBODY)
    for name, one in was.items():
        if name not in now:
            whose = SOMEBODY if deployed else PRUNED if before.lacks_room else None
            yield Difference(name, f"kept, with image {one.image}", "no longer kept", whose)
            continue
        for path in _differing(one.fields, now[name].fields):
            mine = path == _CAUSE and _is_own_cause(now[name].fields, undo)
            before_text, after_text = (each.fields.get(path, _NOT_SET) for each in (one, now[name]))
            yield Difference(f"{name} {path}", before_text, after_text, None if mine else SOMEBODY)
    yield from _undo_goes_elsewhere(before, after, undo, deployed=deployed)


def _is_limit_ours(before: Standing, after: Standing) -> bool:
    """Whether the limit is the one that a drill has set to make room."""
    was, now = before.revision_limit, after.revision_limit
    return (
        was is not None
        and now == was + DRILL_REVISIONS
        and after.workload.managers.get(REVISION_LIMIT) in (None, OWN_MANAGER)
    )


def _numbers_before(before: Standing, after: Standing) -> dict[str, int]:
    """The numbers that revisions had, where their order is another one now."""
    if _order(before, after, before) == _order(before, after, after):
        return {}
    now = {one.name: one.number for one in after.revisions if one.name != after.current}
    return {
        one.name: one.number
        for one in before.revisions
        if one.number is not None and one.name in now and now[one.name] != one.number
    }


def _order(before: Standing, after: Standing, of: Standing) -> list[str]:
    """The revisions that there were and are, but for those that are current, oldest first."""
    there = {one.name for one in before.revisions} & {one.name for one in after.revisions}
    return [one.name for one in of.revisions if one.name in there - {before.current, after.current}]


def _undo_goes_elsewhere(before: Standing, after: Standing, undo: Undo, *, deployed: bool) -> Iterator[Difference]:
    was, now = before.undo_goes_to, after.undo_goes_to
    if (was and was.name) == (now and now.name):
        orders = [_order(before, after, one) for one in (before, after)]
        if orders[0] != orders[1]:
            yield Difference(f"revisions of {undo.workload}, oldest first", *map(", ".join, orders))
        return
    there, here = ("nowhere" if one is None else f"{one.name} (image {one.image})" for one in (was, now))
    yield Difference(f"`rollout undo` of {undo.workload} goes to", there, here, SOMEBODY if deployed else None)


def _added(before: Standing, after: Standing) -> list[KeptRevision]:
    known = {one.name for one in before.revisions}
    return [one for one in after.revisions if one.name not in known]


def _own(one: KeptRevision, before: Standing, after: Standing, undo: Undo) -> bool:
    """Whether a revision that was not there before is the drill's: of an image that it has made; or of the stable
    image, in whatever spelling, where it differs in nothing else from what ran before, or runs now."""
    if any(one.image == str(made.reference) for made in undo.made):
        return True
    known = [before.current] if one.name == after.current else [before.current, after.current]
    templates = {each.fields.get(TEMPLATE) for each in (*before.revisions, *after.revisions) if each.name in known}
    return one.image in (*undo.spellings, undo.pinned) and one.fields.get(TEMPLATE) in templates


def _is_own_cause(fields: Facts, undo: Undo) -> bool:
    return undo.set_cause(text_of(fields[_CAUSE]) if _CAUSE in fields else None)


def _pods(before: Standing, after: Standing, undo: Undo) -> Iterator[Difference]:
    known = {one.name for one in before.strays}
    for one in after.strays:
        if one.name not in known:
            own = undo.owns(one.image)
            yield Difference(f"pod/{one.name}", "not there", f"runs {one.image}", None if own else SOMEBODY)


def _beside(before: Standing, after: Standing, undo: Undo) -> Iterator[Difference]:
    for name, was in before.beside.items():
        now = after.beside.get(name)
        if was is None and now is not None:
            yield Difference(name, "not there", "left by the drill")
        elif was is not None and now is None:
            yield Difference(name, "there", "deleted", SOMEBODY)
        elif was is not None and now is not None:
            reach = ("spec.template", "data") if name in undo.beside else None
            yield from _fields(name, was, now, undo, reach)


def _tags(before: Standing, after: Standing, undo: Undo) -> Iterable[Difference]:
    made = {str(one.reference) for one in (*undo.made, *((undo.provider_image,) if undo.provider_image else ()))}
    for tag, was in before.tags.items():
        now = after.tags.get(tag, was)
        if was != now:
            theirs = None if tag in made else SOMEBODY
            yield Difference(f"tag {tag}", was or "not there", now or "not there", theirs)
