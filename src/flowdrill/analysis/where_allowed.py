"""May a drill run here at all? The drill's own `safety:` and this machine's, put together; neither lifts the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from flowdrill.model.safety_plan import ALWAYS_PROTECTED, Approval, MachineSafety
from flowdrill.model.target_labels import TargetLabels

Label = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """What one file says: the drill's, or this machine's."""

    by: str  # the file, as people know it
    safety: MachineSafety


@dataclass(frozen=True, slots=True)
class Protection:
    """A pattern that protects something, and who has written it."""

    pattern: str
    by: str


@dataclass(frozen=True, slots=True)
class SafetyRules:
    """Everything that decides where a drill may run."""

    contexts: tuple[Protection, ...]
    namespaces: tuple[Protection, ...]
    labels: tuple[Label, ...]
    approval_by: str | None  # who demands that the plan was approved; None: nobody


def rules_of(said: Sequence[Said]) -> SafetyRules:
    """Return the union of what every file says."""
    return SafetyRules(
        contexts=tuple(Protection(glob, one.by) for one in said for glob in one.safety.protect.contexts),
        namespaces=(
            *(Protection(glob, "flowdrill itself, always") for glob in ALWAYS_PROTECTED),
            *(Protection(glob, one.by) for one in said for glob in one.safety.protect.namespaces),
        ),
        labels=tuple(dict.fromkeys(pair for one in said for pair in one.safety.require_labels.items())),
        approval_by=next((one.by for one in said if one.safety.approval is Approval.REQUIRED), None),
    )


def protection_of(names: Iterable[str], protections: Iterable[Protection]) -> Protection | None:
    """Return what protects something that goes by any of `names`, or None. Capitals make no difference."""
    called = [name.lower() for name in names]
    return next((one for one in protections if any(fnmatchcase(name, one.pattern.lower()) for name in called)), None)


def missing_labels(wanted: Iterable[Label], borne: TargetLabels) -> tuple[Label, ...]:
    """Return those of the labels that are missing. What the workload itself bears holds; its namespace speaks for those
    that say nothing themselves."""
    return tuple((name, value) for name, value in wanted if _value(name, borne) != value)


def _value(name: str, borne: TargetLabels) -> str | None:
    own = borne.workload.get(name)
    return own if own is not None else (borne.namespace or {}).get(name)
