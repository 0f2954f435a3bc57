"""Does a tolerance fit what its probe returns? chaoslib compares what does not, and is then wrong or fails."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from flowdrill.chaos import probes
from flowdrill.errors import PlanError

_REMEDY: Mapping[type, str] = {
    bool: "write `tolerance: true`, or false",
    float: "write seconds: `tolerance: {type: range, range: [0, 30]}`, or [0, 30]",
}


def tolerance_problem(experiment: Mapping[str, Any]) -> PlanError | None:
    """Return what is wrong with the tolerance of one of flowdrill's probes in the hypothesis, or None."""
    for probe in (experiment.get("steady-state-hypothesis") or {}).get("probes") or []:
        returns = _returned_by(probe)
        if returns is not None and not _fits(probe.get("tolerance"), returns):
            name = probe.get("name") or probe["provider"]["func"]
            return PlanError(
                f"probe '{name}': {probe['provider']['func']} returns a {returns.__name__}, and its tolerance "
                f"{probe.get('tolerance')!r} is for something else",
                _REMEDY[returns],
            )
    return None


def _returned_by(probe: Mapping[str, Any]) -> type | None:
    """What one of ours returns; None for a probe of somebody else."""
    provider = probe.get("provider") or {}
    if provider.get("module") != probes.__name__ or provider.get("func") not in probes.__all__:
        return None
    found: type = inspect.signature(getattr(probes, provider["func"])).return_annotation
    return found


def _fits(tolerance: Any, returns: type) -> bool:
    if isinstance(tolerance, dict) and tolerance.get("type") == "probe":
        return True  # somebody else's own judgement
    if returns is bool:
        return isinstance(tolerance, bool)
    if isinstance(tolerance, dict):
        return tolerance.get("type") == "range"
    return isinstance(tolerance, list) and len(tolerance) == 2 and all(_is_number(one) for one in tolerance)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
