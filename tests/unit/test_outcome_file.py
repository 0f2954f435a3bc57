"""`outcomes.bin`, read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.edges.runfolder.outcome_file import OutcomesRead, read_outcomes
from flowdrill.errors import RunFolderError
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Reason, Record, RecordKind, unpack_records
from flowdrill.model.record_columns import CHUNK_RECORDS, GREATEST_NS

SENT = Record(RecordKind.SENT, Reason.GOOD, 0, 1, 1_000, 1_001, 0)
FINISHED = Record(RecordKind.FINISHED, Reason.FLOW_ERROR, 200, 1, 1_000, 1_001, 2_000)
DATA = FILE_HEADER + SENT.pack() + FINISHED.pack()


def written(folder: Path, data: bytes) -> Path:
    path = folder / "outcomes.bin"
    path.write_bytes(data)
    return path


def test_records_come_back_in_order(tmp_path):
    assert read_outcomes(written(tmp_path, DATA)) == OutcomesRead((SENT, FINISHED), torn=False)
    assert read_outcomes(written(tmp_path, FILE_HEADER)) == OutcomesRead((), torn=False)


@pytest.mark.parametrize("missing", range(1, RECORD_BYTES))
def test_a_torn_last_record_is_dropped(tmp_path, missing):
    assert read_outcomes(written(tmp_path, DATA[:-missing])) == OutcomesRead((SENT,), torn=True)


@pytest.mark.parametrize("data", [b"", FILE_HEADER[:-1], bytes(RECORD_BYTES * 3 + 5)])
def test_a_run_killed_at_its_very_start_left_no_records(tmp_path, data):
    assert read_outcomes(written(tmp_path, data)) == OutcomesRead((), torn=True)


def test_what_a_power_cut_left_as_nul_bytes_was_never_written(tmp_path):
    nothing = bytes(RECORD_BYTES)
    cut = FINISHED.pack()[:-12] + bytes(12)  # its times are not what they were
    for data in (DATA + cut, DATA + cut + nothing, DATA + cut + nothing + nothing[:9], DATA + cut + nothing + DATA):
        assert read_outcomes(written(tmp_path, data)) == OutcomesRead((SENT, FINISHED), torn=True)


@pytest.mark.parametrize("data", [b"other", FILE_HEADER.replace(b"1", b"2"), SENT.pack() * 3])
def test_a_file_of_another_format_is_refused(tmp_path, data):
    with pytest.raises(RunFolderError, match="no outcome file of this version"):
        read_outcomes(written(tmp_path, data))


def test_a_record_that_is_none_is_damage(tmp_path):
    with pytest.raises(RunFolderError, match=r"outcomes\.bin: is damaged"):
        read_outcomes(written(tmp_path, FILE_HEADER + b"\xff" * RECORD_BYTES))


def read_at_once(data: bytes) -> tuple[list[Record], bool] | None:
    """The same, from a file that is in memory as a whole; None: it is refused."""
    if FILE_HEADER.startswith(data) or not data.strip(b"\0"):
        return [], data != FILE_HEADER
    if not data.startswith(FILE_HEADER):
        return None
    body = data[len(FILE_HEADER) :]
    pieces = [body[at : at + RECORD_BYTES] for at in range(0, len(body) - RECORD_BYTES + 1, RECORD_BYTES)]
    torn = len(body) % RECORD_BYTES > 0
    if bytes(RECORD_BYTES) in pieces:
        pieces, torn = pieces[: max(pieces.index(bytes(RECORD_BYTES)) - 1, 0)], True
    try:
        records = [record for piece in pieces for record in unpack_records(piece)]
    except ValueError:
        return None
    if any(max(record.intended_ns, record.sent_ns, record.finished_ns) > GREATEST_NS for record in records):
        return None
    if any(record.kind is RecordKind.FINISHED and record.finished_ns < record.sent_ns for record in records[:-1]):
        return None
    last = records[-1] if records else SENT
    left = 0 < last.intended_ns <= last.sent_ns + NS_PER_SECOND
    if left and (last.kind is RecordKind.SENT or last.finished_ns >= last.sent_ns):
        return records, torn
    return records[:-1], True


PIECES = st.sampled_from([
    SENT.pack(), SENT.pack(), FINISHED.pack(), FINISHED.pack(), bytes(RECORD_BYTES), FINISHED.pack()[:-12] + bytes(12),
    b"\xff" * RECORD_BYTES, SENT.pack()[:-1] + b"\x40", bytes(9), FINISHED.pack()[:7],
])  # fmt: skip


@given(st.sampled_from([FILE_HEADER, FILE_HEADER, FILE_HEADER, b"", bytes(RECORD_BYTES)]), st.lists(PIECES, max_size=7))
def test_a_file_is_read_as_if_it_were_in_memory(
    tmp_path_factory: pytest.TempPathFactory, header: bytes, pieces: list[bytes]
) -> None:
    data = header + b"".join(pieces)
    path, expected = written(tmp_path_factory.getbasetemp(), data), read_at_once(data)
    if expected is None:
        with pytest.raises(RunFolderError):
            read_outcomes(path)
    else:
        assert read_outcomes(path) == OutcomesRead(tuple(expected[0]), expected[1])


@pytest.mark.parametrize("where", [CHUNK_RECORDS - 1, CHUNK_RECORDS, CHUNK_RECORDS + 1])
def test_nul_bytes_where_a_chunk_ends_take_the_record_before_them_along(tmp_path, where):
    cut = SENT.pack()[:-20] + b"\xff" * 20  # whatever it is: it is not read
    data = FILE_HEADER + SENT.pack() * (where - 1) + cut + bytes(RECORD_BYTES) + SENT.pack()
    found = read_outcomes(written(tmp_path, data))
    assert (len(found.records), found.torn) == (where - 1, True)


def test_a_time_that_no_clock_shows_is_damage(tmp_path):
    beyond = replace(SENT, sent_ns=GREATEST_NS + 1)
    with pytest.raises(RunFolderError, match="request 1 has a time that no clock shows"):
        read_outcomes(written(tmp_path, FILE_HEADER + beyond.pack() + DATA[RECORD_BYTES:]))


def test_an_answer_from_before_its_request_is_damage(tmp_path):
    early = replace(FINISHED, finished_ns=FINISHED.sent_ns - 1)
    with pytest.raises(RunFolderError, match="request 1 was answered before it had left"):
        read_outcomes(written(tmp_path, FILE_HEADER + early.pack() + DATA[RECORD_BYTES:]))


def test_records_in_a_file_are_a_sequence_like_any_other(tmp_path):
    records = read_outcomes(written(tmp_path, DATA)).records
    assert (records[0], records[-1], records[1:]) == (SENT, FINISHED, (FINISHED,))
    assert records != (SENT,)
    assert records != "records"
    assert FINISHED in records
    with pytest.raises(IndexError):
        records[2]


def test_a_file_that_becomes_shorter_or_goes_away_is_said_to(tmp_path):
    path = written(tmp_path, DATA)
    records = read_outcomes(path).records
    path.write_bytes(DATA[:-1])
    with pytest.raises(RunFolderError, match="became shorter"):
        list(records)
    path.unlink()
    with pytest.raises(RunFolderError, match="cannot be read"):
        list(records)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"outcomes\.bin: cannot be read"):
        read_outcomes(tmp_path / "outcomes.bin")
