"""Which of a gate's drills go beside one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.drilling import gate_lanes
from flowdrill.drilling.gate_lanes import Lanes
from flowdrill.drilling.side_by_side import Job
from flowdrill.preparing.drill_file import DrillFile, plan_of
from flowdrill.preparing.opening import Cluster

DRILLS = Path(__file__).parents[2] / "drills"
ACTION = {"name": "an action", "type": "action", "provider": {"type": "process", "path": "true"}}


class Together:
    """Notes which jobs may be at work at the same time."""

    groups: list[list[str]]

    def __init__(self, *_: object) -> None:
        self.groups = []

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, object]]:
        self.groups.append([one.named for one in jobs])
        yield from ((one, one.named) for one in jobs)


def planned(folder: Path, name: str, **more: Any) -> DrillFile:
    (folder / "base.yaml").write_text((DRILLS / "edge-missing.yaml").read_text())
    target = {"namespace": f"space-{name}"}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"extends": "base.yaml", "drill": name, "target": target, **more}))
    return plan_of(path)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"obstacles": [{"kind": "stable-image-deleted"}]}, "in the way of other drills"),
        ({"chaos": {"during": [{**ACTION, "at": "broken"}]}}, "nobody knows what its activities touch"),
    ],
)
def test_what_other_drills_would_meet_goes_alone_also_in_a_namespace_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], why: str
) -> None:
    monkeypatch.setattr(gate_lanes, "SideBySide", Together)
    said: list[str] = []
    lanes = Lanes(4, tmp_path, None)  # type: ignore[arg-type] # nobody watches
    plans = [planned(tmp_path, "a"), planned(tmp_path, "in-the-way", **more), planned(tmp_path, "b")]
    ended = [*lanes.ended(plans, Cluster("staging", None), lambda *_: None, said.append)]
    assert lanes._side_by_side.groups == [["a", "b"], ["in-the-way"]]  # type: ignore[attr-defined]
    assert ended == [(0, "a"), (2, "b"), (1, "in-the-way")]
    assert len(said) == 1
    assert f"in-the-way goes after the others, and alone: {why}" in said[0].replace("its obstacle is ", "")
