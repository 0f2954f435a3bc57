"""A fresh loopback registry for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.oci.loopback_registry import LoopbackRegistry, loopback_registry


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with loopback_registry() as served:
        yield served
