"""What docs/schedule.md shows is so."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.edges.planfiles.reading import read_drill

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "schedule.md").read_text()


@pytest.fixture
def example(tmp_path: Path) -> Path:
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    shutil.copytree(ROOT / "drills", tmp_path / "drills")
    path = tmp_path / "drills" / "in-cluster.yaml"
    path.write_text(text)
    return path


def test_the_example_has_every_key_of_a_calendar(example: Path) -> None:
    plan = read_drill(example).calendar
    assert plan is not None
    assert plan.model_fields_set == set(type(plan).model_fields)


def test_its_commands_work_and_make_what_the_table_lists(
    example: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    printed, in_files, by_hand = re.findall(r"(?m)^(?:flowdrill manifests|kubectl -n) .*$", TEXT)
    for command, more in ((printed, []), (in_files, ["--out", str(tmp_path / "deploy")])):
        words = shlex.split(command.partition(" | ")[0].partition("   #")[0].replace("DRILL.yaml", str(example)))
        assert main([*words[1:], *more]) == 0
    objects = [one for one in yaml.safe_load_all(capsys.readouterr().out) if one]
    names = {f"{one['kind']}/{one['metadata']['name']}" for one in objects}
    (held,) = [one for one in names if one.startswith("ConfigMap/flowdrill-drills-")]
    assert "ConfigMap `flowdrill-drills-DIGEST`" in TEXT
    assert re.fullmatch("[0-9a-f]{8}", held.rpartition("-")[2])
    for name in ("Namespace/flowdrill", "PersistentVolumeClaim/flowdrill-reports"):
        assert name in names
        assert f"{name.split('/')[0]} `{name.split('/')[1]}`" in TEXT
    assert f"CronJob/{re.search('cronjob/(.*?) ', by_hand)[1]}" in names  # type: ignore[index]
    built = subprocess.run(
        [Path(sys.executable).with_name("kubectl"), "kustomize", tmp_path / "deploy"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {f"{one['kind']}/{one['metadata']['name']}" for one in yaml.safe_load_all(built.stdout)} == names
