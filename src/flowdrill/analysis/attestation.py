"""The attestation of a run: an in-toto Statement v1 with the test-result predicate v0.1, in a DSSE envelope.

https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md, …/spec/predicates/test-result.md, and
https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. Who signs is not its matter: see `edges/signing/`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowdrill.model.result import Assessment, Result, Verdict
from flowdrill.model.status import Status

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NewerAttestationError(ValueError):
    """It is of a kind or a version that this flowdrill does not know."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A signed payload. `key_id`: what the signer says whose key it is, a hint and no proof."""

    payload: bytes
    key_id: str
    signature: bytes


def statement_text(result: Result, digests: Mapping[str, str], plan: str) -> bytes:
    """Return the statement about a run's files, as canonical JSON. The predicate knows no `inconclusive`: such a run
    has FAILED there, as it is never a pass; what held with a warning, or is unknown, is a warned test. `plan`: the file
    that is the test's configuration."""
    tests = _tests(result)
    passed = result.verdict is Verdict.PASS
    warned = passed and any(status is not Status.PASS for status in tests.values())
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "WARNED" if warned else "PASSED" if passed else "FAILED",
            "configuration": [{"name": plan, "digest": {"sha256": digests[plan]}}],
            "passedTests": [name for name, status in tests.items() if status is Status.PASS],
            "warnedTests": [name for name, status in tests.items() if status in (Status.WARNING, Status.UNKNOWN)],
            "failedTests": [name for name, status in tests.items() if status is Status.FAIL],
        },
    }
    return json.dumps(statement, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _tests(result: Result) -> dict[str, Status]:
    kinds: dict[str, tuple[Assessment, ...]] = {
        "objective": result.objectives,
        "check": result.checks,
        "limit": result.limits,
    }
    return {f"{kind}/{one.name}": one.status for kind, several in kinds.items() for one in several}


def subjects_of(payload: bytes) -> dict[str, str]:
    """Return the SHA-256 of each file that a statement is about. ValueError when it is none;
    NewerAttestationError when it is of another kind."""
    statement = _object(payload)
    kinds = (statement.get("_type"), statement.get("predicateType"))
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise NewerAttestationError(f"its statement is {kinds[0]!r} with {kinds[1]!r}")
    try:
        found = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
        several = len(found) != len(statement["subject"])
    except (KeyError, TypeError) as error:
        raise ValueError("its subjects are none") from error
    if several or not all(isinstance(one, str) and _SHA256.fullmatch(one) for one in found.values()):
        raise ValueError("its subjects are not files with a SHA-256 each")
    return found


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: DSSE's PAE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_text(envelope: Envelope) -> bytes:
    """Return an envelope as JSON; the same bytes for the same envelope."""
    encoded = {
        "payload": base64.b64encode(envelope.payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": envelope.key_id, "sig": base64.b64encode(envelope.signature).decode()}],
    }
    return (json.dumps(encoded, indent=2) + "\n").encode()


def parse_envelope(text: bytes) -> Envelope:
    """Return the envelope. ValueError when it is not exactly what `envelope_text` writes (so a changed byte is found
    also where JSON or base64 would not mind); NewerAttestationError when its payload is of another type."""
    found = _object(text)
    if found.get("payloadType") != PAYLOAD_TYPE:
        raise NewerAttestationError(f"its payload is {found.get('payloadType')!r}")
    try:
        signature = found["signatures"][0]
        payload, signed = (base64.b64decode(one, validate=True) for one in (found["payload"], signature["sig"]))
        envelope = Envelope(payload, str(signature["keyid"]), signed)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError("it is no DSSE envelope with a signature") from error
    if envelope_text(envelope) != text:
        raise ValueError("it is not written as flowdrill writes it")
    return envelope


def _object(text: bytes) -> dict[str, Any]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is no JSON") from error
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - it is the file's content that is wrong
    return found
