"""How much is tried: a little and always the same in `make test`, 10,000 examples of nearly everything in `make fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
_ANYWAY = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)


def tried(few: int = 60, many: int = 10_000) -> settings:
    """Return the settings of one test: `few` examples in `make test`, `many` in `make fuzz`."""
    if SLOW:
        return settings(max_examples=many, deadline=None, suppress_health_check=_ANYWAY)
    return settings(max_examples=few, deadline=None, derandomize=True, database=None, suppress_health_check=_ANYWAY)
