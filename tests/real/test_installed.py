"""What a user installs is complete: scenarios, the Locust file and the report's template are in the wheel."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_wheel_brings_its_scenarios_flows_and_templates(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for name in ("edge-missing/scenario.yaml", "load/run_flow.py", "flows/greeting.json"):
        assert f"flowdrill/shipped/scenarios/{name}" in names
    assert {f"flowdrill/shipped/policy/{name}.yaml" for name in ("langflow-advisories", "controls")} <= names
    assert not [name for name in names if {"tests", "__pycache__"} & set(name.split("/"))]
    # the wheel's files beside this environment's dependencies, away from the checkout
    dependencies = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    drill = ROOT / "drills" / "edge-missing.yaml"
    copied = tmp_path / "elsewhere" / "drill.yaml"
    copied.parent.mkdir()
    copied.write_text(drill.read_text())
    ran = subprocess.run(
        [sys.executable, "-S", "-m", "flowdrill", "validate", str(copied)],
        cwd=copied.parent,
        env={"PYTHONPATH": f"{tmp_path / 'site'}:{dependencies}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
