"""The labels that allow a drill, as an API server has them."""

from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.edges.kubernetes.target_labels import labels_of
from flowdrill.errors import ClusterError
from flowdrill.model.target_labels import TargetLabels
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_api_server import Answer, FakeApiServer

TARGET = FoundTarget("demo", WorkloadKind.DEPLOYMENT, "app", "uid", "main", ())
NAMESPACE = "/api/v1/namespaces/demo"


def borne(server: FakeApiServer, api: Api, labels: object, namespace: Answer) -> TargetLabels:
    server.gives("GET", TARGET.path, Answer(200, {"metadata": {"labels": labels}}))
    server.gives("GET", NAMESPACE, namespace)
    return labels_of(api, TARGET)


def test_both_are_read(api: Api, server: FakeApiServer) -> None:
    found = borne(server, api, {"a": "1"}, Answer(200, {"metadata": {"labels": {"b": "2"}}}))
    assert (found.workload, found.namespace) == ({"a": "1"}, {"b": "2"})


def test_what_bears_none_bears_none(api: Api, server: FakeApiServer) -> None:
    found = borne(server, api, None, Answer(200, {"metadata": {}}))
    assert (found.workload, found.namespace) == ({}, {})


def test_a_namespace_that_may_not_be_read_is_unknown_and_says_why(api: Api, server: FakeApiServer) -> None:
    message = 'namespaces "demo" is forbidden: User "ann" cannot get resource "namespaces" in API group ""'
    found = borne(server, api, {}, Answer(403, {"message": message}))
    assert found.namespace is None
    assert "ann" in found.unread


def test_one_that_is_away_is_no_permission_that_is_missing(api: Api, server: FakeApiServer) -> None:
    with pytest.raises(ClusterError):
        borne(server, api, {}, Answer(500, {"message": "no"}))
