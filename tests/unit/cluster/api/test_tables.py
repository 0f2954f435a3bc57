"""What `kubectl get` prints."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import BUILT_IN, DEPLOYMENTS, EVENTS, PODS, SERVICES, Json, ResourceType
from flowdrill.cluster.api.tables import age_text, pod_status_text, table_of
from tests.unit.cluster.api.asking import deployment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (-5, "0s"), (119, "119s"), (120, "2m"), (200, "3m20s"), (599, "9m59s"), (600, "10m"), (10799, "179m"),
     (10800, "3h"), (12000, "3h20m"), (28800, "8h"), (172799, "47h"), (172800, "2d"), (180000, "2d2h"), (691200, "8d"),
     (8640000, "100d")],
)  # fmt: skip
def test_an_age_is_written_as_kubectl_does(seconds: int, text: str) -> None:
    since = (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert age_text(since, NOW) == text


@pytest.mark.parametrize(("since", "text"), [(None, "<unknown>"), ("", "<unknown>"), ("yesterday", "<invalid>")])
def test_an_age_that_is_not_known_says_so(since: str | None, text: str) -> None:
    assert age_text(since, NOW) == text


def pod(status: Json, **meta: str) -> Json:
    spec = {"containers": [{"name": "a"}, {"name": "b"}], "initContainers": [{"name": "i"}, {"name": "j"}]}
    return {"metadata": {"name": "web", **meta}, "spec": spec, "status": status}


def waiting(reason: str) -> Json:
    return {"state": {"waiting": {"reason": reason}}}


def ended(code: int, reason: str) -> Json:
    return {"state": {"terminated": {"exitCode": code, "reason": reason}}}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"phase": "Pending"}, "Pending"), ({}, "Unknown"), ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}, "Running"),
        ({"phase": "Running", "containerStatuses": [waiting("CrashLoopBackOff")]}, "CrashLoopBackOff"),
        ({"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff")]}, "ImagePullBackOff"),
        ({"phase": "Succeeded", "containerStatuses": [ended(0, "Completed")]}, "Completed"),
        ({"initContainerStatuses": [ended(0, "Completed"), {"state": {"running": {}}}]}, "Init:1/2"),
        ({"phase": "Pending", "initContainerStatuses": [waiting("CrashLoopBackOff")]}, "Init:CrashLoopBackOff"),
        ({"phase": "Pending", "initContainerStatuses": [waiting("PodInitializing")]}, "Init:0/2"),
        ({"phase": "Pending", "initContainerStatuses": [ended(1, "Error")]}, "Init:Error"),
    ],
)  # fmt: skip
def test_a_pods_status_is_the_reason_that_matters(status: Json, text: str) -> None:
    assert pod_status_text(pod(status)) == text
    assert pod_status_text(pod(status, deletionTimestamp="2026-03-01T12:00:00Z")) == "Terminating"


def cells(resource: ResourceType, value: Json) -> dict[str, Any]:
    table = table_of(resource, [value], NOW, list_metadata={}, include_object="None")
    names = [one["name"] for one in table["columnDefinitions"]]
    (row,) = table["rows"]
    assert len(names) == len(row["cells"])
    return dict(zip(names, row["cells"], strict=True))


def test_restarts_say_when_the_last_one_was() -> None:
    ran = {"restartCount": 2, "ready": True, "lastState": {"terminated": {"finishedAt": "2026-03-01T11:58:00Z"}}}
    row = cells(PODS, pod({"phase": "Running", "containerStatuses": [ran, {"ready": False}]}))
    assert (row["Ready"], row["Restarts"]) == ("1/2", "2 (2m ago)")


def test_a_deployment_shows_its_counts_and_images() -> None:
    value = deployment("web") | {"status": {"readyReplicas": 1, "updatedReplicas": 2, "availableReplicas": 1}}
    row = cells(DEPLOYMENTS, value)
    assert [row[name] for name in ("Ready", "Up-to-date", "Available", "Images", "Selector")] == [
        "1/2", 2, 1, "example.org/flow:1", "app=web",
    ]  # fmt: skip


def test_services_and_events_show_what_they_are_about() -> None:
    ports = [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}]
    service = {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "clusterIP": "127.1.1.1", "ports": ports}}
    assert cells(SERVICES, service)["Port(s)"] == "80:30080/TCP,53/UDP"
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "web"}, "message": "it is \n"}
    row = cells(EVENTS, event | {"lastTimestamp": "2026-03-01T11:59:30Z"})
    assert (row["Last Seen"], row["Object"], row["Message"]) == ("30s", "pod/web", "it is")


@pytest.mark.parametrize("resource", [one for one in BUILT_IN if one.kept], ids=lambda one: one.kind)
def test_an_object_that_says_hardly_anything_has_a_row_too(resource: ResourceType) -> None:
    value: Json = {"metadata": {"name": "bare"}, "spec": {"template": {}}}
    row = cells(resource, value)
    assert resource == EVENTS or row["Name"] == "bare"


@pytest.mark.parametrize(
    ("included", "kind"), [("Object", "Pod"), ("Metadata", "PartialObjectMetadata"), ("None", None)]
)
def test_a_row_carries_what_is_asked_for(included: str, kind: str | None) -> None:
    value = pod({}) | {"kind": "Pod"}
    (row,) = table_of(PODS, [value], NOW, list_metadata={}, include_object=included)["rows"]
    assert row.get("object", {}).get("kind") == kind
