"""The clusters that drills are killed on, for experiments."""

from __future__ import annotations

from tests.real.kill.conftest import arena, real_arena

__all__ = ["arena", "real_arena"]
