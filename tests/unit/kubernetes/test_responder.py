from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.responder import Responder, open_responder
from flowdrill.errors import ClusterError
from flowdrill.model.rollback_plan import RollbackPlan
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, workload

KUBE_SYSTEM = "/api/v1/namespaces/kube-system"


@pytest.fixture
def theirs() -> Iterator[FakeApiServer]:
    """The server that the responder's kubeconfig names."""
    with FakeApiServer() as running:
        yield running


def kubeconfig(path: Path, server: str, *contexts: str) -> None:
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "theirs"}}],
        "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in contexts],
    }
    path.write_text(json.dumps(content))


def opened(api: Api, near: Path, **plan: Any) -> Responder:
    return open_responder(api, DEPLOYMENT, RollbackPlan.model_validate_json(json.dumps(plan)), near)


def is_namespace(uid: str) -> Answer:
    return Answer(200, {"metadata": {"uid": uid}})


def is_forbidden() -> Answer:
    message = 'namespaces "kube-system" is forbidden: User "u" cannot get resource "namespaces" in API group ""'
    return Answer(403, {"message": message})


def test_a_kubeconfig_of_its_own_is_used_with_its_only_context(api: Api, theirs: FakeApiServer, tmp_path: Path) -> None:
    kubeconfig(tmp_path / "on-call.yaml", theirs.address, "prod")
    theirs.gives("GET", DEPLOYMENT.path, Answer(200, workload()))
    responder = opened(api, tmp_path, kubeconfig="on-call.yaml")
    assert responder.words == f"context prod of {tmp_path}/on-call.yaml"
    assert responder.doubt is None
    assert {request.headers["authorization"] for request in theirs.requests} == {"Bearer theirs"}
    responder.close()


def test_of_several_contexts_one_must_be_named(api: Api, tmp_path: Path) -> None:
    kubeconfig(tmp_path / "on-call.yaml", "http://127.0.0.1:1", "prod", "staging")
    with pytest.raises(ClusterError, match="has 2 contexts: prod, staging") as several:
        opened(api, tmp_path, kubeconfig="on-call.yaml")
    assert "rollback.context" in several.value.remedy
    with pytest.raises(ClusterError, match="has no context 'pord'") as unknown:
        opened(api, tmp_path, kubeconfig="on-call.yaml", context="pord")
    assert "rollback.context; did you mean 'prod'" in unknown.value.remedy


def test_a_kubeconfig_that_is_not_there_is_said_by_its_key(api: Api, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"rollback.kubeconfig: there is no kubeconfig .*gone.yaml"):
        opened(api, tmp_path, kubeconfig="gone.yaml")


@pytest.mark.parametrize(
    "answer", [Answer(404, {"message": "not found"}), Answer(200, {"metadata": {"uid": "uid-other"}})]
)
def test_a_kubeconfig_that_leads_to_another_cluster_is_refused(
    api: Api, theirs: FakeApiServer, tmp_path: Path, answer: Answer
) -> None:
    kubeconfig(tmp_path / "on-call.yaml", theirs.address, "prod")
    theirs.gives("GET", DEPLOYMENT.path, answer)
    with pytest.raises(ClusterError, match=r"leads to another cluster than the drill's .*deployment/app"):
        opened(api, tmp_path, kubeconfig="on-call.yaml")


def test_two_addresses_of_one_cluster_are_told_by_what_may_be_read(
    api: Api, server: FakeApiServer, theirs: FakeApiServer, tmp_path: Path
) -> None:
    kubeconfig(tmp_path / "on-call.yaml", theirs.address, "prod")
    theirs.gives("GET", DEPLOYMENT.path, is_forbidden())
    server.gives("GET", KUBE_SYSTEM, is_namespace("1"))
    theirs.gives("GET", KUBE_SYSTEM, is_namespace("1"))
    responder = opened(api, tmp_path, kubeconfig="on-call.yaml")
    assert responder.doubt is None
    responder.close()
    theirs.gives("GET", KUBE_SYSTEM, is_namespace("2"))
    with pytest.raises(ClusterError, match="leads to another cluster"):
        opened(api, tmp_path, kubeconfig="on-call.yaml")


def test_where_nothing_may_be_read_another_address_is_a_doubt_and_the_same_one_is_none(
    api: Api, server: FakeApiServer, theirs: FakeApiServer, tmp_path: Path
) -> None:
    for one in (server, theirs):
        one.gives("GET", DEPLOYMENT.path, is_forbidden())
        one.gives("GET", KUBE_SYSTEM, is_forbidden())
        kubeconfig(tmp_path / "on-call.yaml", one.address, "prod")
        responder = opened(api, tmp_path, kubeconfig="on-call.yaml")
        assert ("not known" in (responder.doubt or "")) is (one is theirs)
        responder.close()


def test_groups_are_part_of_what_reports_say(api: Api, tmp_path: Path) -> None:
    responder = opened(api, tmp_path, **{"as": "ann", "groups": ["sre", "ops"]})
    assert responder.words == "ann in sre, ops"
    assert opened(api, tmp_path).words is None
