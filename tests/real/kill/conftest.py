"""Clusters that are up by themselves: a harness that dies takes none of them along."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import start_cluster, stop_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from tests.contract.conftest import Place
from tests.real.kill.arena import Arena

_TOLD = pytest.StashKey[list[str]]()


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Arena]:
    """An embedded cluster of the module's own, in a process that nobody waits for."""
    folder = StateFolder(tmp_path_factory.mktemp("cluster") / "state")
    running = start_cluster(folder, Settings())
    try:
        image = push_base_image(running.registry, "tests")
        place = Place("flowdrill", str(folder.kubeconfig), running.registry, image)
        with closing(Arena(place, tmp_path_factory.mktemp("drills"), running)) as made:
            yield made
        _tell(made, pytestconfig)
    finally:
        stop_cluster(folder)


@pytest.fixture(scope="module")
def real_arena(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Arena]:
    """A real Kubernetes."""
    names = ("FLOWDRILL_TEST_CONTEXT", "KUBECONFIG", "FLOWDRILL_TEST_REGISTRY", "FLOWDRILL_TEST_BASE_IMAGE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"needs a Kubernetes to break: set {', '.join(missing)}")
    place = Place(*(os.environ[name] for name in names))
    with closing(Arena(place, tmp_path_factory.mktemp("drills"), None)) as made:
        yield made
    _tell(made, pytestconfig)


def _tell(arena: Arena, config: pytest.Config) -> None:
    config.stash.setdefault(_TOLD, []).append(arena.told())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how long it took until everything was as before."""
    for text in config.stash.get(_TOLD, []):
        terminalreporter.section("until everything was as before")
        terminalreporter.write_line(text)
