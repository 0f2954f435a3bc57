"""`flowdrill gate --evidence`: runs nothing, and asks the runs of a store. What cannot be read is named, and never
counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from flowdrill.analysis.attestation import parse_envelope
from flowdrill.analysis.evidence_search import Failed, Wanted, about, failed_of, failed_since, looked_at, nearest
from flowdrill.edges.signing.keys import PublicKey
from flowdrill.errors import RunFolderError
from flowdrill.history.run_looks import Look, looks_at
from flowdrill.history.stored_runs import EvidenceStore
from flowdrill.history.verifying import RESULT, verify, vouched_result
from flowdrill.model.evidence_search import EvidenceAnswer, Found, RecordedDrill
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result


@dataclass(slots=True)
class _Search:
    """What was seen so far. `looks`: by the run."""

    store: EvidenceStore
    seen: list[RecordedDrill] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    since: str | None = None  # the first drill that a later failure has taken the word from, and which
    looks: dict[str, tuple[Look, Result]] = field(default_factory=dict)


def search_evidence(store: EvidenceStore, wanted: Wanted, key: PublicKey | None) -> EvidenceAnswer:
    """Return what the runs in `store` say; FlowdrillError when the store itself cannot be asked. A run counts when its
    files are all as they were signed with the key, and none of the same drill and target has failed on the image since,
    whoever says so; without a key nothing is proven."""
    search = _Search(store)
    noted = [_noted(look, wanted, search) for look in looks_at(store, wanted.digest)]
    counting = [one for one in noted if one is not None and not one.why_not]
    for one in sorted(counting, key=lambda drill: (drill.age_seconds or 0.0, drill.run)):
        checked = _checked(one, key, search)
        if not checked.why_not:
            return _answer(wanted, search, checked, proven=key is not None)
        search.seen[search.seen.index(one)] = checked
    return _answer(wanted, search, None, proven=False)


def _noted(look: Look, wanted: Wanted, search: _Search) -> RecordedDrill | None:
    """Keep what was seen of a run; None where it cannot be read. Nothing of it is believed yet."""
    name = look.run.name
    if look.result is None:
        search.unreadable.append(look.unreadable)
        return None
    one = looked_at(name, look.result, wanted).model_copy(update={"key_id": _key_id_of(look.attestation)})
    search.seen.append(one)
    search.looks[name] = (look, look.result)
    failed = failed_of(name, look.result, wanted)
    search.failed += [] if failed is None else [failed]
    return one


def _key_id_of(attestation: bytes | None) -> str | None:
    if attestation is None:
        return None
    try:
        return parse_envelope(attestation).key_id
    except ValueError:
        return None  # it is told when it counts


def _checked(one: RecordedDrill, key: PublicKey | None, search: _Search) -> RecordedDrill:
    """Whether a run that would count still does, and is what was signed."""
    look, result = search.looks[one.run]
    since = failed_since(one, about(result), search.failed)
    if since:
        search.since = search.since or f"drill {one.drill} passed in {one.run}, but {since}"
        return one.model_copy(update={"why_not": since})
    # a run that lies elsewhere is fetched only where the key's owner has signed what it says of itself
    if not search.store.is_here and key is not None and vouched_result(look.attestation, key) != look.result_sha256:
        return one.model_copy(update={"why_not": f"its {RESULT} is not signed with the key"})
    try:
        with look.run.whole() as path:
            found = verify(path, key)
    except (RunFolderError, OSError) as error:
        problem = error.problem if isinstance(error, RunFolderError) else str(error)
        return one.model_copy(update={"why_not": f"its signature cannot be checked: {problem}"})
    if found.problems:
        return one.model_copy(update={"why_not": f"it is not what was signed with the key: {found.problems[0]}"})
    if key is not None and not found.proven:
        return one.model_copy(update={"why_not": "it is not signed with the key"})
    if found.result_sha256 != look.result_sha256:  # what was judged is not what was signed
        return one.model_copy(update={"why_not": f"its {RESULT} was changed while it was looked at"})
    return one.model_copy(update={"key_id": found.key_id})


def _answer(wanted: Wanted, search: _Search, evidence: RecordedDrill | None, *, proven: bool) -> EvidenceAnswer:
    found = Found.NONE if evidence is None else Found.PROVEN if proven else Found.NOT_PROVEN
    return EvidenceAnswer(
        store=search.store.name,
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
