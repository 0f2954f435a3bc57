"""Answers, as lfx 1.13 and langflow-base 1.11 to 1.13 gave them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.answers import judged_answer, request_for
from flowdrill.model.outcome import Reason
from flowdrill.model.route import Route

LFX_GOOD = b'{"result":"echo: hello v1","success":true,"logs":"","type":"message","component":"Chat Output"}'
LFX_EMPTY = b'{"result":"","success":true,"logs":"","type":"message","component":"Chat Output"}'
LFX_FAILED = (
    b'{"result":"Flow execution failed: Error building Component Step: \\n\\nboom from Step","success":false,'
    b'"logs":"","type":"error","component":""}'
)
LFX_NO_EDGE = b'{"result":"No response generated","success":false,"logs":"","type":"error","component":""}'
V2_GOOD = (
    b'{"status":"completed","output":{"reason":"single","text":"echo: hello v1","source":"ChatOutput-out"},'
    b'"errors":[],"has_errors":false}'
)
V2_FAILED = b'{"status":"failed","errors":[{"error":"boom","code":"EXECUTION_ERROR"}],"has_errors":true}'
V2_NO_EDGE = b'{"status":"completed","output":{"reason":"single","text":null},"errors":[],"has_errors":false}'
V2_HALF = b'{"status":"completed","output":{"reason":"single","text":"v1"},"errors":[{}],"has_errors":true}'
V1_GOOD = b'{"session_id":"x","outputs":[{"inputs":{},"outputs":[{"results":{"message":{"text":"hello v1"}}}]}]}'
V1_OTHER = b'{"session_id":"x","outputs":[{"inputs":{},"outputs":[{"results":{"message":{"text":"hello v2"}}}]}]}'
V1_NO_EDGE = b'{"session_id":"x","outputs":[{"inputs":{},"outputs":[null]}]}'


@pytest.mark.parametrize(
    ("route", "status", "body", "reason"),
    [
        (Route.LFX_RUN, 200, LFX_GOOD, Reason.GOOD),
        (Route.LFX_RUN, 200, LFX_EMPTY, Reason.WRONG_ANSWER),
        (Route.LFX_RUN, 200, LFX_FAILED, Reason.FLOW_ERROR),
        (Route.LFX_RUN, 500, LFX_FAILED, Reason.HTTP_STATUS),
        (Route.LFX_RUN, 500, LFX_NO_EDGE, Reason.HTTP_STATUS),
        (Route.LFX_RUN, 401, b'{"detail":"Invalid API key"}', Reason.HTTP_STATUS),
        (Route.LFX_RUN, 404, b'{"detail":{"error":"flow not found","flow_id":"nope"}}', Reason.HTTP_STATUS),
        (Route.LFX_RUN, 422, b'{"detail":[]}', Reason.HTTP_STATUS),
        (Route.LFX_RUN, 500, LFX_GOOD, Reason.HTTP_STATUS),
        (Route.LFX_RUN, 200, b"", Reason.MALFORMED),
        (Route.LFX_RUN, 200, b"<html>v1</html>", Reason.MALFORMED),
        (Route.LFX_RUN, 200, b"[" * 100_000, Reason.MALFORMED),
        (Route.LFX_RUN, 200, V2_GOOD, Reason.MALFORMED),
        (Route.LFX_RUN, 200, b'{"success":"yes","result":"v1"}', Reason.MALFORMED),
        (Route.LFX_RUN, 200, b'{"success":true,"result":["v1"]}', Reason.MALFORMED),
        (Route.LFX_RUN, 200, b'{"success":true,"result":null}', Reason.WRONG_ANSWER),
        (Route.LFX_WORKFLOWS, 200, V2_GOOD, Reason.GOOD),
        (Route.LFX_WORKFLOWS, 200, V2_FAILED, Reason.FLOW_ERROR),
        (Route.LFX_WORKFLOWS, 200, V2_HALF, Reason.FLOW_ERROR),
        (Route.LFX_WORKFLOWS, 200, V2_NO_EDGE, Reason.WRONG_ANSWER),
        (Route.LFX_WORKFLOWS, 200, LFX_GOOD, Reason.MALFORMED),
        (Route.LFX_WORKFLOWS, 200, b'"v1"', Reason.MALFORMED),
        (Route.LANGFLOW_RUN, 200, V1_GOOD, Reason.GOOD),
        (Route.LANGFLOW_RUN, 200, V1_OTHER, Reason.WRONG_ANSWER),
        (Route.LANGFLOW_RUN, 200, V1_NO_EDGE, Reason.WRONG_ANSWER),
        (Route.LANGFLOW_RUN, 200, b'{"outputs":[]}', Reason.WRONG_ANSWER),
        (Route.LANGFLOW_RUN, 200, b'{"outputs":"v1"}', Reason.MALFORMED),
        (Route.LANGFLOW_RUN, 403, b'{"detail":"An API key must be passed"}', Reason.HTTP_STATUS),
    ],
)
def test_each_answer_is_judged_by_its_body_too(route, status, body, reason):
    assert judged_answer(route, status, body, "v1") is reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["success", "result", "status", "output", "text", "outputs", "results", "message"]), inner
        )
    ),
)
routes = st.sampled_from(Route)


@given(routes, st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_judging_raise(route, body):
    assert isinstance(judged_answer(route, 200, body, "v1"), Reason)


@given(routes, st.integers(400, 999), st.binary())
def test_a_status_of_400_or_more_is_never_good(route, status, body):
    assert judged_answer(route, status, body, "v1") is Reason.HTTP_STATUS


@pytest.mark.parametrize(
    ("route", "path", "body"),
    [
        (Route.LFX_RUN, "/flows/echo/run", {"input_value": "hi"}),
        (Route.LFX_WORKFLOWS, "/api/v2/workflows", {"flow_id": "echo", "input_value": "hi"}),
        (
            Route.LANGFLOW_RUN,
            "/api/v1/run/echo?stream=false",
            {"input_value": "hi", "input_type": "chat", "output_type": "chat"},
        ),
    ],
)
def test_each_route_is_asked_in_its_own_way(route, path, body):
    request = request_for(route, "echo", "hi")
    assert (request.path, json.loads(request.body)) == (path, body)
