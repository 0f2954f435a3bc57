"""Options that are for fleets alone."""

from __future__ import annotations

import argparse

from flowdrill.errors import PlanError

_FOR_FLEETS = ("parallel", "namespace", "all_namespaces", "url", "fail_fast")


def refuse_without_selector(options: argparse.Namespace) -> None:
    """PlanError when something was asked that only `--selector` makes sense of."""
    given = next((name for name in _FOR_FLEETS if getattr(options, name, None) not in (None, False)), None)
    if given is not None:
        raise PlanError(
            f"--{given.replace('_', '-')} says nothing without --selector",
            "name the workloads, such as --selector app=langflow; see docs/fleet.md",
        )
