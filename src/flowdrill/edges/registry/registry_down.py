"""A registry that does not answer: by the team's own commands, or by the switch of the embedded cluster's registry."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import REDACTED, redact, secrets_of
from flowdrill.errors import ObstacleError
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind, RegistryDown
from flowdrill.model.status import Status

_MOST_OUTPUT = 64 * 1024  # bytes of a command's output that are kept
_SHOWN = 300  # characters of it in an error


class RegistryDownByCommand:
    """The `Obstacle` of a registry that the team's own commands take down and bring up again."""

    name = ObstacleKind.REGISTRY_DOWN.value

    def __init__(self, plan: RegistryDown, near: Path) -> None:
        """`near`: the drill file's folder, in which the commands run."""
        self._plan, self._near = plan, near
        self._outputs: list[str] = []

    def look(self, scene: ObstacleScene) -> ObstacleLook:  # noqa: ARG002
        """Nothing can be tried: only the commands' owner knows what they do."""
        missing = [word for word in (self._plan.down[0], self._plan.up[0]) if not self._is_there(word)]
        if missing:
            return ObstacleLook(
                Status.FAIL,
                redact(printable(f"there is no program {', '.join(missing)}, or it must not be executed")),
                "name programs beside the drill file with a /, or programs on the PATH",
            )
        by_hand = f"(cd {shlex.quote(str(self._near.resolve()))} && {shlex.join(self._plan.up)})"
        observed = f"`{shlex.join(self._plan.down)}` takes it down, `{shlex.join(self._plan.up)}` brings it up"
        return ObstacleLook(Status.PASS, redact(printable(observed)), "neither was tried", (by_hand,))

    def _is_there(self, word: str) -> bool:
        if "/" not in word:
            return shutil.which(word) is not None
        path = self._near / word
        return path.is_file() and os.access(path, os.X_OK)

    def put(self) -> str:
        """Run `down`; ObstacleError when it fails or takes too long."""
        problem = self._run(self._plan.down)
        if problem is not None:
            raise ObstacleError(problem, "run the command by hand; see its output in the evidence")
        return redact(printable(f"`{shlex.join(self._plan.down)}` has run"))

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing: the drill has the command that brings it up."""

    def take_away(self) -> str | None:
        """Run `up`; return why it failed, or None."""
        return self._run(self._plan.up)

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return what the commands have written."""
        text = "\n".join(self._outputs)
        return (("obstacle-registry-down.txt", "what the commands down and up have written", text),)

    def _run(self, command: tuple[str, ...]) -> str | None:
        """Return why it failed, or None. Its processes are ended at the limit."""
        named = redact(printable(shlex.join(command)))
        with tempfile.TemporaryFile() as output:
            try:
                started = subprocess.Popen(  # noqa: S603 - the team's own command, from the drill file
                    command, cwd=self._near, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    start_new_session=True,
                )  # fmt: skip
            except (OSError, ValueError) as error:
                why = getattr(error, "strerror", None) or error  # a ValueError has none
                return f"`{named}` cannot be run: {why}"
            try:
                code: int | None = started.wait(self._plan.limit)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                if code is None:
                    _end(started)
            output.seek(max(0, output.seek(0, os.SEEK_END) - _MOST_OUTPUT))
            text = self._shown(output.read().decode("utf-8", "replace"))
        told = f"not ended within {self._plan.limit:g} s" if code is None else f"exit code {code}"
        self._outputs.append(f"$ {named}\n{text}[{told}]\n")
        last = printable(text[-_SHOWN:])
        return None if code == 0 else f"`{named}`: {told}" + (f": {last}" if last else "")

    def _shown(self, text: str) -> str:
        for secret in sorted(secrets_of(os.environ), key=len, reverse=True):
            text = text.replace(secret, REDACTED)
        return redact(text)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class EmbeddedRegistryDown:
    """The same for the embedded cluster's own registry, which answers 503 while a file is there."""

    name = ObstacleKind.REGISTRY_DOWN.value

    def __init__(self, switch: Path) -> None:
        self._switch = switch

    def look(self, scene: ObstacleScene) -> ObstacleLook:  # noqa: ARG002
        """Nothing can be missing."""
        by_hand = shlex.join(["rm", "-f", str(self._switch)])
        observed, memory = "the embedded cluster's registry will answer 503", {"switch": str(self._switch)}
        return ObstacleLook(Status.PASS, observed, "", (by_hand,), memory)

    def put(self) -> str:
        """Make the file."""
        try:
            self._switch.touch()
        except OSError as error:
            raise ObstacleError(f"{self._switch}: {error.strerror}", "make room on the disk") from error
        return "the embedded cluster's registry answers 503"

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know the file."""
        self._switch = Path(str(memory.get("switch") or self._switch))

    def take_away(self) -> str | None:
        """Delete it."""
        try:
            self._switch.unlink(missing_ok=True)
        except OSError as error:
            return f"{self._switch}: {error.strerror}"
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return nothing more."""
        return ()


class RegistryDownUnknown:
    """The same where nobody has said how: it cannot be put."""

    name = ObstacleKind.REGISTRY_DOWN.value

    def look(self, scene: ObstacleScene) -> ObstacleLook:  # noqa: ARG002
        """Say what is missing."""
        return ObstacleLook(
            Status.FAIL,
            "only the embedded cluster's own registry can be taken down without commands",
            "give the obstacle `down` and `up`: commands that take your registry away and bring it back",
        )

    def put(self) -> str:
        """ObstacleError: preflight refuses this drill."""
        raise ObstacleError("nobody has said how the registry is taken down", "give the obstacle `down` and `up`")

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Nothing."""

    def take_away(self) -> str | None:
        """Nothing was put."""
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return nothing."""
        return ()
