"""What a release changes beside its image, computed from the container and the ConfigMaps that are there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.analysis.flow_changes import no_sources
from flowdrill.analysis.workload_changes import beside_the_container, release_of
from flowdrill.errors import PlanError
from flowdrill.model.container_fields import with_fields
from flowdrill.model.release import Release
from flowdrill.model.scenario import WorkloadChanges

SECRET = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
CONTAINER: dict[str, Any] = {
    "name": "langflow",
    "image": "app:1",
    "env": [SECRET, {"name": "LEVEL", "value": "info"}],
    "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m", "memory": "512Mi"}},
    "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 2},
}
FLOW = json.dumps(
    {
        "data": {
            "nodes": [{"id": name, "data": {"id": name, "type": kind, "node": {}}} for name, kind in
                      (("In", "ChatInput"), ("Out", "ChatOutput"))],
            "edges": [{"source": "In", "target": "Out"}],
        }
    }
)  # fmt: skip
CUT = [{"remove_edges": {"into": {"place": "output"}}}]


def release(changes: dict[str, Any], config: dict[str, dict[str, str]] | None = None, **container: Any) -> Release:
    parsed = WorkloadChanges.model_validate_json(json.dumps(changes))
    return release_of(parsed, CONTAINER | container, config or {}, "deployment/app", no_sources)


def problem(changes: dict[str, Any], config: dict[str, dict[str, str]] | None = None, **container: Any) -> PlanError:
    with pytest.raises(PlanError) as caught:
        release(changes, config, **container)
    assert "deployment/app: changes.workload" in caught.value.problem
    return caught.value


def test_without_changes_the_release_is_its_image_alone() -> None:
    assert release({}) == Release()


def test_variables_are_set_in_their_places_and_new_ones_at_the_end() -> None:
    found = release({"env": {"set": {"LEVEL": "debug", "NEW": "1"}}})
    level, new = {"name": "LEVEL", "value": "debug"}, {"name": "NEW", "value": "1"}
    assert with_fields(CONTAINER, found.broken_fields)["env"] == [SECRET, level, new]
    assert with_fields(with_fields(CONTAINER, found.broken_fields), found.stable_fields) == CONTAINER
    assert found.changes == ("deployment/app: env LEVEL=debug", "deployment/app: env NEW=1")


def test_a_reference_to_a_secret_is_replaced_by_the_value_and_comes_back() -> None:
    found = release({"env": {"set": {"KEY": "plain"}}})
    assert with_fields(CONTAINER, found.broken_fields)["env"][0] == {"name": "KEY", "value": "plain"}
    assert with_fields(with_fields(CONTAINER, found.broken_fields), found.stable_fields) == CONTAINER


def test_a_secret_value_is_in_no_line() -> None:
    (line,) = release({"env": {"set": {"LANGFLOW_API_KEY": "hunter2hunter2"}}}).changes
    assert "hunter2" not in line


def test_a_variable_is_unset() -> None:
    found = release({"env": {"unset": ["KEY"]}})
    assert with_fields(CONTAINER, found.broken_fields)["env"] == [{"name": "LEVEL", "value": "info"}]
    assert with_fields(with_fields(CONTAINER, found.broken_fields), found.stable_fields) == CONTAINER
    assert found.changes == ("deployment/app: env without KEY",)


def test_a_container_without_variables_gets_its_first_and_loses_it_again() -> None:
    found = release({"env": {"set": {"A": "1"}}}, env=None)
    bare = {name: value for name, value in CONTAINER.items() if name != "env"}
    changed = with_fields(bare, found.broken_fields)
    assert changed["env"] == [{"name": "A", "value": "1"}]
    assert with_fields(changed, found.stable_fields) == bare


def test_variables_that_have_one_name_cannot_be_told_apart_and_are_put_back_as_a_whole() -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    found = release({"env": {"set": {"B": "1"}}}, env=twice)
    assert found.stable_fields == {"env": twice}
    assert found.broken_fields == {"env": [*twice, {"name": "B", "value": "1"}]}


def test_what_the_undo_holds_of_other_variables_is_their_names_alone() -> None:
    found = release({"env": {"set": {"NEW": "1"}}}, env=[{"name": "TOKEN", "value": "hunter2hunter2"}])
    assert "TOKEN" in str(found.stable_fields)
    assert "hunter2" not in str(found.stable_fields) + str(found.broken_fields)


def test_a_variable_that_is_not_there_lists_those_that_are() -> None:
    found = problem({"env": {"unset": ["NOPE"]}})
    assert "env.unset: the container sets no NOPE" in found.problem
    assert "KEY, LEVEL" in found.remedy
    assert "no variable" in problem({"env": {"unset": ["NOPE"]}}, env=[]).remedy


def test_a_variable_that_has_the_value_already_is_an_error() -> None:
    assert "LEVEL already has that value" in problem({"env": {"set": {"LEVEL": "info"}}}).problem


def test_resources_are_merged_into_those_that_are_there() -> None:
    found = release({"resources": {"limits": {"memory": "64Mi"}}})
    assert found.broken_fields == {
        "resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    }
    assert found.stable_fields == {"resources": CONTAINER["resources"]}
    assert CONTAINER["resources"]["limits"]["memory"] == "512Mi"
    assert release({"resources": {"limits": {"memory": "64Mi"}}}, resources=None).stable_fields == {"resources": None}


def test_a_probe_is_merged_into_the_one_that_is_there() -> None:
    found = release({"readiness_probe": {"httpGet": {"path": "/other"}, "failureThreshold": 1}})
    assert found.broken_fields == {
        "readinessProbe": {"httpGet": {"path": "/other", "port": "http"}, "periodSeconds": 2, "failureThreshold": 1}
    }


def test_another_kind_of_handler_replaces_the_one_that_is_there() -> None:
    found = release({"readiness_probe": {"exec": {"command": ["false"]}}})
    assert found.broken_fields == {"readinessProbe": {"exec": {"command": ["false"]}, "periodSeconds": 2}}


def test_a_probe_that_was_not_there_goes_again() -> None:
    found = release({"liveness_probe": {"tcpSocket": {"port": 1}}, "startup_probe": {"grpc": {"port": 1}}})
    assert found.broken_fields == {"livenessProbe": {"tcpSocket": {"port": 1}}, "startupProbe": {"grpc": {"port": 1}}}
    assert found.stable_fields == {"livenessProbe": None, "startupProbe": None}


@pytest.mark.parametrize(
    "changes", [{"resources": {"limits": {"memory": "512Mi"}}}, {"readiness_probe": {"periodSeconds": 2}}]
)
def test_a_change_that_changes_nothing_is_an_error(changes: dict[str, Any]) -> None:
    assert "is already as the scenario sets it" in problem(changes).problem


@pytest.mark.parametrize("named", [{}, {"name": "flows"}, {"key": "a.json"}, {"name": "flows", "key": "a.json"}])
def test_a_flow_in_a_config_map_is_changed_and_its_text_kept(named: dict[str, str]) -> None:
    found = release({"config_map": {"flow": CUT, **named}}, {"flows": {"a.json": FLOW, "note": "x"}, "other": {}})
    assert found.stable_beside == {"configmap/flows": {"data": {"a.json": FLOW}}}
    assert json.loads(found.broken_beside["configmap/flows"]["data"]["a.json"])["data"]["edges"] == []
    assert found.changes == ("deployment/app: configmap/flows, key a.json: removed edge In -> Out",)
    assert found.broken_fields == {}


@pytest.mark.parametrize(
    ("named", "config", "said", "there"),
    [
        ({}, {}, "no flow in", "nothing"),
        ({}, {"c": {"a": "text"}}, "no flow in", "c/a"),
        ({}, {"c": {"a": FLOW, "b": FLOW}}, "2 flows in", "c/a, c/b"),
        ({}, {"c": {"a": FLOW}, "d": {"a": FLOW}}, "2 flows in", "c/a, d/a"),
        ({"name": "e"}, {"c": {"a": FLOW}}, "no flow in", "c/a"),
        ({"key": "e"}, {"c": {"a": FLOW}}, "no flow in", "c/a"),
        ({}, {"c": {"a": "[" * 100_000}}, "no flow in", "c/a"),
    ],
)
def test_a_config_map_that_is_none_or_not_the_only_one_lists_what_there_is(
    named: dict[str, str], config: dict[str, dict[str, str]], said: str, there: str
) -> None:
    found = problem({"config_map": {"flow": CUT, **named}}, config)
    assert f"config_map: {said} the ConfigMaps that the container mounts" in found.problem
    assert found.remedy.endswith(f"they hold: {there}")


def test_a_key_that_is_named_need_not_hold_a_flow_but_then_cannot_be_changed_as_one() -> None:
    found = problem({"config_map": {"flow": CUT, "key": "a"}}, {"c": {"a": "no flow"}})
    assert "(configmap/c, key a): changes.flow[0]: the flow is no JSON" in found.problem


@pytest.mark.parametrize(
    ("changes", "beside"),
    [
        ({}, ()),
        ({"env": {"set": {"A": "1"}}, "resources": {"limits": {}}, "startup_probe": {}}, ()),
        ({"env": {"set": {"A": "1"}}, "config_map": {"flow": CUT}}, ("config_map",)),
    ],
)
def test_what_is_no_change_of_the_container_is_named(changes: dict[str, Any], beside: tuple[str, ...]) -> None:
    assert beside_the_container(WorkloadChanges.model_validate_json(json.dumps(changes))) == beside
