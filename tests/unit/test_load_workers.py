"""`load.workers` in a plan, and what a run's folder with bins refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from flowdrill.analysis.replay import ReplayOrder, replay_of
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.runfolder.outcome_stream import open_outcomes
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.load_frames import BINS_HEADER
from tests.unit.analysis.synthetic_run import drill_of, synthetic_run

ROOT = Path(__file__).parents[2]


def with_load(**load: object) -> Drill:
    plan = json.loads(drill_of().model_dump_json(by_alias=True, exclude_defaults=True))
    return Drill.model_validate_json(json.dumps({**plan, "load": {**plan["load"], "timeout": "5s", **load}}))


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ({"workers": 0}, "greater than or equal to 1"),
        ({"workers": 1001}, "less than or equal to 1000"),
        ({"workers": 2.5}, "valid integer"),
        ({"requests_per_second": 1500}, r"1500, and one process sends 1000 at most: name fewer or share them"),
        ({"requests_per_second": 3000, "workers": 2}, r"1500 by one worker, and one process sends 1000 at most"),
        ({"requests_per_second": 1000, "timeout": "11s"}, "the timeout can be at most 10s"),
    ],
)
def test_a_load_that_cannot_be_sent_is_one_error(load: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        with_load(**load)


def test_workers_send_what_one_process_cannot() -> None:
    assert with_load(requests_per_second=6000, workers=8).load.workers == 8


def test_a_percentile_needs_each_request() -> None:
    plan = json.loads(drill_of().model_dump_json(by_alias=True, exclude_defaults=True))
    plan["load"]["workers"] = 2
    plan["detect"] = {"rules": {"slow": "p95 > 1s over 30s"}}
    with pytest.raises(ValidationError, match=r"`detect.rules.slow`: a percentile needs how long each request took"):
        Drill.model_validate_json(json.dumps(plan))


def test_what_needs_single_requests_is_refused(tmp_path: Path) -> None:
    record = synthetic_run()
    with pytest.raises(RunFolderError, match="rules are replayed over single requests"):
        replay_of(replace(record, frames=()), ReplayOrder(()))
    with RunFolder.create(tmp_path, record.drill, record.scenario, datetime(2026, 1, 1, tzinfo=UTC)) as folder:
        for event in record.events:
            folder.emit(event)
    (folder.path / "outcomes.bins").write_bytes(BINS_HEADER)
    with pytest.raises(RunFolderError, match="there are no single requests"):
        open_outcomes(folder.path)
    assert tuple(read_run(folder.path).frames or ()) == ()
