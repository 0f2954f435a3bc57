"""docs/limits.md: its example is one, it names every key, and what it says of the time a run has is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.edges.planfiles.reading import read_drill
from flowdrill.errors import PlanError
from flowdrill.model.limits_plan import LimitName, LimitsPlan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
PROMETHEUS = {"prometheus": {"url": "http://127.0.0.1:9090", "alerts": {"FlowFailing": {}}}}


def written(tmp_path: Path, limits: Any) -> Path:
    plan = {"extends": str(ROOT / "drills" / "edge-missing.yaml"), "drill": "limited", "detect": PROMETHEUS}
    file = tmp_path / "limited.yaml"
    file.write_text(yaml.safe_dump({**plan, "limits": limits}))
    return file


def test_the_example_of_the_page_is_a_drills_and_has_every_key(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\nlimits:\n(.*?)```", PAGE, re.DOTALL)
    limits = yaml.safe_load(f"limits:\n{block}")["limits"]
    assert set(limits) == set(LimitsPlan.model_fields)
    assert read_drill(written(tmp_path, limits)).limits.bad_requests == 500


def test_the_table_of_the_page_names_every_limit() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(LimitName)


@pytest.mark.parametrize(
    ("limits", "key", "says"),
    [
        ({"bad_requests": 0}, "limits.bad_requests", "greater than or equal to 1"),
        ({"error_budget": 5}, "limits.error_budget", "needs a share in percent, such as 30%"),
        ({"wall_clock": "soon"}, "limits.wall_clock", "needs a duration with its unit"),
        ({"wall_clock": "1s"}, "", "`limits.wall_clock` must be longer than `baseline.window`"),
        ({"alerts": "all"}, "limits.alerts", "outside"),
        ({"allow_alerts": ["Watchdog"]}, "limits", "`allow_alerts` needs `alerts: outside`"),
        ({"money": "5 EUR"}, "limits.money", "unknown key"),
        ("strict", "limits", ""),
    ],
)
def test_a_limit_that_cannot_be_used_is_one_error_with_its_file_and_key(
    tmp_path: Path, limits: Any, key: str, says: str
) -> None:
    with pytest.raises(PlanError) as error:
        read_drill(written(tmp_path, limits))
    assert "limited.yaml:" in error.value.problem
    assert key in error.value.problem
    assert says in error.value.problem
    assert len(error.value.problem.splitlines()) == 1
