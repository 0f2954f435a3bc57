"""A small folder of runs, and the pages of its site. `make golden` writes those that are expected anew."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flowdrill.analysis.ledger_chain import appended, ledger_text
from flowdrill.history.histories import SiteOrder, build_site
from flowdrill.model.ledger import Ledger

TESTS = Path(__file__).parents[2]
RECORDED, EXPECTED = TESTS / "golden", TESTS / "golden-site"
# the style and the shapes are the report's, and have tests of their own
_SHARED = re.compile(r'(?s)(?<=<style>\n).*?(?=</style>)|<svg width="0".*?</svg>\n(?=<main>)')
_RUNS = ("image-gone", "noisy-baseline", "rollback-as-on-call", "statefulset")
_CHANGES: tuple[dict[str, Any], ...] = (
    {"day": "2026-11-23", "image": 1},
    {"day": "2026-11-24", "image": 2, "verdict": "fail", "time_to_recover": 71.0},
    {"day": "2026-11-25", "image": 2, "verdict": "inconclusive", "time_to_recover": None},
    {"day": "2026-11-26", "image": 2, "tool": "0.2.0", "time_to_recover": 21.5},
)


def fill(folder: Path) -> Path:
    """Write the runs and a ledger; return that."""
    reports = folder / "reports"
    for name in _RUNS:
        shutil.copytree(RECORDED / name, reports / name)
    result = json.loads((RECORDED / "statefulset" / "result.json").read_text("utf-8"))
    for number, change in enumerate(_CHANGES):
        run = reports / f"statefulset-{number}"
        run.mkdir()
        shutil.copy(RECORDED / "statefulset" / "plan.json", run)
        (run / "result.json").write_text(json.dumps(_varied(result, change)), "utf-8")
    (reports / "newer").mkdir()
    (reports / "newer" / "result.json").write_text('{"schema": "flowdrill.dev/result/v2"}', "utf-8")
    ledger = folder / "ledger.jsonl"
    ledger.write_text(_ledger(result), "utf-8")
    return ledger


def _varied(result: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(result))
    digest = f"sha256:{change['image']:064x}"
    made["run"] |= {
        "id": f"{change['day']}-varied",
        "started": f"{change['day']}T08:00:00.000Z",
        "tool_version": change.get("tool", "0.1.0"),
    }
    made["verdict"] = change.get("verdict", "pass")
    made["images"]["stable"] |= {"reference": f"registry.example/flow:1.{change['image']}@{digest}", "digest": digest}
    if "time_to_recover" in change:
        took = change["time_to_recover"]
        made["measures"]["time_to_recover"] = took and {"seconds": took, "earliest": took - 1, "latest": took + 1}
    return made


def _ledger(result: dict[str, Any]) -> str:
    run, stable, ledger = result["run"], result["images"]["stable"], Ledger("ledger.jsonl")
    for by, note in ((run["id"], "passed a drill"), ("somebody@host", "canary since Monday")):
        ledger = appended(
            ledger,
            digest=stable["digest"],
            reference=stable["reference"],
            verified_at=datetime(2026, 11, 22, 22, 30, tzinfo=UTC),
            by=by,
            note=note,
        )
    return ledger_text(ledger)


def pages_of(folder: Path) -> dict[str, str]:
    """Build the site of `fill(folder)`; return its pages without what they share with every report."""
    ledger = folder / "ledger.jsonl"
    build_site(SiteOrder(folder / "reports", folder / "site", date(2026, 11, 30), 90, (ledger,)))
    return {
        page.name: _SHARED.sub("", page.read_text("utf-8")).replace(str(ledger), "ledger.jsonl")
        for page in sorted((folder / "site").glob("*.html"))
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name))
        shutil.rmtree(EXPECTED, ignore_errors=True)
        EXPECTED.mkdir()
        for page, text in pages_of(Path(name)).items():
            (EXPECTED / page).write_text(text, "utf-8")
