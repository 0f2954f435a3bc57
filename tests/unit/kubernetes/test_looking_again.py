"""What keeps nothing may be sent twice, for a moment; what makes something is sent once."""

from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.refusals import AnswerError
from tests.fakes.fake_api_server import Answer, FakeApiServer

PATH = "/api/v1/namespaces/demo/pods"
BUSY = Answer(429, {"message": "slow down"})


def test_a_review_is_asked_again_while_the_server_is_busy_or_gone(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", PATH, BUSY, Answer(0), Answer(201, {"status": {"allowed": True}}))
    assert api.review(PATH, {})["status"] == {"allowed": True}
    assert server.asked("POST")[0].query == {}


def test_a_dry_run_of_a_new_object_is_sent_again(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", PATH, BUSY, Answer(201, {"kind": "Pod"}))
    assert api.create(PATH, {}, dry_run=True)["kind"] == "Pod"
    assert {one.query["dryRun"] for one in server.asked("POST")} == {"All"}


def test_a_new_object_is_sent_once(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", PATH, Answer(503, {"message": "gone"}), Answer(201, {"kind": "Pod"}))
    with pytest.raises(AnswerError, match="answered 503"):
        api.create(PATH, {})
    assert len(server.asked("POST")) == 1


def test_a_new_object_is_sent_again_where_the_answer_says_that_nothing_was_done(
    api: Api, server: FakeApiServer
) -> None:
    server.gives("POST", PATH, BUSY, Answer(201, {"kind": "Pod"}))
    assert api.create(PATH, {})["kind"] == "Pod"


def test_a_deletion_is_sent_again_while_the_server_is_busy_or_gone(api: Api, server: FakeApiServer) -> None:
    server.gives("DELETE", f"{PATH}/a", BUSY, Answer(0), Answer(200, {"kind": "Status"}))
    api.delete(f"{PATH}/a", "uid")
    assert len(server.asked("DELETE")) == 3


def test_a_dry_run_of_a_patch_has_less_patience_than_the_patch(api: Api, server: FakeApiServer) -> None:
    failing = Answer(500, {"message": "failed calling webhook"})
    server.gives("PATCH", PATH, *(failing for _ in range(6)), Answer(200, {"kind": "Pod"}))
    with pytest.raises(AnswerError, match="failed calling webhook"):
        api.patch(PATH, {}, [("dryRun", "All")])
    assert api.patch(PATH, {}, [])["kind"] == "Pod"
