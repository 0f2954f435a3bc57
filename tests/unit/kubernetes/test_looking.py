from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.looking import listed, listed_in_any, looked_at, paged
from flowdrill.errors import ClusterError
from tests.fakes.fake_api_server import Answer, FakeApiServer

QUOTAS = "/api/v1/namespaces/demo/resourcequotas"
CANARIES = "/apis/flagger.app/v1beta1/namespaces/demo/canaries"
FORBIDDEN = Answer(403, {"message": 'User "ann" cannot list resource "canaries" in API group "flagger.app"'})


def test_a_list_of_several_pages_is_read_to_its_end(api: Api, server: FakeApiServer) -> None:
    first = {"metadata": {"continue": "more/here="}, "items": [{"n": 1}]}
    server.gives("GET", QUOTAS, Answer(200, first), Answer(200, {"items": [{"n": 2}]}))
    assert listed(api, QUOTAS).items == ({"n": 1}, {"n": 2})
    assert [request.query.get("continue") for request in server.requests] == [None, "more/here="]


def test_a_list_that_never_ends_is_an_error(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", QUOTAS, Answer(200, {"metadata": {"continue": "again"}, "items": []}))
    with pytest.raises(ClusterError, match="has no end"):
        list(paged(api, QUOTAS))
    assert len(server.requests) == 2


def test_an_api_that_is_not_served_has_nothing(api: Api, server: FakeApiServer) -> None:
    looked = listed(api, CANARIES)
    assert (looked.items, looked.problem, looked.served) == ((), "", False)


def test_whoever_may_not_read_what_is_not_served_misses_nothing(api: Api, server: FakeApiServer) -> None:
    """An API server refuses before it looks whether there is such an API: its discovery tells."""
    server.gives("GET", CANARIES, FORBIDDEN)
    server.gives("GET", "/apis/flagger.app/v1beta1", Answer(200, {"resources": [{"name": "metrictemplates"}]}))
    assert (listed(api, CANARIES).problem, listed(api, CANARIES).served) == ("", False)


def test_what_must_not_be_read_is_not_known(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", CANARIES, FORBIDDEN)
    server.gives("GET", "/apis/flagger.app/v1beta1", Answer(200, {"resources": [{"name": "canaries"}]}))
    looked = listed(api, CANARIES)
    assert not looked.known
    assert "ann must not list canaries.flagger.app" in looked.problem


def test_a_server_that_cannot_answer_leaves_it_unknown(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", QUOTAS, Answer(409, {"message": "conversion webhook failed"}))
    assert "conversion webhook failed" in listed(api, QUOTAS).problem


def test_a_login_that_is_no_more_good_is_an_error(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", QUOTAS, Answer(401, {"message": "Unauthorized"}))
    with pytest.raises(ClusterError, match="does not know who asks"):
        listed(api, QUOTAS)


def test_an_older_version_is_taken_where_the_newer_is_not_served(api: Api, server: FakeApiServer) -> None:
    server.has("/apis/policy/v1beta1/pdbs", {"n": 1})
    assert listed_in_any(api, ["/apis/policy/v1/pdbs", "/apis/policy/v1beta1/pdbs"]).items == ({"n": 1},)
    assert not listed_in_any(api, []).served


def test_one_object_is_there_or_not(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{QUOTAS}/a", Answer(200, {"n": 1}))
    assert looked_at(api, f"{QUOTAS}/a").first == {"n": 1}
    assert looked_at(api, f"{QUOTAS}/b").first is None


def test_an_answer_that_is_nested_too_deep_to_read_is_an_error(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", QUOTAS, Answer(200, '{"items":' * 100_000))
    with pytest.raises(ClusterError, match="no Kubernetes object"):
        listed(api, QUOTAS)
