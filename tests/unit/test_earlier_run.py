"""The run before this one: found among the folders, or named, and taken at its word for no more than it says."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from flowdrill.edges.runfolder.earlier_run import named_run, newest_run
from flowdrill.errors import RunFolderError

ATTESTED, LISTED = b"attested", b"listed"


def folder(out: Path, name: str, drill: str = "edge-missing", result: object = None, **files: bytes) -> Path:
    path = out / name
    path.mkdir(parents=True)
    (path / "plan.json").write_text(json.dumps({"drill": {"drill": drill}}))
    if result is not None:
        (path / "result.json").write_text(result if isinstance(result, str) else json.dumps(result))
    for file, content in files.items():
        (path / file.replace("__", ".")).write_bytes(content)
    return path


def result(run: str, verdict: str = "pass") -> dict[str, object]:
    facts = {"id": run, "finished": "2026-11-01T10:00:00.000Z", "plan_digest": "sha256:1"}
    return {"run": facts, "verdict": verdict}


def test_it_is_the_newest_of_the_drill_by_when_it_began(tmp_path: Path) -> None:
    folder(tmp_path, "20261101T100000Z-edge-missing", result=result("first"))
    folder(tmp_path, "20261103T100000Z-edge-missing-2", result=result("second in its second"))
    folder(tmp_path, "20261103T100000Z-edge-missing", result=result("first in its second"))
    folder(tmp_path, "20261103T100000Z-edge-missing-10", result=result("tenth in its second", "fail"))
    folder(tmp_path, "20261109T100000Z-other", drill="other", result=result("of another drill"))
    folder(tmp_path, "20261109T100000Z-edge-missing-3", drill="edge-missing-3", result=result("of another, too"))
    folder(tmp_path, "notes", result=result("no run's name"))
    (tmp_path / "20261109T100000Z-edge-missing-repeats").mkdir()
    (tmp_path / "20261110T100000Z-edge-missing").mkdir()
    found = newest_run(tmp_path, "edge-missing")
    assert found is not None
    assert (found.run_id, found.verdict, found.plan_digest) == ("tenth in its second", "fail", "sha256:1")
    assert found.finished == "2026-11-01T10:00:00.000Z"


@pytest.mark.parametrize("place", ["empty", "not there"])
def test_there_may_be_none(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    assert newest_run(tmp_path / place, "edge-missing") is None


def test_a_run_without_a_result_is_the_one_before_all_the_same(tmp_path: Path) -> None:
    folder(tmp_path, "20261101T100000Z-edge-missing", result=result("with one"))
    folder(tmp_path, "20261102T100000Z-edge-missing")
    found = newest_run(tmp_path, "edge-missing")
    assert found is not None
    assert (found.run_id, found.verdict, found.digest) == ("20261102T100000Z-edge-missing", None, None)


def test_its_attestation_stands_for_its_files_else_the_list_of_them(tmp_path: Path) -> None:
    signed = folder(tmp_path, "a", SHA256SUMS=LISTED, attestation__dsse__json=ATTESTED)
    listed = folder(tmp_path, "b", SHA256SUMS=LISTED)
    found = [named_run(one, "edge-missing") for one in (signed, listed)]
    assert [(one.digest_of, one.digest) for one in found] == [
        ("attestation.dsse.json", f"sha256:{hashlib.sha256(ATTESTED).hexdigest()}"),
        ("SHA256SUMS", f"sha256:{hashlib.sha256(LISTED).hexdigest()}"),
    ]
    assert found[0].found == "named with --previous"


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "null", '{"run": 7, "verdict": "splendid"}', '{"run": {"id": 7, "finished": []}}', "[" * 100_000],
)
def test_whatever_its_result_is_nothing_of_it_is_made_up(tmp_path: Path, content: str) -> None:
    found = named_run(folder(tmp_path, "a", result=content), "edge-missing")
    assert (found.run_id, found.verdict, found.finished, found.plan_digest) == ("a", None, None, None)


def test_what_its_result_says_is_cut_and_cannot_steer_a_terminal(tmp_path: Path) -> None:
    found = named_run(folder(tmp_path, "a", result=result("\x1b[2J" + "x" * 5000)), "edge-missing")
    assert found.run_id.isprintable()
    assert len(found.run_id) < 1000


def test_what_is_no_run_or_one_of_another_drill_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunFolderError, match="is no run folder"):
        named_run(tmp_path / "empty", "edge-missing")
    with pytest.raises(RunFolderError, match="is a run of drill other, not of edge-missing"):
        named_run(folder(tmp_path, "a", drill="other"), "edge-missing")


@pytest.mark.parametrize("pipe", ["plan.json", "result.json", "attestation.dsse.json", "SHA256SUMS"])
def test_a_pipe_in_a_run_folder_is_not_waited_for(tmp_path: Path, pipe: str) -> None:
    path = folder(tmp_path, "20261101T100000Z-edge-missing", result=result("one"))
    (path / pipe).unlink(missing_ok=True)
    os.mkfifo(path / pipe)
    found = newest_run(tmp_path, "edge-missing")
    assert (found is None) is (pipe == "plan.json")
    assert found is None or found.digest is None


def test_a_result_that_is_no_text_says_nothing(tmp_path: Path) -> None:
    path = folder(tmp_path, "20261101T100000Z-edge-missing")
    (path / "result.json").write_bytes(b"\xff\xfe{")
    found = newest_run(tmp_path, "edge-missing")
    assert found is not None
    assert found.verdict is None
