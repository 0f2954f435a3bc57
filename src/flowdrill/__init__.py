"""flowdrill drills the emergency brake of a LangFlow service: the image rollback."""

from __future__ import annotations

from typing import Any


def discover(*, discover_system: bool = True) -> dict[str, Any]:  # noqa: ARG001 - as Chaos Toolkit calls it
    """Return what experiments of Chaos Toolkit can use: for `chaos discover flowdrill`. Needs chaoslib."""
    from flowdrill.chaos.discovery import discovered  # noqa: PLC0415 - nothing else of flowdrill needs chaoslib

    return discovered()
