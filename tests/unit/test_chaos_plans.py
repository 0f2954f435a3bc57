"""What a drill file may say of Chaos Toolkit's activities, and what is said where it is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowdrill.edges.planfiles.command_files import command_files
from flowdrill.edges.planfiles.reading import read_drill
from flowdrill.errors import PlanError
from flowdrill.model.chaos_plan import ChaosPlan, experiment_activity
from flowdrill.preparing.drill_file import plan_of
from flowdrill.preparing.plan_digest import covered_files, digest_of

ROOT = Path(__file__).parents[2]
HEAD = f"extends: {ROOT}/drills/edge-missing.yaml\ndrill: with-chaos\nchaos:\n"
KILL = "{name: kill, type: action, at: triggered, provider: {type: python, module: team, func: kill}}"
ASK = "{name: ask, type: probe, tolerance: 200, provider: {type: http, url: 'http://a.test'}}"

WRONG = [
    (f"  during:\n    - {KILL.replace('triggered', 'sometime')}\n", 5, "broken"),
    (f"  during:\n    - {KILL.replace('at: triggered, ', '')}\n", 5, "during.0.at: required key is missing"),
    (f"  during:\n    - {KILL}\n    - {KILL}\n", 4, "two activities have the name 'kill'"),
    (f"  during:\n    - {KILL.replace('type: action,', 'type: action, background: true,')}\n", 5, "background"),
    (f"  during:\n    - {KILL.replace('type: action,', 'type: action, tolerance: 1,')}\n", 5, "has no `tolerance`"),
    (f"  during:\n    - {KILL.replace('func: kill', 'func: kill, secrets: [k8s]')}\n", 4, "has: none"),
    (f"  during:\n    - {KILL.replace('module: team, ', '')}\n", 5, "provider.python.module: required key is missing"),
    (f"  during:\n    - {KILL.replace('type: python', 'type: ruby')}\n", 5, "python"),
    (f"  steady_state:\n    - {ASK.replace('tolerance: 200, ', '')}\n", 5, "needs probes with a `tolerance`"),
    (f"  before:\n    - {ASK.replace('name: ask', 'ref: ask')}\n", 5, "ref"),
    (f"  before:\n    - {ASK.replace('name: ask', 'name: ask, pauses: {before: soon}')}\n", 5, "number"),
    (f"  before:\n    - {ASK.replace('name: ask', 'name: ask, controls: []')}\n", 5, "controls"),
    ("  secrets:\n    team:\n      token: s3cret\n", 6, "token"),
    ("  secrets:\n    team:\n      token: {type: vault, key: a}\n", 6, "env"),
    ("  configuration:\n    url: {type: probe, name: ask}\n", 5, "only `type: env` is known here"),
    ("  limit: 30\n", 4, "needs a duration with its unit"),
]


@pytest.mark.parametrize(("text", "line", "says"), WRONG)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(PlanError) as error:
        read_drill(path)
    assert says in error.value.problem
    assert f"drill.yaml:{line}" in error.value.problem or f"drill.yaml:{line - 1}" in error.value.problem
    assert "s3cret" not in error.value.problem


def test_an_activity_goes_to_chaos_toolkit_without_what_only_a_drill_knows() -> None:
    plan = ChaosPlan.model_validate_json(
        json.dumps({"during": [yaml.safe_load(KILL) | {"after": "2s", "limit": "5s"}]})
    )
    assert experiment_activity(plan.during[0]) == {
        "name": "kill",
        "type": "action",
        "provider": {"type": "python", "module": "team", "func": "kill"},
    }
    assert (plan.limit_seconds(plan.during[0]), plan.during[0].after) == (5.0, 2.0)


def test_the_digest_covers_activities_and_the_files_beside_the_drill_that_they_are_made_of(tmp_path: Path) -> None:
    drill = tmp_path / "drill.yaml"
    drill.write_text(
        f"{HEAD}  during:\n    - {KILL}\n".replace(
            "extends", "scenario: " + str(ROOT / "scenarios/edge-missing") + "\nextends"
        )
    )
    (tmp_path / "team.py").write_text("def kill(): pass\n")
    plan = plan_of(drill)
    assert "chaos team.py" in [one.name for one in covered_files(plan.drill, plan.found, tmp_path, "there")]
    before = digest_of(plan.drill, plan.found, tmp_path, "there")
    (tmp_path / "team.py").write_text("def kill(): raise SystemExit\n")
    assert digest_of(plan.drill, plan.found, tmp_path, "there") != before
    drill.write_text(drill.read_text().replace("triggered", "broken"))
    changed = plan_of(drill)
    (tmp_path / "team.py").write_text("def kill(): pass\n")
    assert digest_of(changed.drill, changed.found, tmp_path, "there") != before


MADE_OF = """
  steady_state:
    - name: ask
      type: probe
      tolerance: {type: probe, name: judge, provider: {type: python, module: judging, func: judge}}
      provider: {type: process, path: python3, arguments: tools/ask.py --quick}
  before:
    - {name: set up, type: action, provider: {type: process, path: sh, arguments: {-e: set_up.sh}}}
  during:
    - {name: kill, type: action, at: broken, provider: {type: python, module: team, func: kill}}
"""


def test_everything_beside_the_drill_that_activities_execute_is_covered(tmp_path: Path) -> None:
    files = {
        "team.py": "import json, helpers.deep\nfrom more import one\ndef kill(): pass\n",
        "helpers/__init__.py": "from . import near_it\n",
        "helpers/near_it.py": "import team\n",
        "helpers/deep.py": "from ..nowhere import x\n",
        "more.py": "one = 1\n",
        "judging.py": "def judge(value): return True\n",
        "tools/ask.py": "import beside\n",
        "tools/beside.py": "this is no Python (\n",
        "set_up.sh": "true\n",
        "unrelated.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    drill = tmp_path / "drill.yaml"
    drill.write_text(f"scenario: {ROOT}/scenarios/edge-missing\n{HEAD.replace('chaos:', 'chaos:' + MADE_OF)}")
    plan = plan_of(drill)
    covered = {one.name for one in covered_files(plan.drill, plan.found, tmp_path, "there")}
    assert {one for one in covered if one.startswith("chaos ")} == {f"chaos {one}" for one in files} - {
        "chaos unrelated.py"
    }
    along = {path.relative_to(tmp_path).as_posix() for path in command_files(plan.drill, tmp_path)}
    assert along == files.keys() - {"unrelated.py"}


def test_the_files_of_activities_go_along_into_a_cluster_and_none_from_elsewhere(tmp_path: Path) -> None:
    near = tmp_path / "drills"
    near.mkdir()
    (near / "team.py").write_text("def kill(): pass\n")
    (tmp_path / "outside.sh").write_text("true\n")
    drill = near / "drill.yaml"
    drill.write_text(f"{HEAD}  during:\n    - {KILL}\n")
    assert list(command_files(read_drill(drill), near)) == [near / "team.py"]
    run = "{name: run, type: action, provider: {type: process, path: ../outside.sh}}"
    drill.write_text(f"{HEAD}  after:\n    - {run}\n")
    with pytest.raises(PlanError, match=r"chaos: \.\./outside\.sh cannot be used in the cluster"):
        list(command_files(read_drill(drill), near))


def flowdrill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("command", [("validate",), ("plan", "--offline")])
def test_what_looks_alone_names_the_module_that_is_missing_and_runs_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    pytest.importorskip("chaoslib")
    drill = tmp_path / "drill.yaml"
    absent = KILL.replace("module: team", "module: chaosistio.fault.actions")
    own = "{name: own, type: action, provider: {type: python, module: own_module, func: do}}"
    drill.write_text(
        f"scenario: {ROOT}/scenarios/edge-missing\n{HEAD}  before:\n    - {own}\n  during:\n    - {absent}\n"
    )
    ran = tmp_path / "ran"
    (tmp_path / "own_module.py").write_text(f"def do():\n    open({str(ran)!r}, 'w').close()\n")
    done = flowdrill(command[0], drill, *command[1:])
    assert done.returncode == 2, done.stdout
    assert "'kill': the module chaosistio.fault.actions is not installed: install chaostoolkit-istio" in done.stderr
    assert "'own'" not in done.stderr
    assert not ran.exists()
