"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no deadline", deadline=None)  # machines are shared: no test measures its own time
settings.load_profile("no deadline")
