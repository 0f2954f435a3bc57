"""The target's manifests as they are put onto the embedded cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowdrill.errors import PlanError
from flowdrill.preparing.embedded import awaited_workloads, target_objects
from tests.fakes.world import drill_of

POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: {name}, namespace: demo }}
spec:
  template:
    spec:
      containers:
        {containers}
---
"""
IMAGE = "127.0.0.1:5000/flows/greeting@sha256:1"


def objects(tmp_path: Path, *pods: tuple[str, str], container: str | None = None) -> list[dict[str, Any]]:
    text = "".join(POD.format(name=name, containers=containers) for name, containers in pods)
    (tmp_path / "target.yaml").write_text(text)
    drill = drill_of(
        target={"namespace": "demo", "workload": "deployment/app", "container": container},
        embedded={"manifests": "target.yaml", "image": IMAGE},
    )
    return target_objects(drill, tmp_path, IMAGE, {})


def images(item: dict[str, Any]) -> list[str]:
    return [one["image"] for one in item["spec"]["template"]["spec"]["containers"]]


def marked(item: dict[str, Any]) -> bool:
    return "flowdrill.dev/deployed-from" in item["spec"]["template"].get("metadata", {}).get("annotations", {})


def test_the_target_gets_the_image_and_nothing_else_does(tmp_path: Path) -> None:
    app, other = objects(
        tmp_path, ("app", "- { name: flow, image: R/a@D }"), ("other", "- { name: one, image: R/a@D }")
    )
    assert (images(app), images(other)) == ([IMAGE], ["R/a@D"])
    assert [marked(one) for one in (app, other)] == [True, False]


@pytest.mark.parametrize("there", [True, False])
def test_a_provider_is_waited_for_only_where_the_manifests_hold_one(tmp_path: Path, there: bool) -> None:
    pods = [("app", "- { name: flow }"), *([("model", "- { name: one, image: R/b@D }")] if there else [])]
    items = objects(tmp_path, *pods)
    drill = drill_of(provider={"workload": "deployment/model"})
    drill = drill.model_copy(update={"target": drill.target.model_copy(update={"namespace": "demo"})})
    assert [one.name for one in awaited_workloads(drill, items)] == [*(["model"] if there else []), "app"]


def test_a_target_without_an_image_gets_it_alone(tmp_path: Path) -> None:
    app, other = objects(tmp_path, ("app", "- { name: flow }"), ("other", "- { name: one, image: R/b@D }"))
    assert (images(app), images(other)) == ([IMAGE], ["R/b@D"])
    assert marked(app)


def test_one_of_several_containers_has_to_be_named(tmp_path: Path) -> None:
    two = ("app", "[{ name: flow, image: R/a@D }, { name: proxy, image: R/p@D }]")
    with pytest.raises(PlanError, match=r"target\.yaml has the containers flow, proxy"):
        objects(tmp_path, two)
    (app,) = objects(tmp_path, two, container="flow")
    assert images(app) == [IMAGE, "R/p@D"]
