from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.lease import give_back_lease, take_lease
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import DrillRefusedError
from flowdrill.model.undo import Undo
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT

ALL = "/apis/coordination.k8s.io/v1/namespaces/demo/leases"
ONE = f"{ALL}/flowdrill-deployment-app"
UNDO = Undo("run-2", "deployment/app", "demo", "flow", "img:1", None, host="me")


def held_by(run_id: str, undo: str = '{"container": "flow", "image": "img:1", "host": "other-host"}') -> dict[str, Any]:
    meta = {"name": "flowdrill-deployment-app", "uid": "u", "resourceVersion": "3"}
    return {
        "metadata": meta | {"annotations": {"flowdrill.dev/undo": undo}},
        "spec": {"holderIdentity": run_id, "acquireTime": "2026-01-01T00:00:00.000000Z"},
    }


def test_the_lease_says_who_holds_it_and_how_to_undo(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(201))
    assert take_lease(api, DEPLOYMENT, UNDO) == "lease/flowdrill-deployment-app"
    body = server.requests[0].body
    assert body is not None
    assert body["spec"]["holderIdentity"] == "run-2"
    assert Undo(**json.loads(body["metadata"]["annotations"]["flowdrill.dev/undo"])) == UNDO


def test_a_held_workload_is_refused_with_the_commands_that_free_it(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1")))
    with pytest.raises(DrillRefusedError, match="run run-1 on host other-host since 2026-01-01T00:00:00") as refused:
        take_lease(api, DEPLOYMENT, UNDO)
    assert "kubectl -n demo set image deployment/app flow=img:1" in refused.value.remedy
    assert "kubectl -n demo delete lease flowdrill-deployment-app" in refused.value.remedy


@pytest.mark.parametrize("undo", ["", "[1]", "{"])
def test_a_lease_whose_undo_cannot_be_read_still_refuses(api: Api, server: FakeApiServer, undo: str) -> None:
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1", undo)))
    with pytest.raises(DrillRefusedError, match="run run-1 on host unknown"):
        take_lease(api, DEPLOYMENT, UNDO)


def test_a_lease_that_goes_between_two_looks_is_taken(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409), Answer(201))
    assert take_lease(api, DEPLOYMENT, UNDO)
    assert len(server.asked("POST")) == 2


def test_a_lost_answer_does_not_make_a_run_refuse_itself(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(0))
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    assert take_lease(api, DEPLOYMENT, UNDO)


def test_a_lease_that_cannot_be_made_is_never_taken_for_held(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409))
    with pytest.raises(AnswerError):
        take_lease(api, DEPLOYMENT, UNDO)


def test_giving_back_deletes_exactly_the_lease_that_was_read(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    server.gives("DELETE", ONE, Answer(200))
    give_back_lease(api, DEPLOYMENT, "run-2")
    (request,) = server.asked("DELETE")
    assert request.body is not None
    assert request.body["preconditions"] == {"uid": "u", "resourceVersion": "3"}


def test_a_lease_of_another_run_or_none_is_left_alone(api: Api, server: FakeApiServer) -> None:
    give_back_lease(api, DEPLOYMENT, "run-2")
    server.gives("GET", ONE, Answer(200, held_by("run-1")))
    give_back_lease(api, DEPLOYMENT, "run-2")
    assert server.asked("DELETE") == []


def test_a_lease_that_changed_meanwhile_is_read_again(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    server.gives("DELETE", ONE, Answer(409), Answer(200))
    give_back_lease(api, DEPLOYMENT, "run-2")
    assert len(server.asked("DELETE")) == 2


def test_a_held_lease_tells_how_to_put_back_what_is_beside_and_no_option_that_somebody_wrote_there(
    api: Api, server: FakeApiServer
) -> None:
    beside = {"deployment/provider": {"spec": {}}, "--kubeconfig=evil": {}, "secret/x": {}, "configmap/x": "text"}
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1", json.dumps({"image": "img:1", "beside": beside}))))
    with pytest.raises(DrillRefusedError) as refused:
        take_lease(api, DEPLOYMENT, UNDO)
    assert "patch deployment/provider -p '{\"spec\": {}}' && kubectl" in refused.value.remedy
    assert not any(text in refused.value.remedy for text in ("evil", "secret/x", "configmap/x", "rollout restart"))


def test_a_held_lease_tells_how_to_delete_what_that_run_has_started_and_nothing_else(
    api: Api, server: FakeApiServer
) -> None:
    undo = {"image": "img:1", "run_id": "run-1", "started": "deployment/model"}
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1", json.dumps(undo))))
    with pytest.raises(DrillRefusedError) as refused:
        take_lease(api, DEPLOYMENT, UNDO)
    assert "&& kubectl -n demo delete deployment -l flowdrill.dev/run=run-1`" in refused.value.remedy
    for hostile in ({"started": "namespace/demo"}, {"run_id": "x,app notin (y)"}, {"run_id": None}, {"started": 1}):
        server.gives("GET", ONE, Answer(200, held_by("run-1", json.dumps(undo | hostile))))
        with pytest.raises(DrillRefusedError) as refused:
            take_lease(api, DEPLOYMENT, UNDO)
        assert "delete deployment" not in refused.value.remedy.replace("delete lease", "")
