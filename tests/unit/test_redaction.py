"""No secret survives redaction, whatever it stands in."""

from __future__ import annotations

import pytest

from flowdrill.analysis.redaction import redact


@pytest.mark.parametrize(
    "text",
    [
        "x-api-key: HIDE-ME-123",
        '{"api_key": "HIDE-ME-123", "b": 1}',
        "│ API Key: HIDE-ME-1...  │",
        "Authorization: Bearer HIDE-ME-123",
        "authorization: Basic HIDE-ME-123",
        "LANGFLOW_SUPERUSER_PASSWORD=HIDE-ME-123",
        "postgresql://user:HIDE-ME-123@db/langflow",
        "curl -H 'x-api-key: HIDE-ME-123'",
        "'token' : 'HIDE-ME-123'",
        "?api_key=HIDE-ME-123&x=1",
        "bearer HIDE-ME-123",
        "OPENAI said sk-HIDE-ME-123 is wrong",
        "redis://:HIDE-ME-123@host/0",
        "redis://:HIDE@ME-HIDE-ME@host/0",
        "DB_PASS=HIDE-ME",
        "MYSQL_PWD=HIDE-ME",
        "ENCRYPTION_KEY=HIDE-ME",
        "aws_access_key_id: HIDE-ME",
        "signingKey: HIDE-ME",
        "FERNET_KEY=HIDE-ME",
        "MASTER-KEY=HIDE-ME",
        'password: "two HIDE-ME" and more',
        "password: 'one, HIDE-ME'",
        '{"password": "a\\"HIDE-ME"}',
        r'"{\"password\": \"two HIDE-ME\"}"',
        '"password": "unclosed HIDE-ME',
        'Cookie: a=HIDE-ME; b="HIDE-ME"; c=HIDE-ME',
        "curl -H 'Cookie: a=HIDE-ME; b=HIDE-ME' http://host",
        '{"set-cookie": "a=HIDE-ME; Path=/; b=HIDE-ME"}',
        "[(b'Set-Cookie', b'a=HIDE-ME; Path=/')]",
        "-----BEGIN RSA PRIVATE KEY-----\nHIDE-ME\nHIDE-ME\n-----END RSA PRIVATE KEY-----",
        "PRIVATE_KEY=-----BEGIN PRIVATE KEY-----\nHIDE-ME\n-----END PRIVATE KEY-----",
        "cut off: -----BEGIN OPENSSH PRIVATE KEY-----\nHIDE-ME\nHIDE-ME",
    ],
)
def test_secrets_are_taken_out_by_name_and_shape(text: str) -> None:
    assert "HIDE-ME" not in redact(text)


@pytest.mark.parametrize(
    "token", ["ghp_0123456789abcdef", "github_pat_11ABC_0123456789", "xoxb-1234-5678-abcdef", "xoxp-12345678"]
)
def test_tokens_of_known_shapes_are_taken_out(token: str) -> None:
    assert redact(f"cloning with {token} failed") == "cloning with [redacted] failed"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('{"password": "two words", "b": 1}', '{"password": "[redacted]", "b": 1}'),
        ("curl -H 'Cookie: a=b; c=d' http://host", "curl -H 'Cookie: [redacted]' http://host"),
        ("Set-Cookie: a=b; Path=/\nHost: x", "Set-Cookie: [redacted]\nHost: x"),
        ("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\nafter", "[redacted]\nafter"),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, left: str) -> None:
    assert redact(text) == left
    assert redact(left) == left


@pytest.mark.timeout(60)  # quadratic time would be hours
@pytest.mark.parametrize(
    "part",
    ["a.", "token", "pass-", 'token="', "token:\\", "eyJaaaaaaaa-", "://a:", "-----BEGIN PRIVATE KEY-----", "'cookie:"],
)
def test_a_hostile_text_takes_no_longer_than_another(part: str) -> None:
    redact(part * (1_000_000 // len(part)))


def test_a_known_secret_is_taken_out_wherever_it_stands() -> None:
    assert redact("echo: correct horse", ["correct horse"]) == "echo: [redacted]"


def test_ordinary_text_stays_as_it_is() -> None:
    text = '{"result": "echo: hello", "success": true} 12 tokens used'
    assert redact(text) == text
