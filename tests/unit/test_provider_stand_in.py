"""The stand-in for a model provider, as a process of its own, in each of its modes."""

from __future__ import annotations

import http.client
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest

from flowdrill.analysis.provider_log import provider_requests
from flowdrill.model.provider_log import ProviderRequest
from flowdrill.model.scenario import ProviderMode

PROGRAM = Path(__file__).parents[2] / "scenarios/provider/provider.py"
ASKED = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "hello"}]}
LIMIT_SECONDS = 30


@dataclass
class StandIn:
    process: subprocess.Popen[str]
    port: int

    def open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_SECONDS)

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str, dict[str, str]]:
        connection = self.open()
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    def chat(self) -> tuple[int, str, dict[str, str]]:
        return self.ask("POST", "/v1/chat/completions", json.dumps(ASKED))

    def next_request(self) -> ProviderRequest:
        assert self.process.stdout is not None
        (found,) = provider_requests(line_of(self.process.stdout))
        return found


def line_of(stream: IO[str]) -> str:
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        assert selector.select(LIMIT_SECONDS), "no line within the limit"
        return stream.readline()


@contextmanager
def stand_in(mode: str) -> Iterator[StandIn]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"PROVIDER_MODE": mode, "PROVIDER_PORT": str(port)}
    delays = {"PROVIDER_DELAY_SECONDS": "0", "PROVIDER_SLOW_SECONDS": "0.05"}
    process = subprocess.Popen(
        [sys.executable, "-u", str(PROGRAM)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], **settings, **delays},
    )
    found = StandIn(process, port)
    try:
        while True:
            try:
                assert found.ask("GET", "/health")[0] == 200
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "it ended instead of listening"
        yield found
    finally:
        process.kill()
        process.communicate()


def content(text: str) -> Any:
    return json.loads(text)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("mode", ["ok", "slow"])
def test_it_repeats_the_last_message_and_bills_every_one(mode: str) -> None:
    with stand_in(mode) as provider:
        status, text, _ = provider.chat()
        assert (status, content(text)) == (200, "You said: hello.")
        assert json.loads(text)["usage"] == {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}
        request = provider.next_request()
        assert (request.mode, request.status) == (mode, 200)
        assert (request.prompt_tokens, request.completion_tokens) == (4, 4)


@pytest.mark.parametrize(("mode", "code"), [("500", "server_error"), ("429", "rate_limit"), ("401", "invalid_api_key")])
def test_an_error_has_the_providers_shape_and_bills_nothing(mode: str, code: str) -> None:
    with stand_in(mode) as provider:
        status, text, headers = provider.chat()
        assert status == int(mode)
        assert json.loads(text)["error"]["code"].startswith(code)
        assert ("Retry-After" in headers) == (mode == "429")
        request = provider.next_request()
        assert (request.status, request.prompt_tokens, request.completion_tokens) == (int(mode), 0, 0)


def test_bad_json_is_cut_off_in_the_middle_with_a_good_status() -> None:
    with stand_in("bad-json") as provider:
        status, text, _ = provider.chat()
        assert status == 200
        assert text.startswith('{"id"')
        with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
            json.loads(text)


def test_empty_answers_with_nothing_and_bills_the_question() -> None:
    with stand_in("empty") as provider:
        assert content(provider.chat()[1]) == ""
        request = provider.next_request()
        assert (request.prompt_tokens, request.completion_tokens) == (4, 0)


def test_a_hanging_provider_never_answers_and_still_ends_at_once_on_sigterm() -> None:
    with stand_in("hang") as provider:
        connection = provider.open()
        connection.request("POST", "/v1/chat/completions", json.dumps(ASKED))
        assert provider.next_request().status is None
        assert provider.ask("GET", "/health")[0] == 200
        provider.process.send_signal(signal.SIGTERM)
        assert provider.process.wait(LIMIT_SECONDS) == 0
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            connection.getresponse()
        connection.close()


def test_models_and_health_are_green_in_every_mode() -> None:
    with stand_in("401") as provider:
        assert json.loads(provider.ask("GET", "/v1/models")[1])["object"] == "list"
        assert provider.ask("GET", "/v1/other")[0] == 404


@pytest.mark.parametrize("body", ["", "{", "[]", '{"messages": []}', '{"messages": [1]}', "[" * 5000])
def test_what_is_no_question_is_refused(body: str) -> None:
    with stand_in("ok") as provider:
        assert provider.ask("POST", "/v1/chat/completions", body)[0] == 400
        assert provider.ask("POST", "/v1/completions", json.dumps(ASKED))[0] == 404
        assert provider.chat()[0] == 200


def test_a_mode_that_is_none_is_said_at_the_start() -> None:
    environ = {"PATH": os.environ["PATH"], "PROVIDER_MODE": "broken"}
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, env=environ, check=False)
    assert done.returncode != 0
    assert "PROVIDER_MODE=broken: must be one of ok, slow" in done.stderr


def test_the_stand_in_has_the_modes_that_a_scenario_may_name() -> None:
    assert runpy.run_path(str(PROGRAM))["MODES"] == tuple(mode.value for mode in ProviderMode)
