"""The labels that say whether a workload may be drilled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TargetLabels:
    """What a workload and its namespace bear. `namespace` is None where it could not be read, and `unread` says why."""

    workload: Mapping[str, str]
    namespace: Mapping[str, str] | None
    unread: str = ""
