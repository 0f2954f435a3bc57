"""`flowdrill gate --evidence`: runs nothing, and asks the runs of a folder. What cannot be read is named, and never
counts."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flowdrill.analysis.attestation import parse_envelope
from flowdrill.analysis.evidence_search import Failed, Wanted, about, failed_of, failed_since, looked_at, nearest
from flowdrill.edges.runfolder.archive import opened_run
from flowdrill.edges.runfolder.folder import EVENTS, PLAN
from flowdrill.edges.runfolder.run_files import ATTESTATION, RunFiles, read
from flowdrill.edges.signing.keys import PublicKey
from flowdrill.errors import RunFolderError
from flowdrill.history.verifying import RESULT, verify
from flowdrill.model.evidence_search import EvidenceAnswer, Found, RecordedDrill
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result

_NAME_STORE = "name the folder that holds the run folders, or archives of them (`flowdrill run --out`)"
_SUMMARY = "repeats.json"  # what several runs come to is kept beside them


@dataclass(slots=True)
class _Search:
    """What was seen so far."""

    seen: list[RecordedDrill] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    since: str | None = None  # the first drill that a later failure has taken the word from, and which
    read: dict[str, _Read] = field(default_factory=dict)  # by the run


@dataclass(frozen=True, slots=True)
class _Read:
    """What a run was judged by: the digest of its result's bytes, and which drill and target it is about."""

    sha256: str
    about: tuple[str, ...]


def search_evidence(store: Path, wanted: Wanted, key: PublicKey | None) -> EvidenceAnswer:
    """Return what the runs in `store` say; RunFolderError when the folder itself cannot be read. A run counts when its
    files are all as they were signed with the key, and none of the same drill and target has failed on the image since,
    whoever says so; without a key nothing is proven."""
    search = _Search()
    counting = [one for path in _runs_in(store) if not (one := _looked(path, wanted, search)).why_not]
    for one in sorted(counting, key=lambda drill: (drill.age_seconds or 0.0, drill.run)):
        checked = _checked(store / one.run, one, key, search)
        if not checked.why_not:
            return _answer(store, wanted, search, checked, proven=key is not None)
        search.seen[search.seen.index(one)] = checked
    return _answer(store, wanted, search, None, proven=False)


def _runs_in(store: Path) -> list[Path]:
    if (store / PLAN).exists():
        raise RunFolderError(f"{store}: is itself a run, and not a folder of runs", _NAME_STORE)
    try:
        return sorted(path for path in store.iterdir() if _may_be_run(path))
    except OSError as error:
        raise RunFolderError(f"{store}: the evidence cannot be read: {error.strerror}", _NAME_STORE) from error


def _may_be_run(path: Path) -> bool:
    if path.suffix == ".zip" and path.is_file():
        return True
    if not path.is_dir() or path.name.startswith("."):
        return False
    return (path / PLAN).exists() or not (path / _SUMMARY).exists()  # a drill's name may end with -repeats, too


def _looked(path: Path, wanted: Wanted, search: _Search) -> RecordedDrill:
    """Look at a run, and keep what was seen. Nothing of it is believed yet."""
    try:
        with opened_run(path) as files:
            text, key_id = _result_text(files), _key_id_of(files)
        result = _result_of(text)
    except (RunFolderError, OSError) as error:
        problem = error.problem if isinstance(error, RunFolderError) else str(error)
        search.unreadable.append(problem if path.name in problem else f"{path.name}: {problem}")
        return RecordedDrill(run=path.name, why_not="it cannot be read")
    one = looked_at(path.name, result, wanted).model_copy(update={"key_id": key_id})
    search.seen.append(one)
    search.read[path.name] = _Read(hashlib.sha256(text).hexdigest(), about(result))
    failed = failed_of(path.name, result, wanted)
    search.failed += [] if failed is None else [failed]
    return one


def _result_text(files: RunFiles) -> bytes:
    if RESULT not in files.names:
        kind = "its report was never made" if {PLAN, EVENTS} & set(files.names) else "it is no run"
        raise RunFolderError(f"has no {RESULT}: {kind}", "`flowdrill report RUN_FOLDER`")
    return read(files, RESULT)


def _result_of(text: bytes) -> Result:
    try:
        return Result.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        told = str(error).partition("\n")[0]
        remedy = "ask with the flowdrill version that wrote it, or a newer one"
        raise RunFolderError(f"{RESULT} is none of this version: {told}", remedy) from error


def _key_id_of(files: RunFiles) -> str | None:
    if ATTESTATION not in files.names:
        return None
    try:
        return parse_envelope(read(files, ATTESTATION)).key_id
    except ValueError:
        return None  # it is told when it counts


def _checked(path: Path, one: RecordedDrill, key: PublicKey | None, search: _Search) -> RecordedDrill:
    """Whether a run that would count still does, and is what was signed."""
    since = failed_since(one, search.read[one.run].about, search.failed)
    if since:
        search.since = search.since or f"drill {one.drill} passed in {one.run}, but {since}"
        return one.model_copy(update={"why_not": since})
    try:
        found = verify(path, key)
    except RunFolderError as error:
        return one.model_copy(update={"why_not": f"its signature cannot be checked: {error.problem}"})
    if found.problems:
        return one.model_copy(update={"why_not": f"it is not what was signed with the key: {found.problems[0]}"})
    if key is not None and not found.proven:
        return one.model_copy(update={"why_not": "it is not signed with the key"})
    if found.result_sha256 != search.read[one.run].sha256:  # what was judged is not what was signed
        return one.model_copy(update={"why_not": f"its {RESULT} was changed while it was looked at"})
    return one.model_copy(update={"key_id": found.key_id})


def _answer(
    store: Path, wanted: Wanted, search: _Search, evidence: RecordedDrill | None, *, proven: bool
) -> EvidenceAnswer:
    found = Found.NONE if evidence is None else Found.PROVEN if proven else Found.NOT_PROVEN
    return EvidenceAnswer(
        store=str(store),
        image=wanted.digest,
        not_older_than_seconds=wanted.not_older_than_seconds,
        asked=wanted.now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        found=found,
        says=_says(found, wanted, evidence, search),
        evidence=evidence,
        nearest=() if evidence is not None else nearest(search.seen, wanted),
        runs=len(search.seen),
        unreadable=tuple(search.unreadable),
    )


def _says(found: Found, wanted: Wanted, evidence: RecordedDrill | None, search: _Search) -> str:
    if evidence is None:
        more = f", and {len(search.unreadable)} could not be read" if search.unreadable else ""
        return (
            f"no signed, passing drill that rolled back to this image and is not older than "
            f"{format_seconds(wanted.not_older_than_seconds)}, among {len(search.seen)} runs{more}"
            f"{'' if search.since is None else f': {search.since}'}"
        )
    drilled = (
        f"drill {evidence.drill} rolled back to this image {format_seconds(max(evidence.age_seconds or 0, 0))} ago"
    )
    if found is Found.PROVEN:
        return f"{drilled}, passed, and every file of it is as it was signed with the key {evidence.key_id}"
    return (
        f"{drilled} and passed; nobody vouches for it here: name the public key of whoever must have signed it, --key"
    )


def wanted_of(digest: str, not_older_than_seconds: float, now: datetime | None = None) -> Wanted:
    """Return what is asked, of now."""
    return Wanted(digest, not_older_than_seconds, now or datetime.now(UTC))
