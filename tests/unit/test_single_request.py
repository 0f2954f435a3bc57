"""One request to a service that does whatever it likes: what came back, or why nothing did."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flowdrill.analysis.answers import FlowRequest
from flowdrill.edges.load.single_request import send_request

REQUEST = FlowRequest("/flows/x/run", b'{"input_value": "hello"}')


@contextmanager
def service(*pieces: bytes, keep_open: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """Serve one connection: read what comes, send `pieces`, and close, or keep open until the block ends."""
    heard: list[bytes] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as connection:
                while b"hello" not in b"".join(heard):
                    heard.append(connection.recv(65536))
                for piece in pieces:
                    connection.sendall(piece)
                if keep_open:
                    done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
        finally:
            done.set()
            thread.join()


def test_the_whole_answer_comes_back_and_the_key_goes_with_the_request() -> None:
    with service(b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\n", b"ab", b"cde") as (url, heard):
        answer = send_request(url, REQUEST, "the-key", 10)
    assert (answer.status, answer.body, answer.timed_out, answer.problem) == (500, b"abcde", False, "")
    assert b"".join(heard).startswith(b"POST /flows/x/run HTTP/1.1\r\n")
    assert b"x-api-key: the-key\r\n" in b"".join(heard)


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with service(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n") as (url, _):
        assert send_request(url, REQUEST, "k", 10).status == 302


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no HTTP at all\r\n\r\n"])
def test_an_answer_that_breaks_off_is_none(sent: bytes) -> None:
    with service(sent) as (url, _):
        answer = send_request(url, REQUEST, "k", 10)
    assert (answer.status, answer.timed_out) == (None, False)
    assert answer.problem


def test_a_refused_connection_is_no_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    answer = send_request(f"http://127.0.0.1:{port}", REQUEST, "k", 10)
    assert (answer.status, answer.timed_out) == (None, False)
    assert "refused" in answer.problem


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_a_service_that_does_not_go_on_is_waited_for_no_longer_than_asked(sent: bytes) -> None:
    with service(sent, keep_open=True) as (url, _):
        answer = send_request(url, REQUEST, "k", 0.2)
    assert (answer.status, answer.timed_out) == (None, True)
