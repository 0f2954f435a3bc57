from __future__ import annotations

import json
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.lease import DrillLease, held_lease
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import ClusterAwayError, DrillRefusedError, HarnessBackError
from flowdrill.model.drill import Target
from flowdrill.model.obstacle import ObstacleUndo
from flowdrill.model.undo import Undo, undo_to_json
from tests.fakes.fake_api_server import Answer, FakeApiServer

ALL = "/apis/coordination.k8s.io/v1/namespaces/demo/leases"
ONE = f"{ALL}/flowdrill-deployment-app"
UNDO = Undo("run-2", "deployment/app", "demo", "flow", "img:1", None, host="me")
OTHER = replace(UNDO, run_id="run-1", host="other-host")


def lease(api: Api) -> DrillLease:
    return DrillLease(api, Target(namespace="demo", workload="deployment/app"))


def held_by(run_id: str, undo: str = undo_to_json(OTHER)) -> dict[str, Any]:
    meta = {"name": "flowdrill-deployment-app", "uid": "u", "resourceVersion": "3"}
    return {
        "metadata": meta | {"annotations": {"flowdrill.dev/undo": undo}},
        "spec": {"holderIdentity": run_id, "acquireTime": "2026-01-01T00:00:00.000000Z"},
    }


def test_the_lease_says_who_holds_it_and_how_to_undo(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(201))
    assert lease(api).take(UNDO) == "lease/flowdrill-deployment-app"
    body = server.requests[0].body
    assert body is not None
    assert body["spec"]["holderIdentity"] == "run-2"
    assert json.loads(body["metadata"]["annotations"]["flowdrill.dev/undo"]) == json.loads(json.dumps(asdict(UNDO)))


def test_a_held_workload_is_refused_with_the_commands_that_free_it(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1")))
    with pytest.raises(DrillRefusedError, match="run run-1 on host other-host since 2026-01-01T00:00:00") as refused:
        lease(api).take(UNDO)
    assert "`flowdrill restore --context CONTEXT --namespace demo --workload deployment/app`" in refused.value.remedy


@pytest.mark.parametrize("undo", ["", "[1]", "{"])
def test_a_lease_whose_undo_cannot_be_read_still_refuses(api: Api, server: FakeApiServer, undo: str) -> None:
    server.gives("POST", ALL, Answer(409))
    server.gives("GET", ONE, Answer(200, held_by("run-1", undo)))
    with pytest.raises(DrillRefusedError, match="run run-1 on host unknown"):
        lease(api).take(UNDO)


def test_a_lease_that_goes_between_two_looks_is_taken(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409), Answer(201))
    assert lease(api).take(UNDO)
    assert len(server.asked("POST")) == 2


def test_a_lost_answer_does_not_make_a_run_refuse_itself(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(0))
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    assert lease(api).take(UNDO)


def test_a_lease_that_cannot_be_made_is_never_taken_for_held(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(409))
    with pytest.raises(AnswerError):
        lease(api).take(UNDO)


def test_giving_back_deletes_exactly_the_lease_that_was_read(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    server.gives("DELETE", ONE, Answer(200))
    lease(api).give_back("run-2")
    (request,) = server.asked("DELETE")
    assert request.body is not None
    assert request.body["preconditions"] == {"uid": "u", "resourceVersion": "3"}


def test_a_lease_of_another_run_or_none_is_left_alone(api: Api, server: FakeApiServer) -> None:
    lease(api).give_back("run-2")
    server.gives("GET", ONE, Answer(200, held_by("run-1")))
    lease(api).give_back("run-2")
    assert server.asked("DELETE") == []


def test_a_lease_that_changed_meanwhile_is_read_again(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, held_by("run-2")))
    server.gives("DELETE", ONE, Answer(409), Answer(200))
    lease(api).give_back("run-2")
    assert len(server.asked("DELETE")) == 2


def test_the_lease_has_the_commands_that_take_away_what_is_in_the_way(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(201))
    lease(api).take(replace(UNDO, obstacles=(ObstacleUndo("rollout-paused", ("kubectl patch …",)),)))
    body = server.requests[0].body
    assert body is not None
    written = json.loads(body["metadata"]["annotations"]["flowdrill.dev/undo"])["obstacles"]
    assert written == [{"obstacle": "rollout-paused", "by_hand": ["kubectl patch …"], "memory": {}}]


def answers(holder: str, version: str = "3") -> Answer:
    held = held_by(holder)
    held["metadata"]["resourceVersion"] = version
    return Answer(200, held)


def test_a_renewal_says_so_of_exactly_what_was_read(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, answers("run-2"))
    server.gives("PATCH", ONE, Answer(200, {}))
    assert lease(api).renew("run-2") is None
    (request,) = server.asked("PATCH")
    assert request.body is not None
    assert request.body["metadata"] == {"resourceVersion": "3"}
    assert list(request.body["spec"]) == ["renewTime"]


def test_an_acknowledgement_written_meanwhile_does_not_lose_the_lease(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, answers("run-2"), answers("run-2", "4"))
    server.gives("PATCH", ONE, Answer(409), Answer(200, {}))
    assert lease(api).renew("run-2") is None
    assert len(server.asked("PATCH")) == 2


def test_a_renewal_tells_who_has_taken_over_and_writes_nothing(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, answers("run-2/guard"))
    assert lease(api).renew("run-2") == "run-2/guard"
    assert server.asked("PATCH") == []


def test_a_lease_that_was_deleted_in_mid_run_is_made_again(api: Api, server: FakeApiServer) -> None:
    mine = lease(api)
    server.gives("POST", ALL, Answer(201), Answer(201))
    mine.take(UNDO)
    server.gives("GET", ONE, Answer(404), answers("run-2"))
    server.gives("PATCH", ONE, Answer(200, {}))
    assert mine.renew("run-2") is None
    assert [one.body["spec"]["holderIdentity"] for one in server.asked("POST") if one.body] == ["run-2", "run-2"]


def test_a_lease_that_went_while_nobody_renewed_it_is_not_made_again(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(201))
    one = lease(api)
    one.take(UNDO)
    assert one.renew("run-2", again_until=time.monotonic() - 1) == "nobody any more"
    assert len(server.asked("POST")) == 1


def test_a_renewal_that_is_not_answered_is_an_error_at_once(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(503))
    with pytest.raises(ClusterAwayError):
        lease(api).renew("run-2")
    assert len(server.asked("GET")) == 1, "whoever renews tries again when it is time"


def test_whoever_takes_over_becomes_the_holder_and_learns_who_was(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, answers("run-2"), answers("run-2", "4"))
    server.gives("PATCH", ONE, Answer(409), Answer(200, {}))
    held = lease(api).take_over("run-2", "run-2/guard", UNDO)
    assert held is not None
    assert held.holder == "run-2"
    last = server.asked("PATCH")[-1].body
    assert last is not None
    assert (last["spec"]["holderIdentity"], last["metadata"]["resourceVersion"]) == ("run-2/guard", "4")


@pytest.mark.parametrize(("age_seconds", "is_back"), [(1, True), (4, True), (6, False), (3600, False), (-3600, False)])
def test_nobody_takes_over_from_a_harness_that_is_back(
    api: Api, server: FakeApiServer, age_seconds: int, is_back: bool
) -> None:
    held = held_by("run-2")
    held["spec"]["renewTime"] = (datetime.now(UTC) - timedelta(seconds=age_seconds)).isoformat()
    server.gives("GET", ONE, Answer(200, held))
    server.gives("PATCH", ONE, Answer(200, {}))
    with pytest.raises(HarnessBackError) if is_back else nullcontext():
        lease(api).take_over("run-2", "run-2/guard", UNDO, silent_seconds=5)
    assert len(server.asked("PATCH")) == (0 if is_back else 1)


def test_nobody_takes_over_from_another_run(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", ONE, answers("run-3"))
    with pytest.raises(DrillRefusedError, match="run run-3"):
        lease(api).take_over("run-2", "run-2/guard", UNDO)
    assert server.asked("PATCH") == []


def test_a_lease_that_is_gone_is_made_again_for_whoever_takes_over_with_an_undo(
    api: Api, server: FakeApiServer
) -> None:
    server.gives("GET", ONE, Answer(404))
    assert lease(api).take_over("run-2", "run-2/restore", None) is None
    assert server.asked("POST") == []
    server.gives("POST", ALL, Answer(201))
    assert lease(api).take_over("run-2", "run-2/guard", UNDO) is None
    (made,) = server.asked("POST")
    assert made.body is not None
    assert made.body["spec"]["holderIdentity"] == "run-2/guard"


@pytest.mark.parametrize(("renewals", "silent"), [([], True), ([2], False)])
def test_a_lease_is_silent_when_nobody_renews_it_for_as_long_as_they_may_be(
    api: Api, server: FakeApiServer, renewals: list[int], silent: bool
) -> None:
    now, looks = [0.0], [0]

    def pause(seconds: float) -> None:
        now[0] += seconds
        looks[0] += 1
        renewed = answers("run-1")
        if looks[0] in renewals:
            assert isinstance(renewed.body, dict)
            renewed.body["spec"]["renewTime"] = f"2026-01-01T00:00:{looks[0]:02}.000000Z"
        server.gives("GET", ONE, renewed)

    server.gives("GET", ONE, answers("run-1"))
    mine = lease(api)
    held = mine.read()
    assert held is not None
    assert mine.seen_silent(held, pause, lambda: now[0]) is silent
    assert now[0] == (15.0 if silent else 2.0)


def test_a_lease_that_says_nonsense_is_read_as_one_that_says_nothing() -> None:
    hostile: list[dict[str, Any]] = [{}, {"metadata": None, "spec": []}, {"spec": {"leaseDurationSeconds": 1e99}}]
    hostile.append({"metadata": {"annotations": {"flowdrill.dev/undo": "[" * 100_000}}, "spec": {"holderIdentity": 1}})
    for one in hostile:
        held = held_lease(one)
        assert (held.holder, held.seconds, held.read_undo()) == ("", 15.0, None)


def test_a_run_with_a_guard_in_the_cluster_does_not_go_on_where_its_lease_is_gone(
    api: Api, server: FakeApiServer
) -> None:
    guarded = replace(UNDO, guard_job="flowdrill-guard-deployment-app")
    server.gives("POST", ALL, Answer(201))
    one = lease(api)
    one.take(guarded)
    assert one.renew("run-2") == "nobody any more", "that guard may have put everything back meanwhile"
    server.gives("GET", ONE, Answer(404), Answer(200, held_by("run-2/guard", undo_to_json(guarded))))
    server.gives("PATCH", ONE, Answer(200))
    assert one.renew("run-2/guard") is None, "whoever puts things back makes it again"
