"""`flowdrill compare`: an answer for people, one for programs, and an exit code for pipelines."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest

from flowdrill.cli.main import main
from flowdrill.report.schema import schema_text

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
STATEFULSET, ON_CALL, GONE = (str(GOLDEN / name) for name in ("statefulset", "rollback-as-on-call", "image-gone"))


def test_the_same_run_twice_has_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", STATEFULSET, STATEFULSET, "--fail-if-worse"]) == 0
    said = capsys.readouterr().out
    assert "The plan is the same: sha256:" in said
    assert "In nothing is the second run certainly better or worse." in said
    assert "PLAN" not in said


def test_what_differs_is_told_and_is_no_failure_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", ON_CALL, GONE]) == 0
    said = capsys.readouterr().out
    assert re.search(r'drill\.hold +"3s" +"10s"', said)
    assert re.search(r"check Stable image retained +pass +fail", said)
    assert "certainly worse in: verdict, check stable image retained" in said
    assert main(["compare", ON_CALL, GONE, "--fail-if-worse"]) == 1
    assert main(["compare", GONE, ON_CALL, "--fail-if-worse"]) == 0


def test_so_much_longer_is_not_worse_yet() -> None:
    assert main(["compare", ON_CALL, STATEFULSET, "--fail-if-worse"]) == 1  # 17 s and 27 s
    assert main(["compare", ON_CALL, STATEFULSET, "--fail-if-worse", "--tolerance", "60%"]) == 0


def test_the_json_is_what_the_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", ON_CALL, GONE, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, json.loads(schema_text("compare")), jsonschema.Draft202012Validator)
    assert (found["schema"], found["worse"]) == ("flowdrill.dev/compare/v1", ["verdict", "check stable_image_retained"])


def test_a_result_that_somebody_has_edited_does_not_count(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    edited = tmp_path / "edited"
    shutil.copytree(STATEFULSET, edited)
    result = edited / "result.json"
    result.write_text(result.read_text().replace('"verdict": "pass"', '"verdict": "fail"'))
    assert main(["compare", STATEFULSET, str(edited), "--fail-if-worse"]) == 0
    assert "second: PASS" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([STATEFULSET, "nowhere"], "there is no such folder"),
        ([STATEFULSET, str(GOLDEN)], "is no run folder, and holds"),
        ([STATEFULSET, STATEFULSET, "--tolerance", "0.1"], "--tolerance: needs a share in percent"),
    ],
)
def test_what_cannot_be_compared_is_one_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert (printed.out, "Traceback" in printed.err) == ("", False)
