"""From one drill to the plan of each workload, and what makes a drill unfit for many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.drilling.fleet_plans import FleetChoice, plan_for, refuse_unfit_for_many
from flowdrill.drilling.runs import RunWith, run_plan
from flowdrill.edges.runfolder.earlier_run import newest_run
from flowdrill.errors import PlanError
from flowdrill.model.fleet_target import FleetService, FleetTarget
from flowdrill.model.workload import WorkloadKind
from flowdrill.preparing.drill_file import plan_as_written, plan_of
from flowdrill.preparing.opening import Cluster, permit_for

ROOT = Path(__file__).parents[2]
CHOICE = FleetChoice("app=langflow", None)
TEMPLATE = "http://{service}.{namespace}.svc:{port}"
ACTIVITY = {"name": "one", "type": "action", "provider": {"type": "process", "path": "true"}}
COMMAND = {"command": ["kubectl", "--namespace=flowdrill-demo", "rollout", "undo"]}
Written = Callable[..., Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    (tmp_path / "base.yaml").write_text((ROOT / "drills" / "edge-missing.yaml").read_text())

    def write(url: str = TEMPLATE, **more: Any) -> Path:
        path = tmp_path / "drill.yaml"
        path.write_text(yaml.safe_dump({"extends": "base.yaml", "drill": "d", "load": {"url": url}, **more}))
        return path

    return write


def target(namespace: str = "team-a", name: str = "flow", *services: FleetService) -> FleetTarget:
    return FleetTarget(namespace, WorkloadKind.STATEFULSET, name, services or (FleetService("web", 7860),))


def test_each_workload_has_a_plan_and_a_digest_of_its_own(written: Written) -> None:
    base = plan_as_written(written())
    plans = [plan_for(base, target(space), CHOICE) for space in ("team-a", "team-b")]
    first = plans[0].drill
    assert (first.target.namespace, first.target.workload) == ("team-a", "statefulset/flow")
    assert first.target.container == base.drill.target.container
    assert (first.load.url, first.embedded) == ("http://web.team-a.svc:7860", None)
    digests = {permit_for(one, Cluster("staging", None)).plan_digest for one in plans}
    assert len(digests) == 2


def test_a_refusal_names_the_command_that_shows_this_very_plan(written: Written) -> None:
    plan = plan_for(plan_as_written(written()), target(), replace(CHOICE, url="http://{name}"))
    with pytest.raises(PlanError, match="is no digest"):
        permit_for(plan, Cluster("staging", None), ["x"], approval_asked=True)
    assert plan.origin is not None
    assert plan.origin.to_plan.endswith("--selector app=langflow --namespace team-a --url 'http://{name}'")


def test_the_option_s_url_goes_before_the_drill_s(written: Written) -> None:
    choice = replace(CHOICE, url="https://{name}.example.org")
    assert plan_for(plan_as_written(written()), target(), choice).drill.load.url == "https://flow.example.org"


@pytest.mark.parametrize(
    ("more", "choice", "said"),
    [
        ({"url": "http://127.0.0.1:1"}, CHOICE, "load.url http://127.0.0.1:1: is the same for every workload"),
        ({}, replace(CHOICE, url="http://x"), "--url http://x: is the same for every workload"),
        ({}, replace(CHOICE, selector=" "), "--selector: is empty"),
        ({"rollback": {"by": "human"}}, CHOICE, "a game day is about one workload"),
        ({"policy": {"ledger": {"file": "x"}}}, CHOICE, "names one ledger"),
        ({"policy": {"scanner": {"report": "x"}}}, CHOICE, "about one image"),
        ({"obstacles": [{"kind": "stable-image-deleted"}]}, CHOICE, "in the way of the drills beside"),
        ({"chaos": {"after": [ACTIVITY]}}, CHOICE, "the same for every workload"),
        ({"rollback": COMMAND}, CHOICE, "rollback.command: names the namespace flowdrill-demo"),
    ],
)
def test_what_makes_a_drill_unfit_for_many_is_one_clear_error(
    written: Written, more: dict[str, Any], choice: FleetChoice, said: str
) -> None:
    with pytest.raises(PlanError, match=said):
        refuse_unfit_for_many(plan_as_written(written(**more)), choice, 2)


def test_what_other_drills_would_meet_may_go_alone(written: Written) -> None:
    refuse_unfit_for_many(plan_as_written(written(obstacles=[{"kind": "stable-image-deleted"}])), CHOICE, 1)


def test_a_drill_that_does_not_fit_a_workload_says_so(written: Written) -> None:
    plan = plan_as_written(written(obstacles=[{"kind": "rollout-paused"}]))
    with pytest.raises(PlanError, match="rollout-paused needs a Deployment"):
        plan_for(plan, target(), CHOICE)
    with pytest.raises(PlanError, match="needs http:// or https://"):
        plan_for(plan, target("team-a", "flow"), replace(CHOICE, url="ftp://{name}"))


def test_names_are_put_in_without_a_fleet_too_and_a_service_s_are_not(written: Written) -> None:
    assert (
        plan_of(written("http://{name}.{namespace}.svc")).drill.load.url
        == "http://langflow-greeting.flowdrill-demo.svc"
    )
    with pytest.raises(PlanError, match="what is in braces is said by the Service"):
        run_plan(plan_of(written("http://{cluster_ip}:{port}")), Cluster("staging", None), RunWith(Path("nowhere")))


def test_a_name_in_braces_that_stands_for_nothing_is_named(written: Written) -> None:
    with pytest.raises(PlanError, match=r"\{nmae\} stands for nothing: use \{namespace\}"):
        plan_of(written("http://{nmae}.example.org"))


def test_the_run_before_this_one_is_one_of_the_same_workload(tmp_path: Path) -> None:
    for second, space in enumerate(("a", "b")):
        folder = tmp_path / f"2026010{second + 1}T000000Z-d"
        folder.mkdir()
        aim = f'{{"namespace": "{space}", "workload": "deployment/x"}}'
        (folder / "plan.json").write_text(f'{{"drill": {{"drill": "d", "target": {aim}}}}}')
    found = newest_run(tmp_path, "d", ("a", "deployment/x"))
    assert found is not None
    assert found.run_id == "20260101T000000Z-d"
    assert newest_run(tmp_path, "d", ("c", "deployment/x")) is None
