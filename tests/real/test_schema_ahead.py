"""A release that migrated the database, drilled with the full LangFlow server: real migrations, a real SQLite file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowdrill.model.result import Result, Verdict
from flowdrill.model.status import Status

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("FLOWDRILL_LANGFLOW_PYTHON", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.endurance,  # its database minds a slow disk, and it takes five minutes
    pytest.mark.skipif(
        not PYTHON, reason="FLOWDRILL_LANGFLOW_PYTHON names no Python that has the full langflow server"
    ),
]


def test_the_stable_image_does_not_start_on_the_migrated_database_and_the_restore_puts_it_back(tmp_path: Path) -> None:
    kept = {name: text for name, text in os.environ.items() if name not in ("KUBECONFIG", "LANGFLOW_API_KEY")}
    done = subprocess.run(
        [sys.executable, "-m", "flowdrill", "run", "drills/schema-ahead-of-image.yaml", "--json", "--out", tmp_path],
        cwd=ROOT,
        env={**kept, "FLOWDRILL_CLUSTER": str(tmp_path / "none"), "FLOWDRILL_LFX_PYTHON": PYTHON},
        capture_output=True,
        text=True,
        check=False,
        timeout=550,
    )
    assert done.returncode == 1, done.stderr
    result = Result.model_validate_json(done.stdout)
    checks = {check.name: check.status for check in result.checks}
    told = "\n".join((*result.reasons, done.stderr))
    assert result.verdict is Verdict.FAIL, told
    assert {found.detector for found in result.detections} == {"sequential"}, told
    assert checks["symptom_seen"] is checks["failure_detected"] is Status.PASS, told
    assert checks["rollback_helped"] is checks["rollback_completed"] is Status.FAIL, told
    # the stable LangFlow runs again, and it compares its models with the database before it does
    assert checks["ends_on_stable_digest"] is checks["nothing_left_behind"] is Status.PASS, told
    logs = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*/evidence/not-rolled-back-log-*")]
    assert any("mismatch between the models and the database" in log for log in logs), told
