"""Annotations on a stream that also carries what a cluster has said: GitHub obeys every line that looks like a command.

So its own switch is used (`::stop-commands::TOKEN`): until the annotations, which come last, nothing is obeyed.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.report.github_annotations import Annotation, render_github_annotations


class Annotator:
    """Prints an answer, and annotations after it. Where the answer is JSON, they are told on standard error."""

    def __init__(self, *, wanted: bool, as_json: bool) -> None:
        """From now on nothing that is printed is obeyed, where annotations are `wanted`."""
        self._wanted, self._as_json = wanted, as_json
        self._token = secrets.token_hex(16)  # nothing that is printed can know it
        self._say(f"::stop-commands::{self._token}\n")

    def answer(self, text: str, annotations: Sequence[Annotation], code: ExitCode) -> ExitCode:
        """Print both; return the exit code, ERROR where nobody can read it."""
        if not self._wanted:
            return answered(text, code)
        told = f"::{self._token}::\n{render_github_annotations(annotations)}"
        if not self._as_json:
            return answered(text + told, code)
        code = answered(text, code)
        tell(told.rstrip("\n"))
        return code

    def _say(self, text: str) -> None:
        if self._wanted and self._as_json:
            tell(text.rstrip("\n"))
        elif self._wanted:
            answered(text, ExitCode.PASS)
