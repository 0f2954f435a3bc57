"""One line of a watch: what became of which object. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.edges.kubernetes.object_shapes import Json, check_event
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.model.json_shapes import as_count, as_mapping, as_text, inside
from flowdrill.model.json_text import parsed_json

_BOOKMARK, _ERROR = "BOOKMARK", "ERROR"


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """ADDED, MODIFIED or DELETED, and the object. None for a bookmark, which only says how far the watch is."""

    kind: str
    item: Json | None
    resource_version: str


def watch_event(path: str, line: bytes) -> WatchEvent:
    """Return the event that a watch of `path` has sent; AnswerError when it says that the watch is over, with the
    status that it names, or is no event."""
    try:
        event = parsed_json(line)
        kind, item = as_text(as_mapping(event).get("type")) or "", as_mapping(event).get("object")
        if kind == _ERROR:
            raise _over(as_mapping(item))
        version = as_text(inside(item, "metadata").get("resourceVersion"))
        if version is None:
            raise ValueError("it names no version")  # noqa: TRY301 - one error for all
        if kind == _BOOKMARK:
            return WatchEvent(kind, None, version)
        check_event(path, item)
        return WatchEvent(kind, as_mapping(item), version)
    except ValueError as error:
        raise AnswerError(f"no event of a watch: {printable(str(error))}", "try again", 500) from error


def _over(status: Json) -> AnswerError:
    message = printable(str(status.get("message")))
    return AnswerError(f"the watch ended: {message}", "try again", as_count(status.get("code")) or 500)
