"""What the runs of a store say of themselves, read from many at once where that takes a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pydantic import ValidationError

from flowdrill.errors import RunFolderError
from flowdrill.history.stored_runs import EvidenceStore, StoredRun
from flowdrill.history.verifying import RESULT
from flowdrill.model.result import Result


@dataclass(frozen=True, slots=True)
class Look:
    """A run that was looked at. `result`: None where it cannot be read; `unreadable` then says why. `result_sha256`: of
    the bytes that it was read from."""

    run: StoredRun
    result: Result | None = None
    result_sha256: str = ""
    attestation: bytes | None = None
    unreadable: str = ""


def looks_at(store: EvidenceStore, image: str | None) -> Sequence[Look]:
    """Look at each run, in the store's order; FlowdrillError when the store itself cannot be asked."""
    runs = store.runs(image)
    if store.at_once == 1:
        return [_look(run) for run in runs]
    with ThreadPoolExecutor(store.at_once) as pool:
        return list(pool.map(_look, runs))


def _look(run: StoredRun) -> Look:
    try:
        told = run.told()
        result = _result_of(told.result)
    except (RunFolderError, OSError) as error:
        problem = error.problem if isinstance(error, RunFolderError) else str(error)
        return Look(run, unreadable=problem if run.name in problem else f"{run.name}: {problem}")
    return Look(run, result, hashlib.sha256(told.result).hexdigest(), told.attestation)


def _result_of(text: bytes) -> Result:
    try:
        return Result.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        said = str(error).partition("\n")[0]
        remedy = "ask with the flowdrill version that wrote it, or a newer one"
        raise RunFolderError(f"{RESULT} is none of this version: {said}", remedy) from error
