"""Recorded runs give the same reports, byte for byte, on every machine and in every version until somebody means it.

`make golden` writes the expected reports anew; look at the difference before you commit it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowdrill.history.run_reports import RENDERERS, write_reports
from flowdrill.model.result import Result, Verdict

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(path.parent for path in ROOT.glob("reports/sample-*/events.jsonl"))
GOLDEN = sorted(path.parent for path in ROOT.glob("tests/golden/*/events.jsonl")) + SAMPLES


def test_there_are_recorded_runs_and_a_sample_of_each_verdict() -> None:
    assert len(GOLDEN) > len(SAMPLES)
    for verdict in Verdict:
        result = Result.model_validate_json((ROOT / "reports" / f"sample-{verdict}" / "result.json").read_text("utf-8"))
        assert result.verdict is verdict


@pytest.mark.parametrize("recorded", GOLDEN, ids=lambda path: path.name)
def test_a_recorded_run_gives_the_same_reports(recorded: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(recorded, folder, ignore=shutil.ignore_patterns(*RENDERERS))
    write_reports(folder)
    for name in RENDERERS:
        assert (folder / name).read_bytes() == (recorded / name).read_bytes(), f"{name} differs: see `make golden`"
