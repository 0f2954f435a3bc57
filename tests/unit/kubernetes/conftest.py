from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes.client import ApiClient, Configuration

from flowdrill.edges.kubernetes.api import Api
from tests.fakes.fake_api_server import FakeApiServer


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    with FakeApiServer() as running:
        yield running


@pytest.fixture
def api(server: FakeApiServer) -> Iterator[Api]:
    settings = Configuration(host=server.address)
    settings.retries = False
    client = ApiClient(settings)
    found = Api(client, server.address, patience_seconds=5.0)
    yield found
    found.close()
