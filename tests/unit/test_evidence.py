"""A run that was signed, or archived, shows every change: which file, or which event."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as OtherEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from flowdrill.analysis.attestation import PAYLOAD_TYPE, pre_authentication_encoding
from flowdrill.cli.main import main
from flowdrill.drilling.runs import reported
from flowdrill.edges.people.messages import LINK
from flowdrill.edges.runfolder.archive import opened_run, write_archive
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.runfolder.lenient import LenientFolder
from flowdrill.edges.runfolder.run_files import ATTESTATION, CONTROL_LINK, SUMS, FolderFiles
from flowdrill.edges.signing.keys import PublicKey, read_public_key, read_signing_key
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import FlowdrillError, GuardActsError, RunFolderError, SigningError
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import KEY_VARIABLE, seal, take_signing_key
from flowdrill.history.verifying import verify
from flowdrill.model.events import End, Noted
from tests.fakes.world import SCENARIO, World, drill_of
from tests.unit.test_run_folder import STARTED

GOLDEN = Path(__file__).parents[1] / "golden"
ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Signed:
    folder: Path
    archive: Path
    private: Path
    public: Path

    @property
    def key(self) -> PublicKey:
        return read_public_key(self.public)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    place = tmp_path_factory.mktemp("signed")
    private = place / "key.pem"
    assert main(["key", "new", "--out", str(private)]) == 0
    world = World(drill=drill_of())
    world.run()
    with RunFolder.create(place, world.drill, SCENARIO, STARTED) as folder:
        for event in world.events:
            folder.emit(event)
        folder.save("answer.json", '{"text": "no"}')
    with LenientFolder(folder.path) as guard:
        guard.emit(Noted(at_ns=1, text="one"))
        guard.emit(Noted(at_ns=2, text="two"))
    seal(folder.path, write_reports(folder.path).result, read_signing_key(private))
    archive = place / "run.zip"
    assert main(["archive", str(folder.path), "--out", str(archive)]) == 0
    return Signed(folder.path, archive, private, place / "key.pem.pub")


def first_problem(path: Path, key: PublicKey | None) -> str:
    return verify(path, key).problems[0]


def test_a_signed_run_and_its_archive_are_verified_by_the_public_key(
    signed: Signed, capsys: pytest.CaptureFixture[str]
) -> None:
    for one in (signed.folder, signed.archive):
        assert main(["verify", str(one), "--key", str(signed.public)]) == 0
        assert f"VERIFIED: every file is as it was signed with the key {signed.key.id}" in capsys.readouterr().out


def test_without_the_public_key_nothing_is_proven(signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(signed.folder), "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert (told["result"], told["signature"], told["first_problem"]) == ("not proven", "not checked", None)


@ANY
@given(data=st.data())
def test_any_single_byte_changed_in_any_file_is_found(signed: Signed, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FolderFiles(signed.folder).names))
    path = signed.folder / name
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda one: one != whole[at]))
    try:
        path.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
        found = verify(signed.folder, signed.key)
    finally:
        path.write_bytes(whole)
    assert any(problem.startswith(name) for problem in found.problems)


@ANY
@given(data=st.data())
def test_any_single_byte_changed_in_an_archive_is_found(signed: Signed, data: st.DataObject) -> None:
    whole = signed.archive.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda one: one != whole[at]))
    other = signed.archive.with_name("changed.zip")
    other.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
    with suppress(RunFolderError):  # it is no archive of a run any more
        assert verify(other, signed.key).problems


def test_every_byte_of_what_describes_an_archive_counts(signed: Signed, tmp_path: Path) -> None:
    small = tmp_path / "run"
    small.mkdir()
    (small / "plan.json").write_text("{}")
    archive = tmp_path / "run.zip"
    write_archive(FolderFiles(small), "run", archive)
    whole = archive.read_bytes()
    assert not verify(archive, None).problems
    for at in range(len(whole)):
        for flip in (1 << bit for bit in range(8)):
            archive.write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
            try:
                found = verify(archive, None).problems
            except RunFolderError:
                continue
            assert found, at


def test_every_byte_of_the_digest_list_and_of_the_attestation_counts(signed: Signed) -> None:
    for name in (SUMS, ATTESTATION):
        path = signed.folder / name
        whole = path.read_bytes()
        try:
            for at in range(0, len(whole), 7 if name == SUMS else 23):
                path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
                assert any(one.startswith(name) for one in verify(signed.folder, signed.key).problems), (name, at)
        finally:
            path.write_bytes(whole)


@ANY
@given(data=st.data())
def test_a_removed_added_or_reordered_event_is_found_by_the_chain_alone(signed: Signed, data: st.DataObject) -> None:
    lines = (signed.folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    last = len(lines) - 1
    at = data.draw(st.integers(0, last - 1), label="not the last one: a chain shows nothing behind its end")
    kind = data.draw(st.sampled_from(["remove", "add", "move", "change"]))
    changed = list(lines)
    if kind == "remove":
        del changed[at]
    elif kind == "add":
        changed.insert(at, data.draw(st.sampled_from([lines[at], lines[-1], b'{"event":"noted"}\n'])))
    elif kind == "move":
        to = data.draw(st.integers(0, last).filter(lambda one: one != at))
        changed.insert(to, changed.pop(at))
    else:
        changed[at] = lines[at].replace(b'"at_ns":', b'"at_ns":1', 1)
    lonely = signed.folder.with_name("lonely")
    lonely.mkdir(exist_ok=True)
    (lonely / "events.jsonl").write_bytes(b"".join(changed))
    assert first_problem(lonely, None).startswith("events.jsonl, line ")


def test_the_first_event_that_does_not_follow_is_named(signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    lines = (copy / "events.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "events.jsonl").write_bytes(b"".join([*lines[:4], *lines[5:]]))
    found = verify(copy, signed.key)
    assert found.problems[0].startswith("events.jsonl, line 5: it does not follow from line 4")
    assert found.problems[1].startswith("events.jsonl: was changed")


@pytest.mark.parametrize("sealed", [True, False])
def test_an_event_cut_off_at_the_end_is_found_by_the_digests(signed: Signed, tmp_path: Path, sealed: bool) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    if not sealed:
        (copy / ATTESTATION).unlink()
    lines = (copy / "events.jsonl").read_bytes().splitlines(keepends=True)
    (copy / "events.jsonl").write_bytes(b"".join(lines[:-1]))
    assert first_problem(copy, None).startswith("events.jsonl: was changed")


def test_files_that_are_missing_added_or_links_are_named(signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    (copy / "evidence" / "answer.json").unlink()
    (copy / "evidence" / "other.json").write_text("{}")
    (copy / "link").symlink_to("/etc/passwd")
    problems = verify(copy, signed.key).problems
    assert problems[0] == "link: is no regular file"
    assert problems[1].startswith("evidence/answer.json: is missing")
    assert problems[2].startswith("evidence/other.json: was added")
    with pytest.raises(RunFolderError, match="link: is no regular file"):
        write_archive(FolderFiles(copy), "copy", tmp_path / "a.zip")


def test_what_a_killed_run_leaves_of_its_control_socket_is_no_file_of_the_run(signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    (copy / CONTROL_LINK).symlink_to(tmp_path / "gone")
    assert CONTROL_LINK == LINK
    assert verify(copy, signed.key).proven


def test_another_key_and_no_signature_are_findings(signed: Signed, tmp_path: Path) -> None:
    main(["key", "new", "--out", str(tmp_path / "other.pem")])
    other = read_public_key(tmp_path / "other.pem.pub")
    assert "is not signed by this key" in first_problem(signed.folder, other)
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    (copy / ATTESTATION).unlink()
    assert "not signed by anybody" in first_problem(copy, signed.key)


def test_a_report_made_anew_after_signing_is_still_verified(signed: Signed) -> None:
    assert main(["report", str(signed.folder)]) == 0
    assert verify(signed.folder, signed.key).proven


def test_a_recorded_run_without_a_chain_is_read_and_said_to_have_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = shutil.copytree(GOLDEN / "image-gone", tmp_path / "old")
    assert main(["verify", str(old)]) == 3
    said = capsys.readouterr().out
    assert "there are no digests of its files" in said
    assert "events without a chain: written before events were chained" in said


def test_an_old_run_is_signed_later_and_a_changed_one_only_when_that_is_asked_for(
    signed: Signed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = shutil.copytree(GOLDEN / "statefulset", tmp_path / "old")
    assert main(["attest", str(old), "--key", str(signed.private)]) == 0
    assert verify(old, signed.key).proven
    (old / "report.md").write_text("all is well")
    assert main(["attest", str(old), "--key", str(signed.private)]) == 2
    assert "report.md: was changed" in capsys.readouterr().err
    assert main(["attest", str(old), "--key", str(signed.private), "--anew"]) == 0
    assert verify(old, signed.key).proven


def test_a_chain_goes_on_where_another_process_has_left_it(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with LenientFolder(tmp_path) as guard:
        guard.emit(Noted(at_ns=1, text="the guard"))
        with LenientFolder(tmp_path) as person:
            person.emit(Noted(at_ns=2, text="a person, meanwhile"))
        guard.emit(Noted(at_ns=3, text="the guard again"))
    with (tmp_path / "guard.jsonl").open("ab") as file:
        file.write(b'{"at_ns":4,"text":"to')
    assert verify(tmp_path, None).chains == ("guard.jsonl: the chain of 3 events is unbroken",)
    with LenientFolder(tmp_path) as person:
        person.emit(Noted(at_ns=5, text="after a kill"))
    assert verify(tmp_path, None).chains == ("guard.jsonl: the chain of 4 events is unbroken",)


def test_what_follows_events_without_a_chain_is_chained_from_there(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "guard.jsonl").write_text('{"at_ns":1,"text":"old","event":"noted"}\n')
    with LenientFolder(tmp_path) as guard:
        guard.emit(Noted(at_ns=2, text="new"))
    found = verify(tmp_path, None)
    assert (found.problems, len(found.chains)) == ((), 1)
    assert "unbroken from line 2 on" in found.chains[0]


def test_archives_of_one_run_have_the_same_bytes(signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / signed.folder.name)
    for path in copy.rglob("*"):
        os.utime(path, (1, 1))
    assert main(["archive", str(copy), "--out", str(tmp_path / "a.zip")]) == 0
    assert (tmp_path / "a.zip").read_bytes() == signed.archive.read_bytes()
    assert stat.S_IMODE((tmp_path / "a.zip").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([("run/plan.json", 0o100644), ("run/../../x", 0o100644)], "leads elsewhere"),
        ([("/etc/passwd", 0o100644)], "leads elsewhere"),
        ([("run/plan.json", 0o100644), ("other/plan.json", 0o100644)], "leads elsewhere"),
        ([("run/plan.json", 0o100644), ("run/a\\b", 0o100644)], "leads elsewhere"),
        ([("run/plan.json", 0o120777)], "no regular file"),
        ([("run/readme", 0o100644)], "is no run"),
        ([], "0 entries"),
    ],
)
def test_a_hostile_archive_is_refused(entries: list[tuple[str, int]], said: str, tmp_path: Path) -> None:
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, "{}")
    with pytest.raises(RunFolderError, match=said), opened_run(path):
        pass


def test_an_archive_that_grows_when_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("run/plan.json", b"0" * 1_000_000)
    with pytest.raises(RunFolderError, match="larger than it is"), opened_run(path):
        pass


@ANY
@given(st.binary(max_size=300))
@example(b"PK\x05\x06" + bytes(18))
def test_whatever_is_called_an_archive_gives_one_clear_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.zip").write_bytes(content)
    with pytest.raises(RunFolderError):
        verify(tmp_path / "run.zip", None)


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_what_is_no_run_is_an_error(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / path)]) == 2
    assert "->" in capsys.readouterr().err


def test_an_attestation_of_a_newer_kind_is_an_error_that_says_so(signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(signed.folder, tmp_path / "copy")
    text = (copy / ATTESTATION).read_text()
    (copy / ATTESTATION).write_text(text.replace(PAYLOAD_TYPE, "application/vnd.newer+json"))
    with pytest.raises(RunFolderError, match=r"vnd\.newer"):
        verify(copy, None)


def test_an_independent_implementation_takes_the_envelope_and_the_encoding(signed: Signed) -> None:
    envelope = OtherEnvelope.from_dict(json.loads((signed.folder / ATTESTATION).read_text()))
    assert envelope.pae() == pre_authentication_encoding(PAYLOAD_TYPE, envelope.payload)
    public = load_pem_public_key(signed.public.read_bytes())
    key = SSlibKey.from_crypto(public, keyid=signed.key.id)  # type: ignore[arg-type]
    assert envelope.verify([key], threshold=1) == {signed.key.id: key}
    envelope.payload += b" "
    with pytest.raises(VerificationError):
        envelope.verify([key], threshold=1)


def test_the_encoding_is_that_of_the_specification() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_statement_names_every_file_and_every_test(signed: Signed) -> None:
    envelope = OtherEnvelope.from_dict(json.loads((signed.folder / ATTESTATION).read_text()))
    statement = json.loads(envelope.payload)
    assert (statement["_type"], statement["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://in-toto.io/attestation/test-result/v0.1",
    )
    names = {one["name"] for one in statement["subject"]}
    assert names == set(FolderFiles(signed.folder).names) - {ATTESTATION}
    assert {"plan.json", "events.jsonl", "report.html", SUMS} <= names
    result = json.loads((signed.folder / "result.json").read_text())
    tests = [*result["objectives"], *result["checks"], *result["limits"]]
    predicate = statement["predicate"]
    assert sum(len(predicate[f"{one}Tests"]) for one in ("passed", "warned", "failed")) == len(tests)


@pytest.mark.parametrize(
    ("run", "result"), [("image-gone", "FAILED"), ("noisy-baseline", "FAILED"), ("statefulset", "PASSED")]
)
def test_only_a_pass_is_a_pass(run: str, result: str, signed: Signed, tmp_path: Path) -> None:
    copy = shutil.copytree(GOLDEN / run, tmp_path / "copy")
    assert main(["attest", str(copy), "--key", str(signed.private)]) == 0
    envelope = OtherEnvelope.from_dict(json.loads((copy / ATTESTATION).read_text()))
    assert json.loads(envelope.payload)["predicate"]["result"] == result


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs sha256sum")
def test_sha256sum_takes_the_list(signed: Signed) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=signed.folder, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_private_key_is_its_owners_and_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "key.pem"
    assert main(["key", "new", "--out", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert told["key_id"] == read_signing_key(path).id == read_public_key(Path(told["public"])).id
    before = path.read_bytes()
    assert main(["key", "new", "--out", str(path)]) == 2
    assert path.read_bytes() == before


def test_a_key_comes_from_a_file_or_the_environment_and_is_taken_out_of_it(signed: Signed) -> None:
    for value in (str(signed.private), signed.private.read_text()):
        environ = {KEY_VARIABLE: value}
        key = take_signing_key(None, environ)
        assert key is not None
        assert (key.id, environ) == (signed.key.id, {})
        assert "PRIVATE" not in repr(key)
    assert take_signing_key(None, {}) is None


def test_a_run_is_signed_when_its_reports_are_written_and_listed_also_without_a_key(
    signed: Signed, tmp_path: Path
) -> None:
    copy = shutil.copytree(GOLDEN / "statefulset", tmp_path / "copy")
    outcome = RunOutcome(End.COMPLETED, "held")
    reported(copy, outcome, None)
    assert verify(copy, None).digests
    assert not (copy / ATTESTATION).exists()
    theirs = RunOutcome(End.FAILED, "x", error=GuardActsError("the guard acts", "wait"))
    reported(copy, theirs, read_signing_key(signed.private))
    assert not (copy / ATTESTATION).exists(), "the guard may still add to the folder"
    reported(copy, outcome, read_signing_key(signed.private))
    assert verify(copy, signed.key).proven


def test_a_key_that_is_none_is_named_before_a_drill_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "reports"
    assert main(["run", "drills/edge-missing.yaml", "--sign-key", str(tmp_path / "none"), "--out", str(out)]) == 2
    assert f"{tmp_path / 'none'}: No such file" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_a_clear_error_that_does_not_repeat_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(text)
    for read in (read_signing_key, read_public_key):
        with pytest.raises(SigningError) as caught:
            read(tmp_path / "key")
        assert "AAAA" not in str(caught.value)
    with pytest.raises(FlowdrillError, match="No such file"):
        read_public_key(tmp_path / "none")
