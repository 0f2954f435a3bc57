"""`outcomes.bin`, read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdrill.edges.runfolder.outcome_file import OutcomesRead, read_outcomes
from flowdrill.errors import RunFolderError
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, Reason, Record, RecordKind

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


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"outcomes\.bin: cannot be read"):
        read_outcomes(tmp_path / "outcomes.bin")
