"""`load.in_cluster` in a plan, and in what is printed for a scheduled one."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from pydantic import ValidationError

from flowdrill.cli.main import main
from flowdrill.drilling.loading import key_here
from flowdrill.edges.kubernetes.load_manifest import LoadManifests, PodLoad
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill, Target
from flowdrill.model.load_pods_plan import ApiKeySecret, InClusterLoad
from tests.fakes.world import drill_of
from tests.unit.test_plan_files import GOOD

RUN = "20260101T000000Z-edge-missing-abc123"
LOAD = {"url": "http://app", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20}
IMAGE = {"image": "registry.test/flowdrill:1"}
KEY = {"api_key": {"secret": "langflow-key", "key": "api-key"}}


def drill_with(**load: object) -> Drill:
    return drill_of(load={**LOAD, **load})


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ({"in_cluster": IMAGE}, "in_cluster needs workers"),
        ({"workers": 2, "in_cluster": {}}, "image"),
        ({"workers": 2, "in_cluster": {"image": "two words"}}, "image"),
        (
            {"workers": 2, "in_cluster": IMAGE, "api_key_from": "KEY"},
            "api_key_from needs in_cluster.api_key: the Secret",
        ),
        ({"workers": 2, "in_cluster": IMAGE | KEY}, "in_cluster.api_key needs api_key_from"),
        ({"workers": 2, "in_cluster": IMAGE | {"api_key": {"secret": "No Secret", "key": "k"}}}, "api_key.secret"),
    ],
)
def test_a_load_that_pods_cannot_send_is_one_error(load: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        drill_with(**load)


def test_the_key_is_asked_of_this_environment_only_where_this_process_sends() -> None:
    plan = drill_with(workers=2, in_cluster=IMAGE | KEY, api_key_from="KEY").load
    assert key_here(plan, {}, elsewhere=True) is None
    assert key_here(plan, {"KEY": "k"}, elsewhere=True) == "k"
    with pytest.raises(PlanError, match="KEY"):
        key_here(plan, {}, elsewhere=False)


@pytest.mark.parametrize("version", ["1.25", "1.36"])
def test_what_is_made_is_what_kubernetes_schemas_allow_and_nothing_else(version: str) -> None:
    plan = InClusterLoad(image="registry.test/flowdrill:1", api_key=ApiKeySecret(secret="keys", key="api"))
    target = Target(namespace="demo", workload="deployment/app", container="flow")
    like = {
        "containers": [{"name": "flow"}],
        "imagePullSecrets": [{"name": "pull"}],
        "securityContext": {"runAsUser": 7},
    }
    made = LoadManifests(plan, target, PodLoad(3, "{}", "KEY", 15, 600), like, {"matchLabels": {"app": "app"}})
    owner = {"metadata": {"name": "load", "uid": "uid"}}
    for one in (made.master(RUN), made.workers(RUN, "10.0.0.7", owner), made.policy(RUN, owner)):
        kubernetes_validate.validate(one, version, strict=True)


def test_a_scheduled_drill_gets_the_permissions_that_its_load_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = yaml.safe_load(GOOD.replace("http://127.0.0.1:30786", "http://langflow.shop.svc:7860"))
    plan["load"] |= {"workers": 2, "in_cluster": IMAGE | KEY, "api_key_from": "KEY"}
    (tmp_path / "drill.yaml").write_text(yaml.safe_dump(plan))
    assert main(["manifests", str(tmp_path / "drill.yaml"), "--schedule", "0 9 * * tue"]) == 0
    made = [one for one in yaml.safe_load_all(capsys.readouterr().out) if one and one["kind"] == "Role"]
    rules = [
        (resource, set(rule["verbs"]), tuple(rule.get("resourceNames", ())))
        for one in made for rule in one["rules"] for resource in rule["resources"]
    ]  # fmt: skip
    assert ("pods/portforward", {"create", "get"}, ()) in rules
    assert ("networkpolicies", {"create"}, ()) in rules
    name = plan["target"]["workload"].replace("/", "-")
    for resource in (f"flowdrill-load-{name}", f"flowdrill-loaders-{name}"):
        assert any({"get", "delete"} <= verbs and resource in names for what, verbs, names in rules if what == "jobs")
