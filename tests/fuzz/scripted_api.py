"""An API server that answers from memory, through the real `Api`: whatever bytes a test gives it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import urllib3

from flowdrill.edges.kubernetes.api import Api
from tests.fuzz.strategies import json_bytes


class ScriptedClient:
    """As much of the official client as `Api` calls. `bodies` are by path; what has none is not found."""

    user_agent = "test"

    def __init__(self, bodies: Mapping[str, bytes], status: int = 200) -> None:
        self._bodies, self._status = bodies, status

    def param_serialize(self, method: str, path: str, **more: Any) -> tuple[Any, ...]:
        return method, path, more.get("header_params") or {}, more.get("body")

    def call_api(self, method: str, url: str, headers: object, body: object, **more: object) -> Any:
        content, status = self._bodies.get(url), self._status
        if content is None:
            content, status = json_bytes({"kind": "Status", "message": "not found", "code": 404}), 404
        elif method != "GET" and status == 200:
            status = 201
        return Answered(urllib3.HTTPResponse(io.BytesIO(content), status=status, preload_content=False))


class Answered:
    """What the client returns."""

    def __init__(self, response: urllib3.HTTPResponse) -> None:
        self.response = response


def scripted_api(bodies: Mapping[str, bytes], status: int = 200) -> Api:
    return Api(ScriptedClient(bodies, status), "https://cluster.example", patience_seconds=0.0)  # type: ignore[arg-type]
