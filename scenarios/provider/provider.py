"""A stand-in for a model provider: an OpenAI-compatible chat endpoint that fails as it is told to.

    PROVIDER_MODE=429 python3 provider.py

It needs nothing but Python 3.8. The environment says what it does:

    PROVIDER_MODE            ok, slow, 500, 429, 401, bad-json, hang or empty (default: ok)
    PROVIDER_HOST            the address it listens on (default: 127.0.0.1)
    PROVIDER_PORT            the port (default: 8000)
    PROVIDER_DELAY_SECONDS   how long an answer takes (default: 0.05)
    PROVIDER_SLOW_SECONDS    how long it takes in the mode slow (default: 10)

POST /v1/chat/completions answers in one piece, streaming or not. GET /v1/models and GET /health answer in every mode.
Every chat request is one line of JSON on standard output: when it arrived (UTC), the mode, the status it gets (null:
none, ever), and the tokens that a provider would bill. A token is four characters here.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MODES = ("ok", "slow", "500", "429", "401", "bad-json", "hang", "empty")
MODEL = "stand-in"
_MOST_BYTES = 1_000_000
_ERRORS = {
    500: ("server_error", "The server had an error while processing your request."),
    429: ("rate_limit_exceeded", "Rate limit reached. Please try again in 1s."),
    401: ("invalid_api_key", "Incorrect API key provided."),
}


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    mode: str
    host: str
    port: int
    delay_seconds: float
    slow_seconds: float


def settings_of(environ: os._Environ[str]) -> Settings:
    """Return the settings; ValueError for a mode or a number that is none."""
    mode = environ.get("PROVIDER_MODE", "ok")
    if mode not in MODES:
        raise ValueError(f"PROVIDER_MODE={mode}: must be one of {', '.join(MODES)}")
    return Settings(
        mode,
        environ.get("PROVIDER_HOST", "127.0.0.1"),
        int(environ.get("PROVIDER_PORT", "8000")),
        float(environ.get("PROVIDER_DELAY_SECONDS", "0.05")),
        float(environ.get("PROVIDER_SLOW_SECONDS", "10")),
    )


def tokens_of(text: str) -> int:
    """Return how many tokens a text has: one for every four characters begun."""
    return -(-len(text) // 4)


class Provider(ThreadingHTTPServer):
    """The server, with a thread for each connection; none of them keeps the process from ending."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, settings: Settings) -> None:
        super().__init__((settings.host, settings.port), Handler)
        self.settings = settings
        self._writing = threading.Lock()

    def record(self, status: int | None, prompt_tokens: int, completion_tokens: int) -> None:
        """Write one request's line."""
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017 - Python 3.8
        line = {
            "time": now.replace("+00:00", "Z"),
            "mode": self.settings.mode,
            "status": status,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
        }
        with self._writing:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Provider

    def do_GET(self) -> None:
        """Answer GET /health and GET /v1/models, whatever the mode."""
        if self.path == "/health":
            self._send(200, {"status": "ok"})
        elif self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "flowdrill"}]})
        else:
            self._send(404, _error("not_found", f"There is no {self.path}."))

    def do_POST(self) -> None:
        """Answer POST /v1/chat/completions as the mode says."""
        asked = self._asked()
        if self.path != "/v1/chat/completions" or asked is None:
            self.close_connection = True  # what is left of its body is not looked at
            known = self.path == "/v1/chat/completions"
            self._send(400 if known else 404, _error("invalid_request", "POST /v1/chat/completions takes messages."))
            return
        prompt, last = asked
        self._answer(self.server.settings, tokens_of(prompt), "" if self._is("empty") else f"You said: {last}.")

    def _answer(self, settings: Settings, prompt_tokens: int, text: str) -> None:
        if self._is("hang"):
            self.server.record(None, 0, 0)
            self._hold()
        elif settings.mode.isdigit():
            status = int(settings.mode)
            self.server.record(status, 0, 0)
            self._send(status, _error(*_ERRORS[status]))
        else:
            self.server.record(200, prompt_tokens, tokens_of(text))
            time.sleep(settings.slow_seconds if self._is("slow") else settings.delay_seconds)
            answer = json.dumps(_completion(text, prompt_tokens)).encode()
            self._send_bytes(200, answer[: len(answer) // 2] if self._is("bad-json") else answer)

    def _is(self, mode: str) -> bool:
        return self.server.settings.mode == mode

    def _asked(self) -> tuple[str, str] | None:
        """Read the body; return all messages as one text and the last one, or None when there is none."""
        try:
            length = int(self.headers.get("Content-Length") or 0)
            if not 0 <= length <= _MOST_BYTES:
                return None
            texts = [str(message["content"]) for message in json.loads(self.rfile.read(length))["messages"]]
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        return ("".join(texts), texts[-1]) if texts else None

    def _hold(self) -> None:
        """Never answer; the connection ends with its client, or with this process."""
        self.close_connection = True
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            return

    def _send(self, status: int, body: dict[str, object]) -> None:
        self._send_bytes(status, json.dumps(body).encode())

    def _send_bytes(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Keep http.server's own lines out of the log."""


def _completion(text: str, prompt_tokens: int) -> dict[str, object]:
    completion_tokens = tokens_of(text)
    return {
        "id": "chatcmpl-stand-in",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _error(code: str, message: str) -> dict[str, object]:
    return {"error": {"message": message, "type": code, "code": code}}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # at once: as process 1 of a container it would be ignored
    with Provider(settings_of(os.environ)) as server:
        server.serve_forever()
