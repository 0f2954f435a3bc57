"""A copy of a drill's target in a namespace of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.drilling.gate_copies import copy_of, ports_for, why_no_copy
from flowdrill.edges.planfiles.manifests import read_manifests
from flowdrill.preparing.drill_file import DrillFile, plan_of

ROOT = Path(__file__).parents[2]
DRILLS = ROOT / "drills"
PROCESS = {"type": "process", "path": "true"}
HTTP = {"type": "http", "url": "http://127.0.0.1:30786/health"}
SHIPPED = [plan_of(DRILLS / name) for name in yaml.safe_load((DRILLS / "gate.yaml").read_text())["drills"]]


@pytest.fixture
def written(tmp_path: Path) -> Any:
    (tmp_path / "drills").mkdir()
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (tmp_path / "drills" / "target").symlink_to(DRILLS / "target")
    (tmp_path / "drills" / "base.yaml").write_text((DRILLS / "edge-missing.yaml").read_text())

    def write(**changes: Any) -> DrillFile:
        path = tmp_path / "drills" / "drill.yaml"
        path.write_text(yaml.safe_dump({"extends": "base.yaml", "drill": "d", **changes}))
        return plan_of(path)

    return write


@pytest.mark.parametrize("plan", SHIPPED, ids=lambda plan: plan.drill.drill)
def test_every_drill_of_the_shipped_gate_can_be_copied(plan: DrillFile, tmp_path: Path) -> None:
    assert why_no_copy(plan) is None
    ports = ports_for(SHIPPED, 2)
    copies = [copy_of(plan, lane, ports, tmp_path).drill for lane in (1, 2)]
    assert [one.target.namespace for one in copies] == ["flowdrill-demo-lane-1", "flowdrill-demo-lane-2"]
    assert len({one.load.url for one in copies}) == 2
    for one in copies:
        assert one.embedded is not None
        items = read_manifests(Path(one.embedded.manifests))
        assert {item["metadata"].get("namespace", one.target.namespace) for item in items} == {one.target.namespace}
        assert items[0]["metadata"]["name"] == one.target.namespace
        ports_in = [each["nodePort"] for item in items if item["kind"] == "Service" for each in item["spec"]["ports"]]
        assert f"http://127.0.0.1:{ports_in[0]}" == one.load.url
        assert (plan.path.parent / str(one.embedded.flow)).is_file()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rollback": {"as": "system:serviceaccount:flowdrill-demo:on-call"}}, "flowdrill-demo is also named"),
        ({"obstacles": [{"kind": "stable-image-deleted"}]}, "in the way of other drills"),
        ({"load": {"url": "http://127.0.0.1:30111"}}, "load.url is no node port of its manifests"),
        ({"load": {"url": "http://example.org:30786"}}, "load.url is no node port of its manifests"),
        ({"chaos": {"before": [{"name": "an action", "type": "action", "provider": PROCESS}]}}, "activities touch"),
        (
            {"chaos": {"before": [{"name": "a probe", "type": "probe", "provider": HTTP}]}},
            "30786 is also named elsewhere in it",
        ),
        ({"detect": {"prometheus": {"url": "http://127.0.0.1:9090", "alerts": {"A": {}}}}}, "more than its target"),
    ],
)
def test_what_cannot_be_copied_says_why(written: Any, changes: dict[str, Any], why: str) -> None:
    said = why_no_copy(written(**changes))
    assert said is not None
    assert why in said


def test_a_drill_without_a_target_of_its_own_has_nothing_to_copy(tmp_path: Path, written: Any) -> None:
    plan = yaml.safe_load((DRILLS / "edge-missing.yaml").read_text())
    del plan["embedded"]
    (tmp_path / "drills" / "base.yaml").write_text(yaml.safe_dump(plan))
    assert why_no_copy(written()) == "it brings no target along"
