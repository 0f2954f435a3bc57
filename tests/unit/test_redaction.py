"""No secret survives redaction, whatever it stands in."""

from __future__ import annotations

import pytest

from flowdrill.analysis.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "x-api-key: HIDE-ME-123",
        '{"api_key": "HIDE-ME-123", "b": 1}',
        "Authorization: Bearer HIDE-ME-123",
        "authorization: Basic HIDE-ME-123",
        "LANGFLOW_SUPERUSER_PASSWORD=HIDE-ME-123",
        "postgresql://user:HIDE-ME-123@db/langflow",
        "curl -H 'x-api-key: HIDE-ME-123'",
        "'token' : 'HIDE-ME-123'",
        "?api_key=HIDE-ME-123&x=1",
        "bearer HIDE-ME-123",
        "OPENAI said sk-HIDE-ME-123 is wrong",
    ],
)
def test_secrets_are_taken_out_by_name_and_shape(text: str) -> None:
    assert "HIDE-ME" not in redact(text)


def test_a_known_secret_is_taken_out_wherever_it_stands() -> None:
    assert redact("echo: correct horse", ["correct horse"]) == "echo: [redacted]"


def test_ordinary_text_stays_as_it_is() -> None:
    text = '{"result": "echo: hello", "success": true} 12 tokens used'
    assert redact(text) == text
