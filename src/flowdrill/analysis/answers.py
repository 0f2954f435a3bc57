"""What a LangFlow route is asked, and whether its answer is good.

The Locust processes import this module too: nothing but the standard library. The bodies were read off lfx 1.13 and
langflow-base 1.11 to 1.13.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flowdrill.model.outcome import Reason
from flowdrill.model.route import Route


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """One POST: its path with query, below the service's URL, and its JSON body."""

    path: str
    body: bytes


def request_for(route: Route, flow: str, text: str) -> FlowRequest:
    """Return the request that runs `flow` with `text` as its chat input."""
    body = {"input_value": text}
    match route:
        case Route.LFX_RUN:
            path = f"/flows/{flow}/run"
        case Route.LFX_WORKFLOWS:
            path, body = "/api/v2/workflows", {"flow_id": flow, **body}
        case Route.LANGFLOW_RUN:
            path, body = f"/api/v1/run/{flow}?stream=false", {**body, "input_type": "chat", "output_type": "chat"}
    return FlowRequest(path, json.dumps(body).encode())


def judged_answer(route: Route, http_status: int, body: bytes, expect: str) -> Reason:
    """Return GOOD when the flow ran and its text contains `expect`, else the first reason why not. Never raises: a
    broken service may send anything."""
    if http_status >= 400:
        return Reason.HTTP_STATUS
    try:
        answer = json.loads(body)
        if _flow_failed(route, answer):
            return Reason.FLOW_ERROR
        text = _text(route, answer)
    except (ValueError, RecursionError, LookupError, TypeError):
        return Reason.MALFORMED
    return Reason.GOOD if text is not None and expect in text else Reason.WRONG_ANSWER


def _flow_failed(route: Route, answer: Any) -> bool:
    match route:
        case Route.LFX_RUN:
            return not _typed(answer["success"], bool)
        case Route.LFX_WORKFLOWS:
            return _typed(answer["status"], str) == "failed" or answer.get("has_errors") is True
        case Route.LANGFLOW_RUN:
            return False  # this route says so by its status only


def _text(route: Route, answer: Any) -> str | None:
    """Return the flow's text; None where the body has the route's shape but no text in it."""
    match route:
        case Route.LFX_RUN:
            text = answer["result"]
        case Route.LFX_WORKFLOWS:
            output = answer.get("output")
            text = None if output is None else output["text"]
        case Route.LANGFLOW_RUN:
            runs = _typed(answer["outputs"], list)
            results = _typed(runs[0]["outputs"], list) if runs else []
            text = results[0]["results"]["message"]["text"] if results and results[0] is not None else None
    return None if text is None else _typed(text, str)


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r:.40} is no {kind.__name__}")
    return value
