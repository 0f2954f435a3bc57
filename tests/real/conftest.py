"""Fixtures that tests against real neighbours share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.registry_server import PROGRAM, registry_is_installed, registry_server


@pytest.fixture(scope="session")
def registry_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:PORT` of an empty registry for the whole session: use repositories of your own."""
    if not registry_is_installed():
        pytest.skip(f"no {PROGRAM} program on PATH")
    with registry_server(tmp_path_factory.mktemp("registry")) as address:
        yield address
