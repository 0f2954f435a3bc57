"""What a drill may put in the way, and what it says of one that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.edges.planfiles.reading import read_drill
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.obstacle_plan import ObstacleKind, RegistryDown

DRILLS = Path(__file__).parents[2] / "drills"


def drill_with(tmp_path: Path, obstacles: Any, **more: Any) -> Drill:
    plan = {"extends": str(DRILLS / "edge-missing.yaml"), "drill": "blocked", "obstacles": obstacles, **more}
    file = tmp_path / "blocked.yaml"
    file.write_text(yaml.safe_dump(plan))
    return read_drill(file)


def test_every_kind_can_be_named(tmp_path: Path) -> None:
    listed = [{"kind": kind.value} for kind in ObstacleKind]
    drill = drill_with(tmp_path, listed, rollback={"as": "ann"})
    assert [one.kind for one in drill.obstacles] == list(ObstacleKind)


def test_a_registry_is_taken_down_by_commands_with_a_limit(tmp_path: Path) -> None:
    drill = drill_with(tmp_path, [{"kind": "registry-down", "down": ["a", "b"], "up": ["c"], "limit": "5s"}])
    (plan,) = drill.obstacles
    assert isinstance(plan, RegistryDown)
    assert (plan.down, plan.up, plan.limit) == (("a", "b"), ("c",), 5.0)


@pytest.mark.parametrize(
    ("obstacles", "more", "says"),
    [
        ([{"kind": "registry-down", "down": ["x"]}], {}, "`down` and `up` need each other"),
        ([{"kind": "rollout-paused"}, {"kind": "rollout-paused"}], {}, "each kind can be in the way once"),
        ([{"kind": "permission-removed"}], {}, "permission-removed needs `rollback.as`"),
        (
            [{"kind": "rollout-paused"}],
            {"target": {"workload": "statefulset/app"}},
            "rollout-paused needs a Deployment: a StatefulSet cannot be paused",
        ),
        ([{"kind": "meteorite"}], {}, "stable-image-deleted"),
        ([{}], {}, "discriminator"),
        ([{"kind": "rollout-paused", "limit": "5s"}], {}, "unknown key"),
    ],
)
def test_what_cannot_be_put_is_said(tmp_path: Path, obstacles: Any, more: Any, says: str) -> None:
    with pytest.raises(PlanError) as error:
        drill_with(tmp_path, obstacles, **more)
    assert says in error.value.problem
    assert "blocked.yaml:" in error.value.problem


def test_each_kind_has_a_drill_that_ships() -> None:
    drills = {path.stem.removeprefix("obstacle-"): read_drill(path) for path in DRILLS.glob("obstacle-*.yaml")}
    assert {name: [one.kind for one in drill.obstacles] for name, drill in drills.items()} == {
        kind.value: [kind] for kind in ObstacleKind
    }
