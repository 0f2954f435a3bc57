"""Fixtures that tests against real neighbours share."""

from __future__ import annotations
