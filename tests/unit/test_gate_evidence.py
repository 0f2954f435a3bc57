"""`flowdrill gate --evidence`: a signed, passing drill of this image that is not too old, or no pass."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flowdrill.analysis.evidence_search import Wanted, digest_in
from flowdrill.cli.main import main
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.signing.keys import PublicKey, read_public_key, read_signing_key
from flowdrill.errors import RunFolderError
from flowdrill.history import searching_evidence
from flowdrill.history.folder_store import FolderStore
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import seal
from flowdrill.history.searching_evidence import search_evidence
from flowdrill.history.verifying import verify
from flowdrill.model.drill import Drill
from flowdrill.model.evidence_search import EvidenceAnswer, Found
from flowdrill.model.outcome import FILE_HEADER
from flowdrill.model.result import Result, Verdict
from flowdrill.model.verification import Verification
from flowdrill.report.evidence_text import render_evidence_markdown, render_evidence_text
from flowdrill.report.github_annotations import Annotation, Level, render_github_annotations
from flowdrill.report.schema import schema_text
from tests.fakes.world import SCENARIO, World, drill_of
from tests.unit.test_run_folder import STARTED

DAY = 86400.0


@dataclass(frozen=True)
class Store:
    """Reports with one signed, passing run in them."""

    folder: Path
    run: Path
    result: Result
    private: Path

    @property
    def key(self) -> PublicKey:
        return read_public_key(self.private.with_name("key.pem.pub"))

    def wanted(self, *, age_seconds: float = DAY, digest: str | None = None) -> Wanted:
        """Asked so long after the run had finished."""
        finished = datetime.fromisoformat(str(self.result.run.finished))
        stable = self.result.images.stable
        assert stable is not None
        return Wanted(digest or stable.digest, 30 * DAY, finished + timedelta(seconds=age_seconds))

    def asked(self, key: PublicKey | None = None, **changes: float) -> EvidenceAnswer:
        return search_evidence(FolderStore(self.folder), self.wanted(**changes), key)  # type: ignore[arg-type]


def recorded(out: Path, private: Path | None, drill: Drill | None = None) -> Path:
    world = World(drill=drill or drill_of())
    world.run()
    with RunFolder.create(out, world.drill, SCENARIO, STARTED) as folder:
        for event in world.events:
            folder.emit(event)
        records = b"".join(record.pack() for record in world.load.records)
        (folder.path / "outcomes.bin").write_bytes(FILE_HEADER + records)
    written = write_reports(folder.path).result
    seal(folder.path, written, None if private is None else read_signing_key(private))
    return folder.path


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Store:
    place = tmp_path_factory.mktemp("kept")
    private = place / "key.pem"
    assert main(["key", "new", "--out", str(private)]) == 0
    run = recorded(place / "reports", private)
    result = Result.model_validate_json((run / "result.json").read_text())
    return Store(place / "reports", run, result, private)


@pytest.fixture
def store(kept: Store, tmp_path: Path) -> Store:
    """One of the test's own."""
    shutil.copytree(kept.folder, tmp_path / "reports")
    return Store(tmp_path / "reports", tmp_path / "reports" / kept.run.name, kept.result, kept.private)


def test_a_signed_passing_drill_of_this_image_is_evidence(kept: Store) -> None:
    assert kept.result.verdict is Verdict.PASS
    answer = kept.asked(kept.key)
    assert answer.found is Found.PROVEN
    assert answer.evidence is not None
    assert (answer.evidence.run, answer.evidence.key_id) == (kept.run.name, kept.key.id)


def test_an_archive_of_it_is_evidence_as_well(store: Store) -> None:
    archive = store.folder / "run.zip"
    assert main(["archive", str(store.run), "--out", str(archive)]) == 0
    shutil.rmtree(store.run)
    answer = store.asked(store.key)
    assert answer.evidence is not None
    assert answer.evidence.run == "run.zip"


def test_without_a_key_nothing_is_proven(kept: Store) -> None:
    answer = kept.asked()
    assert answer.found is Found.NOT_PROVEN
    assert "--key" in answer.says


def test_another_images_drill_is_none(kept: Store) -> None:
    answer = search_evidence(FolderStore(kept.folder), kept.wanted(digest=f"sha256:{'e' * 64}"), kept.key)
    assert answer.found is Found.NONE
    assert [one.why_not.split(":")[0] for one in answer.nearest] == ["its stable image is another one"]


@pytest.mark.parametrize(("age_seconds", "counts"), [(30 * DAY, True), (30 * DAY + 1, False)])
def test_a_drill_that_is_too_old_is_none(kept: Store, age_seconds: float, counts: bool) -> None:
    answer = kept.asked(kept.key, age_seconds=age_seconds)
    assert (answer.found is Found.PROVEN) is counts
    assert counts or answer.nearest[0].why_not == "it is 30 days old: older than 30 days"


@pytest.mark.parametrize(("ahead_seconds", "counts"), [(200, True), (400, False)])
def test_a_drill_from_the_future_has_no_age(kept: Store, ahead_seconds: float, counts: bool) -> None:
    answer = kept.asked(kept.key, age_seconds=-ahead_seconds)
    assert (answer.found is Found.PROVEN) is counts
    assert counts or "a clock is wrong" in answer.nearest[0].why_not


def test_any_change_of_the_run_takes_its_word_away(store: Store) -> None:
    victim = store.run / "outcomes.bin"
    victim.write_bytes(victim.read_bytes() + b"\0")
    answer = store.asked(store.key)
    assert answer.found is Found.NONE
    assert answer.nearest[0].why_not.startswith(f"it is not what was signed with the key: {victim.name}")


def test_a_result_that_was_made_a_pass_by_hand_is_none(kept: Store, tmp_path: Path) -> None:
    place = tmp_path / "reports"
    run = recorded(place, kept.private, drill_of(objectives={"time_to_recover": "1ms"}))
    failed = json.loads((run / "result.json").read_text())
    assert failed["verdict"] == "fail"
    told = search_evidence(FolderStore(place), kept.wanted(), kept.key).nearest[0].why_not
    assert told.startswith("its verdict is fail: time_to_recover")
    (run / "result.json").write_text(json.dumps(failed | {"verdict": "pass"}))
    answer = search_evidence(FolderStore(place), kept.wanted(), kept.key)
    assert answer.found is Found.NONE
    assert "result.json" in answer.nearest[0].why_not


def failing_run(store: Store, hours_later: float, **facts: str) -> Path:
    """A run that nobody has signed, of the same drill where nothing else is said, which failed."""
    result = json.loads((store.run / "result.json").read_text())
    finished = datetime.fromisoformat(str(store.result.run.finished)) + timedelta(hours=hours_later)
    result["run"] |= {"finished": finished.isoformat(), **facts}
    folder = store.folder / "20270101T000000Z-failing"
    shutil.copytree(store.run, folder)
    (folder / "result.json").write_text(json.dumps(result | {"verdict": "fail"}))
    return folder


def test_a_drill_that_has_failed_on_the_image_since_takes_the_word_of_the_one_that_passed(store: Store) -> None:
    failing = failing_run(store, 1)
    answer = store.asked(store.key)
    assert answer.found is Found.NONE
    assert (
        f"passed in {store.run.name}, but the same drill has failed on this image since: {failing.name}" in answer.says
    )
    assert any("has failed on this image since" in one.why_not for one in answer.nearest)
    assert store.asked().found is Found.NONE


@pytest.mark.parametrize(("hours", "facts"), [(-1, {}), (1, {"drill": "another"}), (1, {"namespace": "another"})])
def test_an_older_failure_and_one_of_another_drill_or_target_say_nothing_of_it(
    store: Store, hours: float, facts: dict[str, str]
) -> None:
    failing_run(store, hours, **facts)
    assert store.asked(store.key).found is Found.PROVEN


def test_what_was_judged_must_be_what_was_signed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store.run / "result.json"
    signed = path.read_bytes()
    path.write_bytes(signed.replace(b'"verdict": "pass"', b'"verdict":  "pass"'))

    def put_back_and_verify(run: Path, key: PublicKey | None) -> Verification:
        path.write_bytes(signed)
        return verify(run, key)

    monkeypatch.setattr(searching_evidence, "verify", put_back_and_verify)
    answer = store.asked(store.key)
    assert answer.found is Found.NONE
    assert answer.nearest[0].why_not == "its result.json was changed while it was looked at"


def test_a_run_whose_name_is_that_of_a_summary_counts_and_a_pipe_is_left_alone(store: Store) -> None:
    run = store.run.rename(store.run.with_name("20270101T000000Z-drill-repeats"))
    (store.folder / "summary").mkdir()
    (store.folder / "summary" / "repeats.json").write_text("{}")
    (store.folder / "20270101T000000Z-drill-fleet" / "logs").mkdir(parents=True)
    (store.folder / "20270101T000000Z-drill-fleet" / "fleet.json").write_text("{}")
    (store.folder / "gate-logs").mkdir()
    os.mkfifo(store.folder / "pipe.zip")
    answer = store.asked(store.key)
    assert answer.evidence is not None
    assert (answer.evidence.run, answer.unreadable) == (run.name, ())


def test_a_run_that_nobody_has_signed_or_somebody_else_is_none(kept: Store, tmp_path: Path) -> None:
    place, other = tmp_path / "reports", tmp_path / "other.pem"
    recorded(place, None)
    assert "not signed by anybody" in search_evidence(FolderStore(place), kept.wanted(), kept.key).nearest[0].why_not
    assert main(["key", "new", "--out", str(other)]) == 0
    recorded(place, other)
    answer = search_evidence(FolderStore(place), kept.wanted(), kept.key)
    assert answer.found is Found.NONE
    assert any("is not signed by this key" in one.why_not for one in answer.nearest)


def test_a_good_run_counts_beside_any_number_of_bad_ones(store: Store) -> None:
    for name in ("0-empty", "1-notes"):
        (store.folder / name).mkdir()
    (store.folder / "broken.zip").write_bytes(b"PK\x03\x04 no archive")
    shutil.copytree(store.run, store.folder / "0-changed")
    (store.folder / "0-changed" / "report.md").write_text("all is well")
    answer = store.asked(store.key)
    assert answer.evidence is not None
    assert answer.evidence.run == store.run.name
    assert len(answer.unreadable) == 3
    assert all(name in " ".join(answer.unreadable) for name in ("0-empty", "1-notes", "broken.zip"))


def test_what_cannot_be_read_is_counted_and_is_no_pass(store: Store) -> None:
    (store.run / "result.json").write_text("[" * 100_000)
    answer = store.asked(store.key)
    assert (answer.found, len(answer.unreadable)) == (Found.NONE, 1)
    assert "1 could not be read" in answer.says


def test_a_store_that_is_not_there_is_an_error(kept: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunFolderError, match="the evidence cannot be read: No such file"):
        search_evidence(FolderStore(tmp_path / "nowhere"), kept.wanted(), kept.key)
    asked = ["gate", "--evidence", str(tmp_path / "nowhere"), "--image", f"sha256:{'e' * 64}"]
    assert main(asked) == 2
    assert "nowhere: the evidence cannot be read" in capsys.readouterr().err


def test_the_command_says_it_to_pipelines(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    asked = ["gate", "--evidence", str(store.folder), "--image", f"registry/flow@sha256:{'e' * 64}"]
    assert main([*asked, "--annotations", "github", "--markdown", str(summary)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith("::error title=flowdrill gate%3A NO EVIDENCE::sha256:eeee")
    assert summary.read_text().startswith("before\n## ❌ NO EVIDENCE: evidence of a rollback\n")
    assert main([*asked, "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    jsonschema.validate(answer, json.loads(schema_text("evidence")))
    assert (answer["found"], answer["runs"]) == ("none", 1)


def test_a_run_is_no_store_of_runs(kept: Store) -> None:
    with pytest.raises(RunFolderError, match="is itself a run, and not a folder of runs"):
        search_evidence(FolderStore(kept.run), kept.wanted(), kept.key)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_a_store_holds_is_told_and_is_no_pass(store: Store, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["result.json", "attestation.dsse.json", "SHA256SUMS"]))
    whole = (store.run / name).read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    junk = data.draw(st.binary(max_size=40))
    assume(whole[:cut] + junk != whole)
    try:
        (store.run / name).write_bytes(whole[:cut] + junk)
        answer = store.asked(store.key)
    finally:
        (store.run / name).write_bytes(whole)
    assert answer.found is Found.NONE
    assert len(answer.nearest) + len(answer.unreadable) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "of which image is not said"),
        (["--image", "flow:1.0"], "has no digest"),
        (["--image", f"sha256:{'e' * 64}", "--not-older-than", "soon"], "--not-older-than: needs a duration"),
        (["--image", f"sha256:{'e' * 64}", "--candidate", "x"], "--candidate says nothing beside --evidence"),
        (["--image", f"sha256:{'e' * 64}", "--key", "nowhere.pub"], "nowhere.pub: No such file"),
        (["--image", f"sha256:{'e' * 64}", "--markdown", "/nowhere/x"], "--markdown /nowhere/x: No such file"),
    ],
)
def test_a_question_that_is_none_is_an_error(
    kept: Store, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["gate", "--evidence", str(kept.folder), *more]) == 2
    assert said in capsys.readouterr().err


def test_nothing_of_a_run_steers_a_terminal_or_a_page(store: Store) -> None:
    hostile = "\x1b[31m | `x` <img src=x>\n::error::mine"
    answer = store.asked(store.key, age_seconds=60 * DAY)
    (run,) = answer.nearest
    answer = answer.model_copy(update={"nearest": (run.model_copy(update={"drill": hostile, "why_not": hostile}),)})
    text, page = render_evidence_text(answer), render_evidence_markdown(answer)
    assert "\x1b" not in text + page
    assert "<img" not in page
    assert not any(line.startswith("::") for line in text.splitlines())


def test_an_annotation_cannot_end_its_command_or_begin_another() -> None:
    one = Annotation(Level.ERROR, "a,b:c\r\n%", "100%\n::error::mine\r::set-output name=x::y")
    (line,) = render_github_annotations([one]).splitlines()
    assert line == "::error title=a%2Cb%3Ac %25::100%25 ::error::mine␍::set-output name=x::y"


def test_github_shows_ten_of_a_kind_and_so_the_tenth_says_how_many_more() -> None:
    several = [Annotation(Level.ERROR, "t", str(number)) for number in range(14)]
    lines = render_github_annotations([*several, Annotation(Level.WARNING, "t", "w")]).splitlines()
    assert len(lines) == 11
    assert lines[9] == "::error title=flowdrill gate::and 5 more: see the summary"


def test_a_digest_is_taken_from_a_reference_and_a_tag_is_none() -> None:
    digest = f"sha256:{'0' * 64}"
    assert digest_in(digest) == digest_in(f"localhost:5000/flow:1.0@{digest}") == digest
    assert digest_in("flow:1.0") is None
    assert digest_in(f"{digest}0") is None
