"""`flowdrill verify`: is a run what was written, and who says so? Works offline, on a folder or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdrill.analysis.attestation import (
    PAYLOAD_TYPE,
    NewerAttestationError,
    parse_envelope,
    pre_authentication_encoding,
    subjects_of,
)
from flowdrill.analysis.digest_list import Difference, differences, parse_digest_list
from flowdrill.analysis.event_chain import Chain, chain_of
from flowdrill.edges.runfolder.archive import ArchiveFiles, DamagedEntryError, opened_run
from flowdrill.edges.runfolder.folder import EVENTS, GUARD_EVENTS
from flowdrill.edges.runfolder.run_files import ATTESTATION, SUMS, RunFiles, digests_of, read
from flowdrill.edges.signing.keys import PublicKey
from flowdrill.errors import RunFolderError
from flowdrill.model.verification import Signature, Verification

RESULT = "result.json"
_NEWER = "verify it with the flowdrill version that made it, or a newer one"


def verify(path: Path, key: PublicKey | None) -> Verification:
    """Return what is known of a run's files, by the public key where there is one. RunFolderError when it is no run, or
    is of a newer version."""
    with opened_run(path) as files:
        try:
            return _verified(path, files, key)
        except DamagedEntryError as error:
            return Verification(
                str(path), (f"{error.name}: {error.what}",), Signature.NOT_CHECKED, None, (), digests=False
            )


def vouched_result(attestation: bytes | None, key: PublicKey) -> str | None:
    """Return the SHA-256 of the result that an attestation by this key's owner is about; None where it is not theirs,
    or is about none. It says nothing of the other files: `verify` does."""
    if attestation is None:
        return None
    try:
        envelope = parse_envelope(attestation)
        message = pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)
        if key.id != envelope.key_id or not key.has_signed(message, envelope.signature):
            return None
        return subjects_of(envelope.payload).get(RESULT)
    except ValueError:
        return None


def _verified(path: Path, files: RunFiles, key: PublicKey | None) -> Verification:
    chains = {name: chain_of(_whole_lines(read(files, name))) for name in (EVENTS, GUARD_EVENTS) if name in files.names}
    problems = [f"{name}: {problem}" for name, problem in files.strays.items()]
    problems += [f"{name}, line {one.broken_at}: {one.problem}" for name, one in chains.items() if one.problem]
    there = digests_of(files, but=(ATTESTATION,))
    signed = _signed(files, key, there) if ATTESTATION in files.names else _Signed(Signature.NONE, None, ())
    listed = _listed(files, there) if SUMS in files.names else ()
    seen = set[str]()
    for one in (*signed.differences, *listed):
        if one.name not in seen:  # the attestation and the list may both tell of one file
            problems.append(f"{one.name}: {one.problem}")
        seen.add(one.name)
    if key is not None and signed.state is Signature.NONE:
        problems.append(f"{ATTESTATION}: is not there: this run is not signed by anybody")
    digests = bool({SUMS, ATTESTATION} & set(files.names))
    if not problems and isinstance(files, ArchiveFiles) and not files.is_as_written():
        problems.append(
            f"{path.name}: the archive itself was changed, and none of its files: it is not what "
            "`flowdrill archive` writes for them"
        )
    words, result = _words(chains), there.get(RESULT)
    return Verification(str(path), tuple(problems), signed.state, signed.key_id, words, digests, result)


@dataclass(frozen=True, slots=True)
class _Signed:
    state: Signature
    key_id: str | None
    differences: tuple[Difference, ...]


def _signed(files: RunFiles, key: PublicKey | None, there: Mapping[str, str]) -> _Signed:
    try:
        envelope = parse_envelope(read(files, ATTESTATION))
        message = pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)
        if key is not None and (key.id != envelope.key_id or not key.has_signed(message, envelope.signature)):
            problem = f"is not signed by this key ({key.id}), or was changed; it names the key {envelope.key_id[:64]!r}"
            return _Signed(Signature.WRONG, envelope.key_id, (Difference(ATTESTATION, problem),))
        found = differences(subjects_of(envelope.payload), there, ATTESTATION)
    except NewerAttestationError as error:
        if key is not None:  # a changed byte, or a newer version: nobody can tell without trusting it
            return _Signed(Signature.WRONG, None, (Difference(ATTESTATION, f"was changed, or is newer: {error}"),))
        raise RunFolderError(f"{ATTESTATION}: {error}", _NEWER) from error
    except ValueError as error:
        return _Signed(Signature.WRONG, None, (Difference(ATTESTATION, f"was changed: {error}"),))
    return _Signed(Signature.NOT_CHECKED if key is None else Signature.GOOD, envelope.key_id, found)


def _listed(files: RunFiles, there: Mapping[str, str]) -> tuple[Difference, ...]:
    try:
        listed = parse_digest_list(read(files, SUMS).decode())
    except ValueError as error:
        return (Difference(SUMS, f"was changed: {error}"),)
    return differences(listed, {name: one for name, one in there.items() if name != SUMS}, SUMS)


def _whole_lines(data: bytes) -> list[bytes]:
    return data.partition(b"\0")[0].split(b"\n")[:-1]


def _words(chains: Mapping[str, Chain]) -> tuple[str, ...]:
    return tuple(f"{name}: {_word(one)}" for name, one in chains.items())


def _word(chain: Chain) -> str:
    if chain.broken_at is not None:
        return f"the chain is broken at line {chain.broken_at}"
    if chain.first_link is None:
        return f"{chain.lines} events without a chain: written before events were chained"
    since = "" if chain.first_link == 1 else f" from line {chain.first_link} on (the lines before have no chain)"
    return f"the chain of {chain.lines} events is unbroken{since}"
