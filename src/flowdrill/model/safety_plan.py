"""Where a drill may run at all: what is protected, which labels allow it, and whether its plan must be approved."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from flowdrill.model.strict import Strict

ALLOWED = "dev.flowdrill/allowed"
ALWAYS_PROTECTED = ("kube-*",)  # namespaces, whatever a drill or this machine says

_Glob = Annotated[str, Field(min_length=1, max_length=253)]


class Approval(StrEnum):
    """Whether a run must name the digest that its plan was approved by."""

    REQUIRED = "required"


class ProtectPlan(Strict):
    """Where no drill may run. `*` stands for any text, `?` for one character, `[ab]` for one of them."""

    contexts: tuple[_Glob, ...] = Field(
        default=(),
        description="kubeconfig contexts, by their own name, their cluster's name, or the API server's address or host",
    )
    namespaces: tuple[_Glob, ...] = Field(default=(), description="beside kube-*, which always are")


class MachineSafety(Strict):
    """What holds for every drill of this machine, whatever its file says: `$FLOWDRILL_SAFETY`, else
    `~/.config/flowdrill/safety.yaml`."""

    protect: ProtectPlan = ProtectPlan()
    require_labels: dict[str, str] = Field(default_factory=dict, description="asked for beside those of the drill")
    approval: Approval | None = None

    @field_validator("require_labels")
    @classmethod
    def _can_be_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        for name, value in labels.items():
            if not _is_label(name, value):
                raise ValueError(f"no Kubernetes object can bear the label {name}={value}")
        return labels


class SafetyPlan(MachineSafety):
    """The `safety:` of a drill."""

    require_labels: dict[str, str] = Field(
        default_factory=lambda: {ALLOWED: "true"},
        description="what the target workload, or its namespace, must bear where --context names the cluster",
    )
    approval: Approval | None = Field(
        default=None, description="required: no run without `--approved DIGEST`, the digest of `flowdrill plan`"
    )


def _is_label(name: str, value: str) -> bool:
    """Whether the API server would take it, roughly: no spaces, no signs that a command line would trip over."""
    signs = set("-_./")
    known = all(one.isascii() and (one.isalnum() or one in signs) for one in name + value)
    return bool(name) and known and len(value) <= 63 and name.count("/") <= 1 and "/" not in value
