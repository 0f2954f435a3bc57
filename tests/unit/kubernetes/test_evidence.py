from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.evidence import take_evidence
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, pod, replica_set, workload

APPS, CORE = "/apis/apps/v1/namespaces/demo", "/api/v1/namespaces/demo"
BAD, SECRET = "broken:1", "hunter2-is-no-known-shape"


@pytest.fixture(autouse=True)
def cluster(server: FakeApiServer) -> None:
    bad = pod("bad", image=BAD)
    bad["spec"]["containers"][1]["env"] = [{"name": "API_KEY", "value": SECRET}]
    bad["status"]["containerStatuses"] = bad["status"]["containerStatuses"][1:]
    server.gives("GET", f"{APPS}/deployments/app", Answer(200, workload()))
    server.has(f"{APPS}/replicasets", replica_set())
    server.has(f"{CORE}/pods", bad, pod("good"), pod("foreign", owner="somebody", image=BAD))
    server.has(f"{CORE}/events")
    server.gives("GET", f"{CORE}/pods/bad/log", Answer(200, "first line\nlast line\n"))


def evidence(api: Api) -> dict[str, str]:
    return {name: text for name, _, text in take_evidence(api, DEPLOYMENT, (BAD,))}


def event(kind: str, name: str, uid: str, message: str) -> dict[str, Any]:
    about = {"kind": kind, "name": name, "uid": uid}
    return {
        "metadata": {"uid": f"event-about-{uid}", "resourceVersion": "1"},
        "involvedObject": about,
        "reason": "Why",
        "message": message,
        "type": "Warning",
    }


def test_logs_are_taken_of_the_pods_of_the_image_also_from_before_a_restart(api: Api, server: FakeApiServer) -> None:
    logs = {name: text for name, text in evidence(api).items() if name.startswith("log-")}
    assert set(logs) == {"log-bad-flow.txt", "log-bad-flow-previous.txt", "log-bad-proxy.txt"}
    assert set(logs.values()) == {"first line\nlast line\n"}
    asked = [request.query for request in server.requests if request.path.endswith("/log")]
    assert {"container": "flow", "timestamps": "true", "tailLines": "5000", "previous": "true"} in asked


def test_only_the_end_of_a_long_log_is_kept_and_no_secret_with_it(api: Api, server: FakeApiServer) -> None:
    log = f"key is {SECRET}, token=abcdef\n" * 20_000
    server.gives("GET", f"{CORE}/pods/bad/log", Answer(200, log + "the end\n"))
    text = evidence(api)["log-bad-flow.txt"]
    assert len(text.encode()) <= 200 * 1024 + len("[only the end]\n")
    assert text.startswith("[only the end]\n")
    assert text.endswith("the end\n")
    assert SECRET[4:] not in text
    assert "abcdef" not in text


def test_what_cannot_be_read_is_said_in_its_place(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{CORE}/pods/bad/log", Answer(400, {"message": "container is waiting to start"}))
    server.gives("GET", f"{APPS}/replicasets", Answer(404, {"message": "gone"}))
    server.gives("GET", f"{APPS}/deployments/app", Answer(404, {"message": "gone"}))
    found = evidence(api)
    assert found["workload.yaml"].startswith("could not be read: ")
    assert found["revisions.yaml"].startswith("could not be read: ")


def test_a_log_that_is_refused_is_said_in_its_place(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{CORE}/pods/bad/log", Answer(400, {"message": "container is waiting to start"}))
    assert "container is waiting to start" in evidence(api)["log-bad-flow.txt"]


def test_events_are_those_of_the_workload_and_its_pods_also_of_pods_that_are_gone(
    api: Api, server: FakeApiServer
) -> None:
    server.has(
        f"{CORE}/events",
        event("Deployment", "app", "uid-app", "scaled"),
        event("Pod", "bad", "uid-bad", f"failed\x1b[2J with {SECRET}"),
        event("Pod", "app-1-gone", "uid-gone", "killed"),
        event("Pod", "other", "uid-other", "not ours"),
    )
    text = evidence(api)["events.txt"]
    assert len(text.splitlines()) == 3
    assert "scaled" in text
    assert "Pod/app-1-gone" in text
    assert "\x1b" not in text
    assert SECRET not in text


def test_names_from_the_cluster_cannot_leave_the_folder(api: Api, server: FakeApiServer) -> None:
    hostile = pod("x", image=BAD)
    hostile["spec"]["containers"].append({"name": "../../etc/x", "image": "other"})
    server.has(f"{CORE}/pods", hostile)
    assert "log-x-.._.._etc_x.txt" in evidence(api)


def test_a_name_that_leads_a_request_elsewhere_is_no_name(api: Api, server: FakeApiServer) -> None:
    server.has(f"{CORE}/pods", pod("../../secrets/x", image=BAD))
    assert "item 1.metadata.name is no name of an object" in evidence(api)["pods.yaml"]
    assert not [request for request in server.requests if "/log" in request.path]


def test_pods_beyond_the_tenth_are_named_only(api: Api, server: FakeApiServer) -> None:
    server.has(f"{CORE}/pods", *(pod(f"p{number:02}", image=BAD) for number in range(12)))
    found = evidence(api)
    assert "# left out, with their logs: p10, p11" in found["pods.yaml"]
    assert len([name for name in found if name.endswith("-flow.txt")]) == 10
