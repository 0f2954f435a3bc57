"""Fixtures that tests against real neighbours share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowdrill.cluster.base_image import Runtime, find_runtime
from flowdrill.cluster.lifecycle import RunningCluster, temporary_cluster
from flowdrill.cluster.state_folder import Settings
from tests.contract.conftest import real_place
from tests.real.registry_server import PROGRAM, registry_is_installed, registry_server

__all__ = ["real_place"]  # a fixture of theirs, for these tests too


@pytest.fixture(scope="session")
def registry_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`127.0.0.1:PORT` of an empty registry for the whole session: use repositories of your own."""
    if not registry_is_installed():
        pytest.skip(f"no {PROGRAM} program on PATH")
    with registry_server(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture(scope="session")
def langflow_runtime() -> Runtime:
    """LangFlow's runtime on this machine."""
    found = find_runtime(os.environ, Path(__file__).parents[2])
    if found is None:
        pytest.skip("needs LangFlow's runtime: set FLOWDRILL_LFX_PYTHON")
    return found


@pytest.fixture(scope="session")
def starter_flows() -> Path:
    """The folder of the starter flows that LangFlow's server comes with."""
    folder = Path(__file__).parents[2] / ".cache/starter-flows/langflow/initial_setup/starter_projects"
    if not folder.is_dir():
        pytest.skip("needs LangFlow's starter flows: make .cache/starter-flows/.ready")
    return folder


@pytest.fixture(scope="module")
def cluster(langflow_runtime: Runtime) -> Iterator[RunningCluster]:
    """An embedded cluster with that runtime; it ends with this process, however that ends."""
    settings = Settings(runtime=str(langflow_runtime.bin_folder), runtime_version=langflow_runtime.version)
    with temporary_cluster(settings) as running:
        yield running
