"""The ledger's chain: what is in it stays as it was, and whoever changes it is found out, with the first bad entry."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdrill.analysis.ledger_chain import (
    GENESIS,
    MOST_BYTES,
    appended,
    canonical_json,
    earlier_than_before,
    has_head,
    hash_of,
    head_of,
    ledger_text,
    nearly_full,
    parse_ledger,
    said_before,
)
from flowdrill.errors import BrokenLedgerError, LedgerError, PlanError
from flowdrill.model.ledger import Ledger
from tests.fakes.fake_ledger import FIRST

WHERE = "configmap/ledger"
DIGESTS = tuple(f"sha256:{one * 64}" for one in "abc")
EMPTY = Ledger(WHERE)


def grown(ledger: Ledger = EMPTY, **changes: Any) -> Ledger:
    number = len(ledger.entries)
    digest = DIGESTS[number % 3]
    said = {
        "digest": digest,
        "reference": f"registry.test/flow:1.{number}@{digest}",
        "verified_at": FIRST + timedelta(hours=number),
        "by": f"run-{number}",
        "note": "passed drill edge-missing",
    }
    return appended(ledger, **said | changes)


THREE = grown(grown(grown()))


def rewritten(at: int, *, rehash: bool = False, **changes: object) -> str:
    """The text of three entries with one of them changed by somebody."""
    entries = [asdict(entry) for entry in THREE.entries]
    entries[at] |= changes
    if rehash:
        entries[at]["hash"] = hash_of(entries[at])
    return "".join(canonical_json(entry) + "\n" for entry in entries)


def test_a_ledger_is_read_as_it_was_written() -> None:
    assert parse_ledger(ledger_text(THREE), WHERE) == THREE
    assert parse_ledger(ledger_text(THREE).rstrip("\n"), WHERE) == THREE
    assert [entry.number for entry in THREE.entries] == [1, 2, 3]
    assert THREE.entries[0].verified_at == "2026-07-01T09:30:00Z"


@pytest.mark.parametrize("text", ["", "\n", "\n\n"])
def test_nothing_is_an_empty_ledger(text: str) -> None:
    assert parse_ledger(text, WHERE) == EMPTY
    assert head_of(EMPTY) == GENESIS == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_every_entry_has_the_hash_of_the_one_before() -> None:
    first, second, third = THREE.entries
    assert (first.previous, second.previous, third.previous) == (GENESIS, first.hash, second.hash)
    assert head_of(THREE) == third.hash


def test_times_are_written_in_utc() -> None:
    there = datetime(2026, 7, 1, 1, 30, tzinfo=timezone(timedelta(hours=-8)))
    assert grown(verified_at=there).entries[0].verified_at == "2026-07-01T09:30:00Z"


@pytest.mark.parametrize(
    ("text", "entry", "said"),
    [
        (rewritten(1, note="passed every drill"), 2, "its content was changed"),
        (rewritten(1, note="passed every drill", rehash=True), 3, "should follow entry 2, whose hash is sha256:"),
        (rewritten(0, previous=DIGESTS[0], rehash=True), 1, "should follow nothing, as it is the first"),
        (rewritten(0, hash="sha256:x"), 1, "`hash` is not sha256: and 64 hexadecimal digits"),
        ("".join(ledger_text(THREE).splitlines(keepends=True)[1:]), 1, "its number is 2: an entry is missing"),
        ("".join(ledger_text(THREE).splitlines(keepends=True)[::2]), 2, "its number is 3: an entry is missing"),
        (ledger_text(THREE) + ledger_text(THREE), 4, "its number is 1: an entry is missing, was moved, or is there"),
        (ledger_text(THREE)[:-40], 3, "the line is no JSON, and has no line end: it seems to be cut off"),
        (ledger_text(THREE).replace("\n", "\n\n", 1), 2, "the line is no JSON"),
        ("[1]\n", 1, "the line is no JSON object"),
        ("<html>\n", 1, "the line is no JSON"),
        ("[" * 5000 + "\n", 1, "the line is no JSON"),
        ('{"number": ' + "1" * 5000 + "}\n", 1, "the line is no JSON"),
        ("x" * 9000 + "\n", 1, "more than 8192 characters"),
        ("{}\n", 1, "it has no by, digest, hash, note, number, previous, reference, verified_at"),
        (rewritten(2, more=1), 3, "it has 1 keys beside by, digest"),
        (ledger_text(THREE).replace('{"by"', '{"by":"run-9","by"', 1), 1, "a key is there twice"),
        (rewritten(0, number=True), 1, "`number` is no number from 1"),
        (rewritten(0, number="1"), 1, "`number` is no number from 1"),
        (rewritten(0, number=1.0), 1, "`number` is no number from 1"),
        (rewritten(0, digest="sha256:abc"), 1, "`digest` is not sha256:"),
        (rewritten(0, digest=DIGESTS[1]), 1, "`reference` names another digest"),
        (rewritten(0, reference="UPPER CASE"), 1, "`reference` is no image reference"),
        (rewritten(0, verified_at="2026-07-01T09:30:00+02:00"), 1, "`verified_at` is no time in UTC like"),
        (rewritten(0, verified_at="2026-02-30T09:30:00Z"), 1, "`verified_at` is no time in UTC like"),
        (rewritten(0, verified_at="٢٠٢٦-07-01T09:30:00Z"), 1, "`verified_at` is no time in UTC like"),
        (rewritten(0, by=""), 1, "`by` is empty"),
        (rewritten(0, by=None), 1, "`by` is no text"),
        (rewritten(0, by={"user": []}), 1, "`by` is no text"),
        (rewritten(0, note="\x1b[2J"), 1, "`note` has control or invisible characters"),
        (rewritten(0, note="\u202egnihton"), 1, "`note` has control or invisible characters"),
        (rewritten(0, note="\\ud800").replace("\\\\u", "\\u"), 1, "`note` has control or invisible characters"),
        (rewritten(0, note="x" * 501), 1, "`note` is longer than 500 characters"),
    ],
)
def test_the_first_bad_entry_is_named_with_what_is_wrong_and_what_to_do(text: str, entry: int, said: str) -> None:
    with pytest.raises(BrokenLedgerError, match=re.escape(said)) as broken:
        parse_ledger(text, WHERE)
    assert broken.value.problem.startswith(f"{WHERE}: the chain is broken at entry {entry} (line {entry}): ")
    assert broken.value.entry == entry
    assert "put back a copy whose hashes are right" in broken.value.remedy
    assert str(broken.value).replace("\n", "").isprintable()


@given(st.integers(0, len(ledger_text(THREE)) - 1), st.characters())
@settings(max_examples=300, deadline=None)
def test_no_single_character_can_be_changed_unseen(at: int, character: str) -> None:
    text = ledger_text(THREE)
    changed = text[:at] + character + text[at + 1 :]
    try:
        assert parse_ledger(changed, WHERE) == THREE
    except BrokenLedgerError:
        assert changed != text


def test_what_is_cut_off_at_the_end_shows_only_in_the_head() -> None:
    shorter = parse_ledger("".join(ledger_text(THREE).splitlines(keepends=True)[:2]), WHERE)
    assert has_head(THREE, head_of(shorter))
    assert not has_head(shorter, head_of(THREE))
    assert has_head(shorter, GENESIS)


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 5 * MOST_BYTES])
def test_what_is_too_large_for_a_ledger_is_not_even_looked_at(size: int) -> None:
    with pytest.raises(LedgerError, match="is larger than 1000000 bytes"):
        parse_ledger("\0" * size, WHERE)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"note": "line\nbreak"}, "`note` has control"),
        ({"note": "n" * 501}, "`note` is longer than 500"),
        ({"note": "password=hunter2"}, "note: looks as if a secret were in it"),
        ({"by": "token: abcdefgh"}, "by: looks as if a secret were in it"),
        ({"by": ""}, "`by` is empty"),
        ({"digest": "latest"}, "`digest` is not"),
        ({"reference": "registry.test/flow:1@" + DIGESTS[2]}, "names another digest"),
    ],
)
def test_what_must_not_be_in_a_ledger_is_not_added(changes: dict[str, str], said: str) -> None:
    with pytest.raises(PlanError, match=re.escape(said)):
        grown(EMPTY, **changes)


def test_the_names_of_drills_about_keys_are_no_secrets() -> None:
    by, note = "20260701T093000Z-api-key-missing-1a2b3c", "passed drill wrong-api-key with scenario wrong-api-key"
    assert grown(by=by, note=note).entries[0].note == note


def test_a_full_ledger_says_how_to_go_on() -> None:
    long = replace(THREE.entries[0], note="x" * 500)
    room = MOST_BYTES // len(ledger_text(Ledger(WHERE, (long,))))
    many = Ledger(WHERE, (long,) * room)
    assert nearly_full(many)
    assert not nearly_full(THREE)
    with pytest.raises(LedgerError, match=f"is full: {room} entries") as full:
        grown(many, note="x" * 500)
    assert "another name in policy.ledger.config_map" in full.value.remedy
    assert head_of(many) in full.value.remedy


def test_who_has_said_it_before_is_found() -> None:
    assert said_before(THREE, DIGESTS[1], "run-1") == THREE.entries[1]
    assert said_before(THREE, DIGESTS[1], "run-2") is None


def test_times_that_go_backwards_are_allowed_and_can_be_told() -> None:
    early = grown(THREE, verified_at=FIRST)
    assert parse_ledger(ledger_text(early), WHERE) == early
    assert earlier_than_before(early) == (4,)
    assert earlier_than_before(THREE) == ()


def test_the_canonical_form_is_that_of_jq() -> None:
    entry = {"b": 'ü "quoted" \\ /', "a": 1}
    assert canonical_json(entry) == '{"a":1,"b":"ü \\"quoted\\" \\\\ /"}'
    assert hash_of({**entry, "hash": "x"}) == hash_of(entry)
    assert json.loads(ledger_text(THREE).splitlines()[0])["hash"] == THREE.entries[0].hash
    assert datetime.fromisoformat(THREE.entries[0].verified_at.replace("Z", "+00:00")).tzinfo == UTC
