"""HEAD requests over kept connections: what comes back, and what no honest server sends."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import urllib3

from flowdrill.oci.head_connections import HeadConnections

OK = b"HTTP/1.1 200 OK\r\nDocker-Content-Digest: sha256:x\r\nContent-Length: 5\r\n\r\n"


class Server:
    """Answers each request with the next text, whatever was asked; None hangs up."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.hung_up = threading.Semaphore(0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._talk(connection)
            self.hung_up.release()

    def _talk(self, connection: socket.socket) -> None:
        while request := connection.recv(1 << 16):
            self.requests.append(request)
            answer = self.answers.pop(0)
            if answer is None:
                return
            connection.sendall(answer)
            if self.answers and self.answers[0] is None:
                self.answers.pop(0)
                return


@contextmanager
def served(*answers: bytes | None) -> Iterator[tuple[Server, HeadConnections]]:
    server = Server(*answers)
    heads = HeadConnections(ssl.create_default_context, connect_seconds=5, read_seconds=5)
    try:
        yield server, heads
    finally:
        heads.close()
        server.close()


def test_a_connection_is_used_again() -> None:
    with served(OK, OK) as (server, heads):
        for _ in range(2):
            answer = heads.head(f"{server.url}/v2/a?n=1", {"Accept": "x"})
            assert (answer.status, answer.headers["docker-content-digest"]) == (200, "sha256:x")
        assert server.connections == 1
        assert server.requests[0].startswith(b"HEAD /v2/a?n=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert b"\r\nAccept: x\r\n" in server.requests[0]


def test_a_connection_that_the_server_closed_while_it_was_idle_is_no_failure() -> None:
    with served(OK, None, OK) as (server, heads):
        assert heads.head(f"{server.url}/", {}).status == 200
        assert server.hung_up.acquire(timeout=5)
        assert heads.head(f"{server.url}/", {}).status == 200
        assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [OK.replace(b"\r\nContent", b"\r\nConnection: Close\r\nContent"), OK.replace(b"1.1", b"1.0"), OK + b"body"],
)
def test_a_connection_that_is_not_to_be_kept_is_not(answer: bytes) -> None:
    with served(answer, OK) as (server, heads):
        for _ in range(2):
            assert heads.head(f"{server.url}/", {}).status == 200
        assert server.connections == 2


def test_interim_answers_are_passed_over() -> None:
    with served(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK) as (server, heads):
        answer = heads.head(f"{server.url}/", {})
        assert (answer.status, "Link" in answer.headers) == (200, False)


@pytest.mark.parametrize("answer", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"x" * 70_000, None])
def test_what_is_no_http_is_an_error(answer: bytes | None) -> None:
    with served(answer) as (server, heads), pytest.raises(urllib3.exceptions.ProtocolError):
        heads.head(f"{server.url}/", {})


def test_a_server_that_is_not_there_is_an_error() -> None:
    with served() as (server, heads):
        url = server.url
    with pytest.raises(urllib3.exceptions.ProtocolError, match="refused"):
        heads.head(f"{url}/", {})


@pytest.mark.parametrize(
    ("url", "suits"),
    [
        ("https://registry.example:5000/v2/a/manifests/1?x=%20", True), ("http://[::1]:5000/v2/", True),
        ("https://user@registry.example/v2/", False), ("https://registry.example/a b", False),
        ("https://registry.example/a\r\nX: 1", False), ("https://registry.example/ä", False),
        ("https://registry.example/#x", False), ("ftp://registry.example/", False), ("https://registry.example", False),
    ],
)  # fmt: skip
def test_only_plain_requests_are_sent_so(url: str, *, suits: bool) -> None:
    heads = HeadConnections(ssl.create_default_context, connect_seconds=5, read_seconds=5)
    assert heads.suits(url, {"Accept": "x"}) is suits
    assert not heads.suits(url, {"Accept": "x\r\ny: z"})
