"""Requests as other clients send them: in chunks, resumed, in parts, page by page; and as nobody should."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.registry.app import RegistryApp
from flowdrill.cluster.registry.storage import Storage

CONTENT = bytes(range(200))


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Answer:
    def __init__(self, messages: list[Any]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(one.get("body", b"") for one in messages[1:])
        self.is_whole = len(messages) > 1 and not messages[-1].get("more_body")

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["code"])


class Client:
    """Speaks to the application without a network between."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._app = RegistryApp(Storage(folder))

    def ask(
        self, method: str, path: str, *body: bytes, broken_off: bool = False, headers: dict[str, str] | None = None
    ) -> Answer:
        path, _, query = path.partition("?")
        named = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": named}
        pieces = iter([*self._pieces(body or (b"",), broken_off=broken_off)])
        sent: list[Any] = []

        async def receive() -> Any:
            return next(pieces)

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self._app(scope, receive, send))
        return Answer(sent)

    def push(self, content: bytes, repository: str = "app") -> str:
        assert self.ask("POST", f"/v2/{repository}/blobs/uploads/?digest={digest(content)}", content).status == 201
        return digest(content)

    def push_manifest(self, *tags: str, **more: Any) -> bytes:
        document = json.dumps({"config": {"digest": self.push(b"{}")}, "layers": [], **more}).encode()
        for tag in tags:
            assert self.ask("PUT", f"/v2/app/manifests/{tag}", document).status == 201
        return document

    def uploads(self) -> int:
        return len([*(self.folder / "uploads").iterdir()])

    @staticmethod
    def _pieces(body: Iterable[bytes], *, broken_off: bool) -> Iterable[Any]:
        for piece in body:
            yield {"type": "http.request", "body": piece, "more_body": True}
        yield {"type": "http.disconnect"} if broken_off else {"type": "http.request"}


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_a_blob_comes_in_chunks_and_is_resumed_where_it_stopped(client: Client) -> None:
    where = client.ask("POST", "/v2/app/blobs/uploads/").headers["location"]
    first = client.ask("PATCH", where, CONTENT[:50], CONTENT[50:80])
    assert (first.status, first.headers["range"]) == (202, "0-79")
    assert client.ask("PATCH", where, CONTENT[80:90], broken_off=True).status == 400
    there = client.ask("GET", where)
    assert (there.status, there.headers["range"]) == (204, "0-79")
    for method, path in (("PATCH", where), ("PUT", f"{where}?digest={digest(CONTENT)}")):
        assert client.ask(method, path, b"x", headers={"content-range": "70-70"}).status == 416
    rest = client.ask("PATCH", where, CONTENT[80:150], headers={"content-range": "80-149"})
    assert rest.headers["range"] == "0-149"
    done = client.ask("PUT", f"{where}?digest={digest(CONTENT)}", CONTENT[150:])
    assert (done.status, done.headers["docker-content-digest"]) == (201, digest(CONTENT))
    assert client.ask("GET", done.headers["location"]).body == CONTENT
    assert client.ask("GET", where).code == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_may_be_given_up(client: Client) -> None:
    where = client.ask("POST", "/v2/app/blobs/uploads/").headers["location"]
    assert client.ask("DELETE", where).status == 204
    assert client.ask("PATCH", where, b"x").status == 404
    assert client.uploads() == 0


@pytest.mark.parametrize("wanted", [digest(b"other"), "", "sha256:..", "md5:00"])
def test_a_wrong_digest_leaves_nothing(client: Client, wanted: str) -> None:
    for path in (
        f"/v2/app/blobs/uploads/?digest={wanted}",
        client.ask("POST", "/v2/app/blobs/uploads/").headers["location"] + f"?digest={wanted}",
    ):
        answer = client.ask("POST" if "/?" in path else "PUT", path, CONTENT)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert client.uploads() == 0


def test_a_push_in_one_request_that_is_broken_off_leaves_nothing(client: Client) -> None:
    answer = client.ask("POST", f"/v2/app/blobs/uploads/?digest={digest(CONTENT)}", CONTENT, broken_off=True)
    assert answer.code == "BLOB_UPLOAD_INVALID"
    assert client.uploads() == 0
    assert client.ask("PUT", "/v2/app/manifests/t", b"{}", broken_off=True).code == "MANIFEST_INVALID"


def test_a_blob_is_mounted_or_an_upload_begins(client: Client) -> None:
    found = client.push(CONTENT)
    assert client.ask("POST", f"/v2/other/blobs/uploads/?mount={found}&from=app").status == 201
    assert client.ask("HEAD", f"/v2/other/blobs/{found}").status == 200
    assert client.ask("POST", f"/v2/other/blobs/uploads/?mount={digest(b'x')}&from=app").status == 202


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-", 206, 0, 200),
        ("bytes=10-19", 206, 10, 20),
        ("bytes=199-500", 206, 199, 200),
        ("bytes=200-", 416, 0, 0),
        ("bytes=9-3", 416, 0, 0),
        ("bytes=-5", 200, 0, 200),
        ("bytes=0-1,4-5", 200, 0, 200),
        (f"bytes={'9' * 5000}-", 200, 0, 200),
    ],
)
def test_a_range_of_a_blob(client: Client, asked: str, status: int, start: int, end: int) -> None:
    found = client.push(CONTENT)
    answer = client.ask("GET", f"/v2/app/blobs/{found}", headers={"range": asked})
    assert answer.status == status
    if status != 416:
        assert answer.body == CONTENT[start:end]
        assert answer.headers["content-length"] == str(end - start)
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/200"


def test_head_says_what_get_would_and_sends_nothing(client: Client) -> None:
    document = client.push_manifest("t")
    for path, size in ((f"/v2/app/blobs/{digest(b'{}')}", 2), ("/v2/app/manifests/t", len(document))):
        got, head = client.ask("GET", path), client.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers == got.headers
        assert head.headers["content-length"] == str(size)


def test_a_blob_that_cannot_be_read_to_its_end_is_not_passed_off_as_whole(client: Client) -> None:
    found = client.push(CONTENT)
    place = client.folder / "blobs/sha256" / found.partition(":")[2]
    place.unlink()
    place.mkdir()  # it can be found, and not be read
    with pytest.raises(IsADirectoryError):
        client.ask("GET", f"/v2/app/blobs/{found}")


def test_tags_come_in_pages(client: Client) -> None:
    client.push_manifest("c", "a", "b", "B", "d")
    seen, path = [], "/v2/app/tags/list?n=2"
    while path:
        page = client.ask("GET", path)
        seen.append(json.loads(page.body)["tags"])
        path = page.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert seen == [["B", "a"], ["b", "c"], ["d"]]


@pytest.mark.parametrize(
    ("most", "count"), [("0", 0), ("99", 2), ("\N{SUPERSCRIPT TWO}", 2), ("-1", 2), ("9" * 5000, 2)]
)
def test_a_strange_number_of_tags_is_no_defect(client: Client, most: str, count: int) -> None:
    client.push_manifest("a", "b")
    page = client.ask("GET", f"/v2/app/tags/list?n={most}")
    assert (page.status, len(json.loads(page.body)["tags"]), "link" in page.headers) == (200, count, False)


def test_referrers_are_listed_and_a_push_says_that_they_are(client: Client) -> None:
    subject = digest(client.push_manifest("t"))
    document = {"config": {"digest": digest(b"{}")}, "layers": [], "subject": {"digest": subject}}
    pushed = client.ask("PUT", "/v2/app/manifests/s", json.dumps({**document, "artifactType": "a/b"}).encode())
    assert pushed.headers["oci-subject"] == subject
    for kind, count in (("", 1), ("?artifactType=a/b", 1), ("?artifactType=c/d", 0)):
        answer = client.ask("GET", f"/v2/app/referrers/{subject}{kind}")
        assert len(json.loads(answer.body)["manifests"]) == count
        assert ("oci-filters-applied" in answer.headers) is bool(kind)
    assert client.ask("GET", "/v2/app/referrers/latest").code == "DIGEST_INVALID"


@pytest.mark.parametrize(
    "path",
    [
        "/v2/app/blobs/..", "/v2/app/blobs/.", "/v2/../blobs/x", "/v2/app/../x/manifests/t", "/v2/_blobs/manifests/t",
        "/v2/app/manifests/..", "/v2/app/blobs/uploads/..", "/v2/app/_manifests/tags/list",
        "/v2/" + "a" * 256 + "/tags/list", "/v2/app//manifests/t", "/v2/a/b/c", "/v2/app/manifests/a\0b",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_what_is_served(client: Client, path: str) -> None:
    client.push_manifest("t")
    for method in ("GET", "HEAD", "DELETE"):
        assert 400 <= client.ask(method, path).status < 500


def test_a_manifest_that_is_too_large_is_refused(client: Client) -> None:
    answer = client.ask("PUT", "/v2/app/manifests/t", *[bytes(1 << 20)] * 5)
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
