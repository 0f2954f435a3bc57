"""What is written about a run's files once they are all there: their digests, and with a key an attestation."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path

from flowdrill.analysis.attestation import (
    PAYLOAD_TYPE,
    Envelope,
    envelope_text,
    pre_authentication_encoding,
    statement_text,
)
from flowdrill.analysis.digest_list import differences, digest_list_text, parse_digest_list
from flowdrill.durable_file import replace_durably
from flowdrill.edges.runfolder.folder import PLAN
from flowdrill.edges.runfolder.run_files import ATTESTATION, SUMS, FolderFiles, digests_of, read
from flowdrill.edges.signing.keys import SigningKey, parse_signing_key, read_signing_key
from flowdrill.errors import RunFolderError
from flowdrill.model.result import Result

KEY_VARIABLE = "FLOWDRILL_SIGNING_KEY"


def take_signing_key(file: Path | None, environ: MutableMapping[str, str]) -> SigningKey | None:
    """Return the key of a file, or else of the environment variable: a PEM text, or a file's path. None where neither
    is given. It is taken out of the environment, which every process inherits that a drill starts. SigningError when it
    is none."""
    text = environ.pop(KEY_VARIABLE, "")
    if file is not None:
        return read_signing_key(file)
    if not text:
        return None
    if text.lstrip().startswith("-----BEGIN"):
        return parse_signing_key(text.encode(), KEY_VARIABLE)
    return read_signing_key(Path(text))


def seal(folder: Path, result: Result | None, key: SigningKey | None) -> None:
    """Write the digests of all files of a run, and with a key the attestation over them. An older attestation, which is
    about other files, is removed. RunFolderError when something is there that is no file, or cannot be written."""
    try:
        (folder / ATTESTATION).unlink(missing_ok=True)
        digests = _digests(folder, SUMS)
        replace_durably(folder / SUMS, digest_list_text(digests).encode())
        if key is not None and result is not None:
            payload = statement_text(result, _digests(folder), PLAN)
            signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
            replace_durably(folder / ATTESTATION, envelope_text(Envelope(payload, key.id, signature)))
    except OSError as error:
        remedy = f"`flowdrill attest {folder}` once there is room"
        raise RunFolderError(f"{error.filename or folder}: {error.strerror}", remedy) from error


def check_digests(folder: Path) -> None:
    """RunFolderError when a run is no longer what its digests were written of: nothing to put a name under."""
    files = FolderFiles(folder)
    if SUMS not in files.names:
        return
    try:
        listed = parse_digest_list(read(files, SUMS).decode())
    except ValueError as error:
        raise _changed(folder, SUMS, str(error)) from error
    for one in differences(listed, digests_of(files, but=(SUMS, ATTESTATION)), SUMS):
        raise _changed(folder, one.name, one.problem)


def _changed(folder: Path, name: str, problem: str) -> RunFolderError:
    remedy = f"see `flowdrill verify {folder}`; where the change is known and right: `flowdrill attest --anew {folder}`"
    return RunFolderError(f"{folder / name}: {problem}", remedy)


def _digests(folder: Path, *but: str) -> Mapping[str, str]:
    files = FolderFiles(folder)
    for name, problem in files.strays.items():
        raise RunFolderError(f"{folder / name}: {problem}", "take it out of the run folder; then `flowdrill attest`")
    return digests_of(files, but=(ATTESTATION, *but))
