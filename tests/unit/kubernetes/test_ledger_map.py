from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.ledger_map import KubernetesLedger
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import BrokenLedgerError, ClusterError, ForbiddenError, LedgerError
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.fakes.fake_ledger import FIRST, FakeLedger

ALL = "/api/v1/namespaces/demo/configmaps"
ONE = f"{ALL}/ledger"
DIGEST = "sha256:" + "a" * 64
REFERENCE = f"registry.test/flow@{DIGEST}"


@pytest.fixture
def book(api: Api) -> KubernetesLedger:
    return KubernetesLedger(api, "demo", "ledger", lambda: FIRST)


def kept(text: object, **more: object) -> Answer:
    return Answer(200, {"metadata": {"resourceVersion": "7"}, "data": {"ledger.jsonl": text}, **more})


def text_of(*by: str) -> str:
    fake = FakeLedger()
    for one in by:
        fake.append(DIGEST, REFERENCE, one, "")
    return fake.text


def test_the_first_entry_makes_the_config_map(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("POST", ALL, Answer(201))
    entry = book.append(DIGEST, REFERENCE, "run-1", "")
    (request,) = server.asked("POST")
    assert request.body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "ledger", "labels": {"app.kubernetes.io/managed-by": "flowdrill"}},
        "data": {"ledger.jsonl": text_of("run-1")},
    }
    assert (entry.number, entry.by) == (1, "run-1")


def test_an_entry_is_laid_over_nothing_but_what_was_read(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, kept(text_of("run-1")))
    server.gives("PATCH", ONE, Answer(200))
    book.append(DIGEST, REFERENCE, "run-2", "")
    (request,) = server.asked("PATCH")
    assert request.body is not None
    assert request.body["metadata"] == {"resourceVersion": "7"}
    assert list(request.body["data"]) == ["ledger.jsonl"]
    assert request.body["data"]["ledger.jsonl"].startswith(text_of("run-1"))


def test_who_was_second_reads_again_and_follows_the_first(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, kept(text_of("run-1")), kept(text_of("run-1", "run-2")))
    server.gives("PATCH", ONE, Answer(409), Answer(200))
    assert book.append(DIGEST, REFERENCE, "run-3", "").number == 3
    assert len(server.asked("PATCH")) == 2


def test_a_ledger_that_two_made_at_once_has_both_entries(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(404), kept(text_of("run-1")))
    server.gives("POST", ALL, Answer(409))
    server.gives("PATCH", ONE, Answer(200))
    assert book.append(DIGEST, REFERENCE, "run-2", "").number == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_answer_that_got_lost_adds_nothing_twice(book: KubernetesLedger, server: FakeApiServer, method: str) -> None:
    before = Answer(404) if method == "POST" else kept(text_of("run-1"))
    after = kept(text_of("run-2") if method == "POST" else text_of("run-1", "run-2"))
    server.gives("GET", ONE, before, after)
    # a patch is sent again by itself, and then is for a version that is no longer there
    server.gives(method, ALL if method == "POST" else ONE, Answer(0), Answer(409))
    assert book.append(DIGEST, REFERENCE, "run-2", "").by == "run-2"
    assert len(server.asked("GET")) == 2


def test_who_is_refused_for_ever_says_so(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, kept(text_of("run-1")))
    server.gives("PATCH", ONE, Answer(409, {"message": "the object has been modified"}))
    with pytest.raises(AnswerError, match="has been modified"):
        book.append(DIGEST, REFERENCE, "run-2", "")


@pytest.mark.parametrize("verb", ["get", "create", "patch"])
def test_a_missing_permission_is_named(book: KubernetesLedger, server: FakeApiServer, verb: str) -> None:
    said = f'User "me" cannot {verb} resource "configmaps" in API group "" in the namespace "demo"'
    forbidden = Answer(403, {"message": f"configmaps is forbidden: {said}"})
    if verb == "patch":
        server.gives("GET", ONE, kept(""))
    elif verb == "get":
        server.gives("GET", ONE, forbidden)
    server.gives("POST", ALL, forbidden)
    server.gives("PATCH", ONE, forbidden)
    with pytest.raises(ForbiddenError, match=f"me must not {verb} configmaps in namespace demo"):
        book.append(DIGEST, REFERENCE, "run-2", "")


@pytest.mark.parametrize("data", [None, {}, {"other": "x"}])
def test_a_config_map_without_the_key_is_an_empty_ledger(
    book: KubernetesLedger, server: FakeApiServer, data: object
) -> None:
    server.gives("GET", ONE, Answer(200, {"metadata": {"resourceVersion": "7"}, "data": data}))
    assert book.read().entries == ()


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"ledger.jsonl": 7}},
        {"data": {"ledger.jsonl": ["x"]}},
        {"data": "ledger.jsonl"},
        {"data": ["ledger.jsonl"]},
        {"binaryData": {"ledger.jsonl": "AAAA"}},
    ],
)
def test_a_key_that_holds_no_text_is_refused(book: KubernetesLedger, server: FakeApiServer, body: Any) -> None:
    server.gives("GET", ONE, Answer(200, body))
    with pytest.raises(LedgerError, match=r"configmap/ledger in namespace demo: its key ledger\.jsonl holds no text"):
        book.read()


@pytest.mark.parametrize("text", ["hello", text_of("run-1").replace("run-1", "run-9"), "\x1b[2J" * 100, "[" * 3000])
def test_a_broken_ledger_is_never_added_to(book: KubernetesLedger, server: FakeApiServer, text: str) -> None:
    server.gives("GET", ONE, kept(text))
    with pytest.raises(BrokenLedgerError, match="the chain is broken at entry 1"):
        book.append(DIGEST, REFERENCE, "run-2", "")
    assert server.asked("PATCH") == []


def test_a_huge_one_is_not_even_looked_at(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, kept("x" * 1_200_000))
    with pytest.raises(LedgerError, match="is larger than 1000000 bytes"):
        book.append(DIGEST, REFERENCE, "run-2", "")
    assert server.asked("PATCH") == []


def test_an_immutable_one_is_not_tried(book: KubernetesLedger, server: FakeApiServer) -> None:
    server.gives("GET", ONE, kept(text_of("run-1"), immutable=True))
    with pytest.raises(LedgerError, match="is immutable"):
        book.append(DIGEST, REFERENCE, "run-2", "")
    assert book.append(DIGEST, REFERENCE, "run-1", "").number == 1
    assert server.asked("PATCH") == []


@pytest.mark.parametrize("metadata", [None, {}, {"resourceVersion": 7}, "x"])
def test_nothing_is_written_over_what_has_no_version(
    book: KubernetesLedger, server: FakeApiServer, metadata: object
) -> None:
    server.gives("GET", ONE, kept("", metadata=metadata))
    with pytest.raises(ClusterError, match="named no version"):
        book.append(DIGEST, REFERENCE, "run-2", "")
    assert server.asked("PATCH") == []
