"""The scanner port: a report of Trivy from a file, or by running Trivy. Its output is bounded, and so is its time."""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from flowdrill.analysis.redaction import redact
from flowdrill.analysis.scanner_report import LARGEST_REPORT, parse_report
from flowdrill.errors import PlanError, ScannerError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.policy import ScannerPlan
from flowdrill.model.scanner_report import ScannerReport

_PROGRAM = "trivy"
_LIMIT_SECONDS = 300.0  # a first run downloads its database
_LAST_WORDS = 2000  # bytes of what it says on stderr
_PIECE = 1 << 16


class TrivyScanner:
    """The report that a policy names, or else a new one of Trivy's."""

    def __init__(
        self, plan: ScannerPlan, near: Path, access: RegistryAccess,
        environ: Mapping[str, str] = os.environ, limit_seconds: float = _LIMIT_SECONDS,
    ) -> None:  # fmt: skip
        """`near` is the drill file's folder, which the report is named from; `access` says how Trivy, too, reaches the
        registry."""
        self._plan = plan
        self._near = near
        self._access = access
        self._environ = environ
        self._limit_seconds = limit_seconds

    def report(self, image: ImageReference) -> ScannerReport:
        """Return the report that is named, else Trivy's own of `image`. PlanError when the named one cannot be used;
        ScannerError when Trivy is not there, fails, takes too long, or answers with something else."""
        if self._plan.report is not None:
            path = self._near / self._plan.report
            return parse_report(_read(path), str(path))
        program = shutil.which(_PROGRAM, path=self._environ.get("PATH", os.defpath))
        if program is None:
            raise ScannerError(
                f"policy.scanner.run: there is no `{_PROGRAM}` on the PATH",
                "install Trivy here, or name a report that was written elsewhere: policy.scanner.report",
            )
        ran = _run([program, *self._arguments(image)], self._with_trust(), self._limit_seconds)
        if ran.exit_code != 0:
            said = ran.last_words or "it said nothing"
            raise ScannerError(
                f"`{_PROGRAM} image` of {image} ended with exit code {ran.exit_code}: {said}",
                f"run `{_PROGRAM} image {image}` here until it works, or name a report: policy.scanner.report",
            )
        try:
            return parse_report(ran.output, f"the output of `{_PROGRAM} image`")
        except PlanError as error:
            raise ScannerError(
                error.problem, "use a Trivy that writes SchemaVersion 2, as 0.20 and newer do"
            ) from error

    def _arguments(self, image: ImageReference) -> list[str]:
        platform = ["--platform", self._access.platform] if self._access.platform else []
        insecure = ["--insecure"] if self._access.plain_http else []
        return ["image", "--format", "json", "--quiet", *platform, *insecure, str(image)]

    def _with_trust(self) -> Mapping[str, str]:
        ca_file = self._access.ca_file
        return self._environ if ca_file is None else {**self._environ, "SSL_CERT_FILE": ca_file}


@dataclass(frozen=True, slots=True)
class _Ran:
    exit_code: int
    output: bytes
    last_words: str


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe or a device may never end
            raise PlanError(f"{path}: no such file", "policy.scanner.report names Trivy's JSON, beside the drill file")
        with path.open("rb") as file:
            return file.read(LARGEST_REPORT + 1)
    except OSError as error:
        raise PlanError(
            f"{path}: {error.strerror}", "policy.scanner.report names Trivy's JSON, beside the drill file"
        ) from error


def _run(command: list[str], environ: Mapping[str, str], limit_seconds: float) -> _Ran:
    """Run a program to its end, without a shell; ScannerError when it takes too long or writes too much."""
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell; a reference cannot begin with a dash
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except OSError as error:
        raise ScannerError(f"{command[0]}: cannot be run: {error.strerror}", "check who may run it") from error
    with process:
        try:
            output, last_words = _collected(process, limit_seconds)
        except BaseException:
            process.kill()
            raise
    return _Ran(process.returncode, output, last_words)


def _collected(process: subprocess.Popen[bytes], limit_seconds: float) -> tuple[bytes, str]:
    deadline = time.monotonic() + limit_seconds
    kept: dict[IO[bytes], bytearray] = {one: bytearray() for one in (process.stdout, process.stderr) if one is not None}
    with selectors.DefaultSelector() as selector:
        for stream in kept:
            selector.register(stream, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise _too_slow(limit_seconds)
            for key, _ in ready:
                stream = key.data
                piece = os.read(stream.fileno(), _PIECE)
                if not piece:
                    selector.unregister(stream)
                kept[stream] += piece
                if stream is process.stderr:
                    del kept[stream][:-_LAST_WORDS]
                elif len(kept[stream]) > LARGEST_REPORT:
                    raise ScannerError(
                        f"`{_PROGRAM} image` wrote more than {LARGEST_REPORT} bytes",
                        "name a report: policy.scanner.report",
                    )
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise _too_slow(limit_seconds) from error
    output, said = (bytes(one) for one in kept.values())
    return output, redact(" ".join(said.decode("utf-8", "replace").split()))


def _too_slow(limit_seconds: float) -> ScannerError:
    return ScannerError(
        f"`{_PROGRAM} image` was not done after {limit_seconds:g} s",
        f"let it fetch its database first (`{_PROGRAM} image --download-db-only`), or name a report: "
        "policy.scanner.report",
    )
