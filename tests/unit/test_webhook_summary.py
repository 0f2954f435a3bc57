"""A run's summary, posted to a webhook: signed, harmless, and its URL printed nowhere."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cli.main import main
from flowdrill.commands.notifying import notify, take_webhook
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.webhook.posting import KEY_VARIABLE, URL_VARIABLE, Webhook, post, signature_of, webhook_of
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import WebhookError
from flowdrill.history.run_reports import read_report
from flowdrill.model.events import End
from flowdrill.report.chat_message import render_chat_message

GOLDEN = Path(__file__).parents[1] / "golden" / "statefulset"
DOCS = (Path(__file__).parents[2] / "docs" / "schedule.md").read_text()
DRILL = Path(__file__).parents[2] / "drills" / "edge-missing.yaml"
KEY = "a-key-of-both-sides"


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that answers with these, the last one again and again; yields its URL, and what arrived."""
    seen: list[tuple[dict[str, str], bytes]] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((dict(self.headers), body))
            status = left.pop(0) if len(left) > 1 else left[0]
            said = b"secret-path was not found" if status == 404 else b"ok"
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/secret-path", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_summary_is_what_slack_takes_and_says_what_came_of_the_run() -> None:
    report = read_report(GOLDEN)
    message = json.loads(render_chat_message(report, "reports/x"))
    assert message["text"].startswith(f"{report.result.verdict.value.upper()}: drill ")
    assert message["flowdrill"]["run"] == report.result.run.id
    shown = json.dumps(message["blocks"])
    assert "time to recover" in shown
    assert len(message["blocks"]) <= 50
    assert all(len(one["text"]["text"]) <= 3000 for one in message["blocks"] if one["type"] == "section")
    assert render_chat_message(report, "reports/x") == render_chat_message(report, "reports/x")


@given(st.text(alphabet="<>&!*_~`@#\x1b\u202ehere|:/a ", max_size=60))
def test_what_came_from_a_cluster_mentions_nobody_and_links_nowhere(text: str) -> None:
    report = read_report(GOLDEN)
    hostile = report.model_copy(
        update={"result": report.result.model_copy(update={"reasons": (f"x{text}<!channel>",)})}
    )
    (told,) = [one for one in json.loads(render_chat_message(hostile, None))["blocks"] if "x" in str(one)][1:2]
    said = told["text"]["text"]
    assert "<" not in said
    assert ">" not in said
    assert not re.search("[\x00-\x08\x1b\u202e]", said)
    assert not re.search(r"(?<!\u200b)[*_~`@#]", said)


def test_the_signature_is_checked_as_the_documentation_shows() -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    known: dict[str, object] = {}
    exec(snippet, known)
    is_signed = known["is_signed"]
    assert callable(is_signed)
    with receiver(200) as (url, seen):
        post(webhook_of(url, KEY), b'{"text": "x"}', 1_800_000_000)
    ((headers, body),) = seen
    assert is_signed(KEY, headers, body, now=1_800_000_200)
    assert not is_signed(KEY, headers, body, now=1_800_000_400)  # a message that somebody has kept
    assert not is_signed(KEY, headers, body + b" ", now=1_800_000_000)
    assert not is_signed("another key of somebody", headers, body, now=1_800_000_000)
    assert not is_signed(KEY, {}, body, now=1_800_000_000)


def test_the_signature_is_that_of_others_for_a_known_message() -> None:
    # printf 'v1:1:{}' | openssl dgst -sha256 -hmac key
    assert signature_of(b"key", "1", b"{}") == "v1=b0fa2e2365bc31a26cc3682deb26077df2c7d1c1ddf37447313bb35fb0c67eef"


def test_without_a_key_it_is_not_signed() -> None:
    with receiver(200) as (url, seen):
        post(webhook_of(url, ""), b"{}", 1)
    assert "X-Flowdrill-Signature" not in seen[0][0]


def test_a_busy_server_is_asked_again_and_a_redirect_is_not_followed() -> None:
    with receiver(503, 200) as (url, seen):
        post(webhook_of(url, KEY), b"{}", 1)
        assert len(seen) == 2
    for status in (302, 404):
        with receiver(status) as (url, seen):
            with pytest.raises(WebhookError, match=f"HTTP {status}") as refused:
                post(webhook_of(url, KEY), b"{}", 1)
            assert len(seen) == 1
            assert "secret-path" not in str(refused.value)  # which the server has repeated


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A server that answers each request with these bytes, whatever HTTP says; yields its URL."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/secret-path"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def finished_run() -> FinishedRun:
    return FinishedRun(GOLDEN, RunOutcome(End.COMPLETED, None), read_report(GOLDEN))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok", "summary: posted to"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok", "summary: posted to"),
        (b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok", "HTTP 404"),
        (b"nothing of HTTP\r\n\r\n", "no answer: ProtocolError"),
    ],
)
def test_an_answer_that_is_none_of_http_takes_no_result_with_it(
    answer: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(answer) as url:
        notify(webhook_of(url, KEY), finished_run())
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "proxy:3128", "http://[bad"])
def test_a_proxy_that_cannot_be_used_is_told(
    proxy: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    notify(webhook_of("https://hooks.example/secret-path", KEY), finished_run())
    said = capsys.readouterr().err
    assert "the webhook at hooks.example has not taken the summary: no answer" in said
    assert "secret-path" not in said


def test_even_a_defect_in_the_message_takes_no_result_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    run = finished_run()
    broken = run.report.model_copy(update={"result": None})
    notify(webhook_of("https://hooks.example/x", KEY), FinishedRun(run.folder, run.outcome, broken))
    assert "the summary is not posted: ValidationError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "key"),
    [("ftp://h/x", ""), ("https://", ""), ("https://u:p@h/s3cret", ""), ("https://h/ x", ""), ("https://h:x/", ""),
     ("https://h/\x1b", ""), ("https://h/s3cret", "short")],
)  # fmt: skip
def test_a_webhook_that_cannot_be_used_is_said_and_not_repeated(url: str, key: str) -> None:
    with pytest.raises(WebhookError) as refused:
        webhook_of(url, key)
    assert "s3cret" not in str(refused.value)
    assert key == "" or key not in str(refused.value).replace("too short", "")


def test_it_is_taken_out_of_the_environment() -> None:
    environ = {URL_VARIABLE: "https://hooks.example/x\n", KEY_VARIABLE: KEY, "HOME": "/"}
    taken = take_webhook(environ)
    assert taken == Webhook("https://hooks.example/x", KEY.encode())
    assert environ == {"HOME": "/"}
    assert "hooks.example/x" not in repr(taken)
    assert take_webhook(environ) is None


def test_a_summary_that_nobody_takes_is_told_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    finished = FinishedRun(GOLDEN, RunOutcome(End.COMPLETED, None), read_report(GOLDEN))
    with receiver(404) as (url, _):
        notify(webhook_of(url, KEY), finished)
    said = capsys.readouterr().err
    assert "the webhook at 127.0.0.1 has not taken the summary: HTTP 404" in said
    assert "secret-path" not in said
    with receiver(200) as (url, seen):
        notify(webhook_of(url, KEY), finished)
        assert json.loads(seen[0][1])["flowdrill"]["drill"] == finished.report.result.run.drill
    assert "summary: posted to 127.0.0.1" in capsys.readouterr().err


def test_the_evidence_is_pushed_before_anybody_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(finished_run(), folder=tmp_path / "gone")
    monkeypatch.setattr("flowdrill.commands.drills.run_drill_file", lambda *_: gone)
    with receiver(200) as (url, _):
        monkeypatch.setenv(URL_VARIABLE, url)
        main(["run", str(DRILL), "--context", "any", "--push-report"])
    said = capsys.readouterr().err
    assert 0 < said.index("the report is not pushed") < said.index("summary: posted")
