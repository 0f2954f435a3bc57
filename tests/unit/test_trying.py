"""What a pod says, made harmless; and a scenario's changes on the pod that is tried."""

from __future__ import annotations

import pytest

from flowdrill.drilling.trying import shown_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2J\u202e\n two", "␛[2J⟨U+202E⟩ two"),
        ("the key is s3cret-key.", "the key is [redacted]."),
        ('{"api_key": "hunter2hunter2"}', '{"api_key": "[redacted]"}'),
        ("x" * 200, "x" * 160 + "…"),
        ("x" * 155 + "s3cret-key", "x" * 155 + "[reda…"),
        ("x" * 10_000_000, "x" * 160 + "…"),
    ],
    ids=lambda text: text[:12].encode().hex(),
)
def test_what_was_said_is_redacted_then_cut_and_every_sign_visible(text: str, shown: str) -> None:
    assert shown_line(text, "s3cret-key") == shown
