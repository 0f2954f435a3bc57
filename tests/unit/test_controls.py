"""The mapping of a result's fields to requirements: what ships, what replaces it, and what is kept with a run."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.planfiles.reading import read_controls
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.runfolder.recorded import record_digests
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.history.run_reports import RENDERERS, write_reports
from flowdrill.history.sealing import seal
from flowdrill.report.audit_record_words import RECOMPUTE
from tests.unit.analysis.synthetic_run import SCENARIO, drill_of

ROOT = Path(__file__).parents[2]
AUDITED = ROOT / "tests/golden/audited"
SHIPPED = read_controls(None, Path())
OURS = """
mapping: ours
as_of: "2026-11-27"
controls:
  - framework: ours
    reference: OPS-7
    asks: a release can be taken back
    evidence: [measures.time_to_recover]
"""


@pytest.mark.parametrize(
    ("framework", "reference"),
    [
        ("2022/2554", "Article 11"),
        ("2022/2554", "Article 24"),
        ("2022/2554", "Article 25"),
        ("2024/1774", "Article 17(1)(e)"),
        ("2024/1774", "Article 25"),
        ("SOC 2", "A1.3"),
        ("SOC 2", "CC7.5"),
        ("27001:2022", "A.5.29"),
        ("27001:2022", "A.5.30"),
        ("ISO 22301", "8.5"),
        ("SP 800-84", ""),
        ("Cloud Controls Matrix", "CCC-09"),
    ],
)
def test_the_mapping_that_ships_has_it(framework: str, reference: str) -> None:
    found = [one for one in SHIPPED.controls if framework in one.framework and reference in one.reference]
    assert len(found) == 1
    assert len(found[0].evidence) >= 3


def test_the_mapping_that_ships_names_no_field_twice_for_one_requirement() -> None:
    assert [one.reference for one in SHIPPED.controls if len(set(one.evidence)) < len(one.evidence)] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("measures.time_to_recover", "measures.time_to_recvoer", r"8: controls\.0\.evidence\.0: measures of result"),
        ("measures.time_to_recover", "audit.findings.owner", r"8: .*leave 'owner' out"),
        ("measures.time_to_recover", "audit.controls", r"8: .*it is no evidence"),
        ("[measures.time_to_recover]", "[]", r"8: controls\.0\.evidence: "),
        ("asks:", "aks:", r"7: controls\.0\.aks: unknown key; did you mean asks\?"),
        ('"2026-11-27"', "today", r"3: as_of: needs a day such as 2026-11-26"),
        ("mapping: ours", "mapping: [", r":\d+: "),
    ],
)
def test_what_is_wrong_with_a_mapping_is_one_error_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    (tmp_path / "ours.yaml").write_text(OURS.replace(old, new))
    with pytest.raises(PlanError, match=rf"ours\.yaml:?{said}" if said[0] == ":" else rf"ours\.yaml:{said}"):
        read_controls("ours.yaml", tmp_path)


def test_a_mapping_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.yaml: No such file"):
        read_controls("nowhere.yaml", tmp_path)


def test_validate_reads_the_mapping_that_a_drill_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "drills/edge-missing.yaml").read_text(encoding="utf-8")
    drill = tmp_path / "drill.yaml"
    drill.write_text(f"{text}\naudit: {{ controls: ours.yaml }}\n", encoding="utf-8")
    (tmp_path / "ours.yaml").write_text(OURS)
    assert main(["validate", str(drill)]) == 0
    (tmp_path / "ours.yaml").write_text(OURS.replace("asks: a", "asked: a"))
    assert main(["validate", str(drill)]) == 2
    assert f"{tmp_path / 'ours.yaml'}:7: controls.0.asked" in capsys.readouterr().err


def test_the_schema_of_a_mapping_is_printed_as_it_is_committed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "controls"]) == 0
    assert capsys.readouterr().out == (ROOT / "schemas/controls.v1.json").read_text(encoding="utf-8")


def test_the_mapping_is_kept_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS)
    ours = read_controls("ours.yaml", tmp_path)
    with RunFolder.create(tmp_path / "out", drill_of(), SCENARIO, datetime(2026, 11, 27, tzinfo=UTC), (), ours) as made:
        shutil.copy(AUDITED / "events.jsonl", made.path)
    assert read_run(made.path).controls == ours


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run folder with evidence."""
    folder = tmp_path / "run"
    shutil.copytree(AUDITED, folder, ignore=shutil.ignore_patterns(*RENDERERS))
    (folder / "evidence").mkdir()
    (folder / "evidence" / "pods.yaml").write_text("pods")
    (folder / "load").mkdir()
    (folder / "load" / "bad-answers.jsonl").write_text("")
    (folder / "locust.log").write_text("ready")
    return folder


def test_the_digest_that_is_signed_by_hand_is_what_the_command_on_the_page_prints(run: Path) -> None:
    report = write_reports(run)
    seal(run, report.result, None)
    printed = subprocess.run(["sh", "-c", RECOMPUTE], cwd=run, capture_output=True, text=True, check=True).stdout
    assert report.result.audit is not None
    assert report.result.audit.record_digest == f"sha256:{printed.split()[0]}"
    assert printed.split()[0] in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "evidence/pods.yaml",
        "controls.json",
        "plan.json",
        "events.jsonl",
        "load/bad-answers.jsonl",
        "locust.log",
    ],
)
def test_it_is_another_one_when_anything_that_was_recorded_is(run: Path, name: str) -> None:
    before = record_digests(run)
    with (run / name).open("ab") as file:
        file.write(b" ")
    after = record_digests(run)
    assert before.all != after.all
    assert (before.plan == after.plan) == (name != "plan.json")


@pytest.mark.parametrize("name", ["evidence", "load"])
def test_nothing_outside_of_the_folder_is_in_it(run: Path, name: str, tmp_path: Path) -> None:
    shutil.rmtree(run / name)
    before = record_digests(run)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "keys").write_text("key")
    (run / name).symlink_to(tmp_path / "outside")
    assert record_digests(run) == before


def test_it_is_the_same_whatever_reports_there_are(run: Path) -> None:
    before = read_run(run).digests
    write_reports(run)
    (run / "report.pdf").write_bytes(b"a report of another kind")
    assert read_run(run).digests == before


def test_a_mapping_that_was_damaged_is_named(run: Path) -> None:
    kept = run / "controls.json"
    kept.write_text(kept.read_text(encoding="utf-8").replace("audit.targets", "audit.tragets", 1), encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"controls\.json: controls\.\d+\.evidence\.\d+: audit of result"):
        read_run(run)
