"""One request, on a connection of its own: for looking at a service, not for measuring it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import urllib3

from flowdrill.analysis.answers import FlowRequest

_PIECE = 1 << 16
_MOST_BYTES = 64 << 20  # of one answer: what comes after them is not read


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int | None  # None: no complete answer
    body: bytes
    seconds: float
    timed_out: bool = False
    problem: str = ""  # why there is no complete answer


def send_request(url: str, request: FlowRequest, api_key: str, timeout_seconds: float) -> HttpAnswer:
    """POST a request below the service's `url`; not retried, not redirected. What a service does never raises."""
    began = time.monotonic()
    limits = urllib3.Timeout(connect=timeout_seconds, read=timeout_seconds)
    headers = {"content-type": "application/json", "x-api-key": api_key, "connection": "close"}
    with urllib3.PoolManager(retries=False, timeout=limits) as pool:
        try:
            response = pool.request(
                "POST", url + request.path, body=request.body, headers=headers, redirect=False, preload_content=False
            )
            try:
                body = _read(response, began + timeout_seconds)
            finally:
                response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            inner = next((one for one in (error.__cause__, *error.args) if isinstance(one, Exception)), error)
            problem = str(inner) or type(inner).__name__
            return HttpAnswer(None, b"", time.monotonic() - began, _is_timeout(error), problem)
    return HttpAnswer(response.status, body, time.monotonic() - began)


def _is_timeout(error: Exception) -> bool:
    """A connection that is refused is a timeout by its class, and none by its meaning."""
    timeouts = (urllib3.exceptions.TimeoutError, TimeoutError)
    return isinstance(error, timeouts) and not isinstance(error, urllib3.exceptions.NewConnectionError)


def _read(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    body = bytearray()
    for piece in response.stream(_PIECE):
        body += piece
        if time.monotonic() > until:
            raise TimeoutError("the answer was not complete in time")
        if len(body) > _MOST_BYTES:
            break
    return bytes(body)
