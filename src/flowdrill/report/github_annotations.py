"""What is shown beside a pull request: workflow commands of GitHub Actions, one a line on standard output.

Escaped as GitHub's own toolkit does it (`packages/core/src/command.ts`): in a message `%`, CR and LF, in a property `:`
and `,` as well. So nothing that a cluster or an answer has said can end a command, or begin another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from flowdrill.report.safe_text import visible_text

_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}
MOST = 10  # GitHub shows ten of a kind a step, and drops the others without a word


class Level(StrEnum):
    """GitHub's words."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One of them."""

    level: Level
    title: str
    message: str


def render_github_annotations(annotations: Iterable[Annotation]) -> str:
    """Return a line each, at most ten of a level: the last one says how many more there are."""
    lines, shown = [], dict.fromkeys(Level, 0)
    several = list(annotations)
    of_level = {level: sum(one.level is level for one in several) for level in Level}
    for one in several:
        shown[one.level] += 1
        if shown[one.level] == MOST and of_level[one.level] > MOST:
            more = Annotation(
                one.level, "flowdrill gate", f"and {of_level[one.level] - MOST + 1} more: see the summary"
            )
            lines.append(_line(more))
        elif shown[one.level] <= MOST:
            lines.append(_line(one))
    return "".join(f"{line}\n" for line in lines)


def _line(one: Annotation) -> str:
    title = _escaped(visible_text(one.title), _IN_PROPERTY)
    return f"::{one.level} title={title}::{_escaped(visible_text(one.message), _IN_MESSAGE)}"


def _escaped(text: str, signs: dict[str, str]) -> str:
    return "".join(signs.get(one, one) for one in text)
