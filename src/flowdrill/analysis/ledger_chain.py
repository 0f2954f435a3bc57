"""The ledger as text: one entry a line, each with the hash of the one before.

A hash is sha256 over the entry's canonical JSON: keys sorted, no spaces, UTF-8, without `hash` itself. Whoever changes,
leaves out or moves an entry breaks the chain there. It does not show that entries were cut off at its end: for that,
compare the head's hash with one that was written down elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from flowdrill.analysis.redaction import redact
from flowdrill.errors import BrokenLedgerError, LedgerError, PlanError
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.ledger import Ledger, LedgerEntry

GENESIS = f"sha256:{hashlib.sha256(b'').hexdigest()}"  # what the first entry follows: nothing
MOST_BYTES = 1_000_000  # a ConfigMap holds 1 MiB
_NEARLY_FULL_BYTES = MOST_BYTES * 9 // 10
_LONGEST_LINE = 8192  # characters
_LONGEST = {"reference": 600, "by": 200, "note": 500}  # characters
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_KEYS = frozenset(one.name for one in fields(LedgerEntry))
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_UTC = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
# a fixed list: what a newer Python's Unicode tables know must not break an older one's chain
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")

_MEND = (
    "find out who changed it, and put back a copy whose hashes are right; or keep it as evidence and begin a new "
    "ledger elsewhere: policy.ledger.config_map or policy.ledger.file in the drill"
)


def parse_ledger(text: str, where: str) -> Ledger:
    """Return the ledger that `text` holds, one entry a line. LedgerError when it is too large; BrokenLedgerError at
    the first entry that is none, or does not follow from the one before."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise LedgerError(f"{where} is larger than {MOST_BYTES} bytes: that is no ledger", _MEND)
    entries: list[LedgerEntry] = []
    lines = text.rstrip("\n").split("\n") if text.strip("\n") else []
    for number, line in enumerate(lines, 1):
        previous = entries[-1].hash if entries else GENESIS
        try:
            entries.append(_entry(line, number, previous, whole=number < len(lines) or text.endswith("\n")))
        except ValueError as error:
            problem = f"{where}: the chain is broken at entry {number} (line {number}): {error}"
            raise BrokenLedgerError(problem, _MEND, entry=number) from error
    return Ledger(where, tuple(entries))


def appended(ledger: Ledger, *, digest: str, reference: str, verified_at: datetime, by: str, note: str) -> Ledger:
    """Return the ledger with one entry more. PlanError when a text must not be in it, which is for ever; LedgerError
    when there is no room left."""
    secret = next((name for name, text in (("by", by), ("note", note)) if redact(text) != text), None)
    if secret is not None:
        raise PlanError(
            f"{secret}: looks as if a secret were in it, and what is in a ledger stays there",
            "say it without anything that reads like a key, a token or a password",
        )
    entry = LedgerEntry(
        number=len(ledger.entries) + 1,
        digest=digest,
        reference=reference,
        verified_at=verified_at.astimezone(UTC).strftime(_TIME),
        by=by,
        note=note,
        previous=head_of(ledger),
        hash="",
    )
    try:
        _check_fields(entry)
    except ValueError as error:
        raise PlanError(f"{ledger.where}: the new entry: {error}", "correct it; nothing was added") from error
    grown = Ledger(ledger.where, (*ledger.entries, replace(entry, hash=hash_of(asdict(entry)))))
    if len(ledger_text(grown).encode()) > MOST_BYTES:
        raise LedgerError(
            f"{ledger.where} is full: {len(ledger.entries)} entries, and a ledger holds at most {MOST_BYTES} bytes",
            f"keep it, note its head {head_of(ledger)}, and begin a new one: another name in policy.ledger.config_map "
            "(or policy.ledger.file) of the drill; add the versions that still count with `flowdrill ledger add`",
        )
    return grown


def ledger_text(ledger: Ledger) -> str:
    """Return the ledger as it is kept: one line an entry."""
    return "".join(f"{canonical_json(asdict(entry))}\n" for entry in ledger.entries)


def head_of(ledger: Ledger) -> str:
    """Return the hash of the last entry, which stands for the whole ledger; the first one's `previous` when empty."""
    return ledger.entries[-1].hash if ledger.entries else GENESIS


def has_head(ledger: Ledger, head: str) -> bool:
    """Return whether `head`, seen earlier, is the hash of one of its entries, or that of an empty ledger."""
    return head in {GENESIS, *(entry.hash for entry in ledger.entries)}


def said_before(ledger: Ledger, digest: str, by: str) -> LedgerEntry | None:
    """Return the entry in which `by` says that `digest` is verified, or None."""
    return next((entry for entry in ledger.entries if (entry.digest, entry.by) == (digest, by)), None)


def earlier_than_before(ledger: Ledger) -> tuple[int, ...]:
    """Return the numbers of the entries whose time is before that of the entry before: clocks that differ, or one who
    wrote a time of his own."""
    return tuple(late.number for early, late in pairwise(ledger.entries) if late.verified_at < early.verified_at)


def nearly_full(ledger: Ledger) -> bool:
    """Return whether there is room for only a tenth more."""
    return len(ledger_text(ledger).encode()) > _NEARLY_FULL_BYTES


def hash_of(entry: Mapping[str, object]) -> str:
    """Return the hash of an entry, whatever it holds as `hash`."""
    content = {name: value for name, value in entry.items() if name != "hash"}
    return f"sha256:{hashlib.sha256(canonical_json(content).encode()).hexdigest()}"


def canonical_json(value: Mapping[str, object]) -> str:
    """Return JSON with sorted keys and no spaces: what `jq -cS .` prints."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _entry(line: str, number: int, previous: str, *, whole: bool) -> LedgerEntry:
    """Return the entry of one line. ValueError says what is wrong, and repeats nothing that the line holds."""
    entry = LedgerEntry(**_object(line, whole=whole))
    _check_fields(entry)
    if entry.number != number:
        raise ValueError(f"its number is {entry.number}: an entry is missing, was moved, or is there twice")
    if entry.previous != previous:
        after = "nothing, as it is the first" if number == 1 else f"entry {number - 1}, whose hash is {previous}"
        raise ValueError(f"its `previous` is {entry.previous}, and it should follow {after}")
    if not _HASH.fullmatch(entry.hash):
        raise ValueError("`hash` is not sha256: and 64 hexadecimal digits")
    right = hash_of(asdict(entry))
    if entry.hash != right:
        raise ValueError(f"its content was changed: its `hash` is {entry.hash}, and what it says has {right}")
    return entry


def _object(line: str, *, whole: bool) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"the line has more than {_LONGEST_LINE} characters")
    try:
        value: object = json.loads(line, object_pairs_hook=_once_each)
    except _TwiceError:
        raise
    except (ValueError, RecursionError) as error:
        cut = "" if whole else ", and has no line end: it seems to be cut off"
        raise ValueError(f"the line is no JSON{cut}") from error
    if not isinstance(value, dict):
        raise ValueError("the line is no JSON object")  # noqa: TRY004 - it is the line's content that is wrong
    missing, unknown = sorted(_KEYS - set(value)), len(set(value) - _KEYS)
    if missing:
        raise ValueError(f"it has no {', '.join(missing)}")
    if unknown:
        raise ValueError(f"it has {unknown} keys beside {', '.join(sorted(_KEYS))}")
    return value


class _TwiceError(ValueError):
    """What two readers would read differently."""


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _TwiceError("a key is there twice")
    return value


def _check_fields(entry: LedgerEntry) -> None:
    """ValueError when a field's type or form is wrong; all but the chain, whose fields are checked where it is."""
    if type(entry.number) is not int or entry.number < 1:
        raise ValueError("`number` is no number from 1")
    for name, value in asdict(entry).items():
        if name != "number":
            _check_text(name, value)
    if not _DIGEST.fullmatch(entry.digest):
        raise ValueError("`digest` is not sha256: and 64 hexadecimal digits (or sha512: and 128)")
    if not _HASH.fullmatch(entry.previous):
        raise ValueError("`previous` is not sha256: and 64 hexadecimal digits")
    if not _is_time(entry.verified_at):
        raise ValueError("`verified_at` is no time in UTC like 2026-07-01T09:30:00Z")
    if not entry.by:
        raise ValueError("`by` is empty: somebody must have said it")
    _check_reference(entry)


def _check_text(name: str, value: object) -> None:
    if type(value) is not str:
        raise ValueError(f"`{name}` is no text")
    if _UNPRINTABLE.search(value):
        raise ValueError(f"`{name}` has control or invisible characters")
    if len(value) > _LONGEST.get(name, 200):
        raise ValueError(f"`{name}` is longer than {_LONGEST.get(name, 200)} characters")


def _check_reference(entry: LedgerEntry) -> None:
    try:
        digest = parse_image_reference(entry.reference).digest
    except ValueError:
        raise ValueError("`reference` is no image reference") from None
    if digest not in (None, entry.digest):
        raise ValueError("`reference` names another digest than `digest`")


def _is_time(text: str) -> bool:
    if not _UTC.fullmatch(text):
        return False
    try:
        datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True
