"""What goes over the control channel: one line of JSON each way."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.model.strict import Strict

LINK = "control"  # in the run folder: a symbolic link to the socket, while the drill listens
LONGEST_LINE = 8192  # bytes
LONGEST_TEXT, LONGEST_NAME = 600, 100  # characters


def _harmless(text: str) -> str:
    return printable(redact(text))


def _name(text: str) -> str:
    return _harmless(text) or "somebody"


class Message(Strict):
    """Something that somebody says. Texts are redacted and printable once they are in here."""

    kind: Literal["ack", "inject"]
    by: Annotated[str, AfterValidator(_name)] = Field(min_length=1, max_length=LONGEST_NAME)
    text: Annotated[str, AfterValidator(_harmless)] = Field(default="", max_length=LONGEST_TEXT)
    asked_ns: int = Field(description="CLOCK_MONOTONIC of this host when the command was started")


class Answer(Strict):
    """What became of it. `refused` is why it was not noted."""

    run_id: str
    words: str
    since_break_seconds: float | None = Field(description="null before the break")
    refused: str | None = None
