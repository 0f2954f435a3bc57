"""The run before this one, as its folder says. What is in there may be anything: it is taken as a claim."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.runfolder.folder import EVENTS, PLAN
from flowdrill.edges.runfolder.run_files import ATTESTATION, SUMS
from flowdrill.errors import RunFolderError
from flowdrill.model.audit_facts import EarlierRun
from flowdrill.model.result import Verdict
from flowdrill.regular_file import open_regular

_RUN = r"\d{8}T\d{6}Z-"  # a folder's name begins with when its run began: sorted by name is sorted by time
_LARGEST_BYTES = 64 << 20


def named_run(folder: Path, drill: str) -> EarlierRun:
    """Return the run that was named to be the one before; RunFolderError when it is none, or one of another drill."""
    remedy = "name the folder of an earlier run of this drill"
    if not (folder / PLAN).is_file() and not (folder / EVENTS).is_file():
        raise RunFolderError(f"--previous {folder}: is no run folder", remedy)
    its = drill_of(folder)
    if its != drill:
        problem = f"is a run of drill {its}, not of {drill}" if its else f"its {PLAN} names no drill"
        raise RunFolderError(f"--previous {folder}: {problem}", remedy)
    return _earlier(folder, "named with --previous")


def newest_run(out: Path, drill: str) -> EarlierRun | None:
    """Return the newest run of a drill among the folders in `out`, whatever came of it; None where there is none."""
    for folder in _newest_first(out, drill):
        if drill_of(folder) == drill:
            return _earlier(folder, "the newest in the folder that runs are written to")
    return None


def _newest_first(out: Path, drill: str) -> Iterator[Path]:
    wanted = re.compile(rf"({_RUN}{re.escape(drill)})(?:-(\d+))?")  # the number: of several in one second
    try:
        found = [(match, path) for path in out.iterdir() if (match := wanted.fullmatch(path.name))]
    except OSError:
        return
    for _, path in sorted(found, key=lambda one: (one[0][1], int(one[0][2] or 1)), reverse=True):
        if (path / PLAN).is_file():
            yield path


def _earlier(folder: Path, found: str) -> EarlierRun:
    result = _object(folder / "result.json")
    run, verdict = result.get("run"), result.get("verdict")
    facts: dict[str, Any] = run if isinstance(run, dict) else {}
    signs = next(((name, digest) for name in (ATTESTATION, SUMS) if (digest := _digest(folder / name))), (None, None))
    return EarlierRun(
        run_id=_text(facts.get("id")) or printable(folder.name),
        found=found,
        verdict=verdict if isinstance(verdict, str) and verdict in list(Verdict) else None,
        finished=_text(facts.get("finished")),
        plan_digest=_text(facts.get("plan_digest")),
        digest=signs[1],
        digest_of=signs[0],
    )


def drill_of(folder: Path) -> str | None:
    """Return the name of a run's drill, as its plan has it; None where that cannot be read."""
    drill = _object(folder / PLAN).get("drill")
    return _text(drill.get("drill")) if isinstance(drill, dict) else None


def _text(value: object) -> str | None:
    return redact(printable(value)) or None if isinstance(value, str) else None


def _object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where it is not there, or is no such file."""
    try:
        with open_regular(path) as file:
            content = file.read(_LARGEST_BYTES + 1)
        held: object = json.loads(content.decode()) if len(content) <= _LARGEST_BYTES else None
    except (OSError, ValueError, RecursionError):
        return {}
    return held if isinstance(held, dict) else {}


def _digest(path: Path) -> str | None:
    try:
        with open_regular(path) as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"  # type: ignore[arg-type]
    except OSError:
        return None
