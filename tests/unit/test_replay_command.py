"""`flowdrill replay` as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flowdrill.cli.main import main

ROOT = Path(__file__).parents[2]
RUN = ROOT / "tests" / "golden" / "statefulset"


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(RUN), "--hold-failure", "2m", "--rule", "bad_ratio > 5% over 1m for 1m"]) == 0
    said = capsys.readouterr().out
    assert "FIRES" in said
    assert "bad_ratio > 5% over 1m for 1m" in said
    assert "held for 2 min 00 s by repeating" in said


def test_it_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(RUN), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "flowdrill.dev/replay/v1"
    assert found["rules"][0]["rule"] == "sequential"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no such folder"),
        ([str(ROOT / "tests" / "golden" / "image-gone")], "the run has no baseline"),
        ([str(RUN), "--rule", "bad_ratio > 5 over 1m"], "the limit of bad_ratio needs a share in percent"),
        ([str(RUN), "--rule", "bad_ratio > 5% over 1m\x1b[31m"], r"\x1b"),
        ([str(RUN), "--rule", "p95 > 5s over 1m"], "is above load.latency_objective"),
        ([str(RUN), *["--rule", "sequential"] * 21], "21 rules are too many"),
        ([str(RUN), "--hold-failure", "10"], "--hold-failure: needs a duration with its unit"),
        ([str(RUN), "--hold-failure", "0s"], "--hold-failure 0s: is not between 1s and 30d"),
        ([str(RUN), "--hold-failure", "1d"], "hold it for at most 25000s"),
        ([str(RUN), "--simulate", "31d"], "--simulate 31d: is not between 1s and 30d"),
    ],
)
def test_what_cannot_be_used_is_one_error(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert "\x1b" not in printed.err


def test_a_run_folder_of_somebody_else_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(RUN, folder)
    events = folder / "events.jsonl"
    text = events.read_text(encoding="utf-8")
    text = text.replace('"run_id":"', '"run_id":"\\u001b]0;owned\\u0007', 1)
    events.write_text(text.replace('"detector":"sequential"', '"detector":"a\\u001b[2Jb"'), encoding="utf-8")
    assert main(["replay", str(folder)]) == 0
    assert main(["replay", str(folder), "--json"]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_drill_file_with_a_bad_rule_says_where(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    drill = tmp_path / "drill.yaml"
    shipped = str(ROOT / "drills" / "edge-missing.yaml")
    drill.write_text(f"extends: {shipped}\ndrill: mine\ndetect:\n  rules:\n    page: bad_ratio > 5 over 1m\n")
    assert main(["validate", str(drill)]) == 2
    said = capsys.readouterr().err
    assert f"{drill}:5: detect.rules.page" in said
    assert "the limit of bad_ratio needs a share in percent, such as 30%, not '5'" in said
