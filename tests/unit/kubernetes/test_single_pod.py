"""A pod alone in a namespace: watched until it is ready, has failed or had its time, and removed whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowdrill.edges.kubernetes.single_pod import SinglePod, single_pod
from flowdrill.errors import ClusterError
from tests.fakes.fake_api_server import END, Answer, FakeApiServer

Json = dict[str, Any]
SPACE = "/api/v1/namespaces/try"
POD = f"{SPACE}/pods/langflow"
SPEC: Json = {"containers": [{"name": "langflow", "image": "app@sha256:1"}]}
NOT_FOUND = Answer(404, {"message": "not found"})


def pod(*, ready: bool = False, restarts: int = 0, last: Json | None = None, **state: Any) -> Json:
    return {
        "metadata": {"name": "langflow", "uid": "u"},
        "spec": SPEC,
        "status": {
            "podIP": "127.0.0.9",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [
                {
                    "name": "langflow",
                    "restartCount": restarts,
                    "state": state or {"running": {}},
                    "lastState": last or {},
                }
            ],
        },
    }


def ended(code: int) -> Json:
    return {"reason": "Error", "exitCode": code}


@pytest.fixture
def kubeconfig(server: FakeApiServer, tmp_path: Path) -> str:
    file = tmp_path / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": server.address}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    file.write_text(json.dumps(content))
    server.gives("POST", "/api/v1/namespaces", Answer(201, {}))
    server.gives("POST", f"{SPACE}/pods", Answer(201, {}))
    server.gives("GET", SPACE, Answer(200, {"metadata": {"uid": "n"}}), NOT_FOUND)
    server.gives("GET", POD, Answer(200, pod()))
    server.gives("DELETE", SPACE, Answer(200, {}))
    server.gives("DELETE", POD, Answer(200, {}))
    server.has(f"{SPACE}/events")
    return str(file)


@pytest.fixture
def alone(server: FakeApiServer, kubeconfig: str) -> Iterator[SinglePod]:
    with single_pod("here", kubeconfig, "try", SPEC, pytest.fail) as found:
        yield found


def seen(server: FakeApiServer, *pods: Json) -> None:
    for one in pods:
        server.watches[f"{SPACE}/pods"].put({"type": "MODIFIED", "object": one})


def test_a_pod_is_waited_for_until_it_is_ready(alone: SinglePod, server: FakeApiServer) -> None:
    seen(server, pod(waiting={"reason": "ContainerCreating"}), pod(), pod(ready=True))
    start = alone.await_start(30)
    assert (start.ready, start.failed, start.address) == (True, None, "127.0.0.9")


def test_a_container_that_ends_is_waited_for_no_longer(alone: SinglePod, server: FakeApiServer) -> None:
    seen(server, pod(), pod(terminated=ended(3)))
    start = alone.await_start(30)
    assert (start.ready, start.failed) == (False, "Error (exit code 3)")


def test_a_container_that_cannot_be_made_has_failed(alone: SinglePod, server: FakeApiServer) -> None:
    seen(server, pod(waiting={"reason": "CreateContainerConfigError"}))
    assert alone.await_start(30).failed == "CreateContainerConfigError"


def test_a_pod_that_had_its_time_is_neither_ready_nor_failed(alone: SinglePod, server: FakeApiServer) -> None:
    seen(server, pod())
    server.watches[f"{SPACE}/pods"].put(END)
    start = alone.await_start(30)
    assert (start.ready, start.failed, start.snapshot.started) == (False, None, True)
    assert server.asked("WATCH")[0].query["timeoutSeconds"] == "30"


def test_an_image_that_cannot_be_pulled_says_nothing_of_the_image(alone: SinglePod, server: FakeApiServer) -> None:
    meta = {"resourceVersion": "7"}
    server.has(f"{SPACE}/events", {"metadata": meta, "type": "Warning", "reason": "Failed", "message": "no\x1b[2J"})
    seen(server, pod(waiting={"reason": "ErrImagePull"}))
    with pytest.raises(ClusterError, match=r"cannot pull app@sha256:1: Failed: no \[2J"):
        alone.await_start(30)


def test_the_newest_warning_is_the_complaint(alone: SinglePod, server: FakeApiServer) -> None:
    assert alone.complaint() == ""
    events = [
        {"metadata": {"resourceVersion": version}, "type": kind, "reason": "Unhealthy", "message": version}
        for version, kind in (("9", "Warning"), ("10", "Warning"), ("11", "Normal"))
    ]
    server.has(f"{SPACE}/events", *events)
    assert alone.complaint() == "Unhealthy: 10"


def test_the_end_is_waited_for(alone: SinglePod, server: FakeApiServer) -> None:
    server.gives(
        "GET", POD, Answer(200, pod()), Answer(200, pod()), Answer(200, pod(restarts=1, last={"terminated": ended(1)}))
    )
    assert alone.await_end(30).ended == "Error (exit code 1)"
    server.gives("GET", POD, Answer(200, pod()))
    assert alone.await_end(0).ended is None


@pytest.mark.parametrize("restarts", [0, 1])
def test_the_log_is_that_of_the_run_that_ended(alone: SinglePod, server: FakeApiServer, restarts: int) -> None:
    server.gives("GET", f"{POD}/log", Answer(200, "one\n\n\u2502 \u2502\nkey s3cret-key\ntwo\n"))
    server.gives("GET", POD, Answer(200, pod(restarts=restarts, last={"terminated": ended(1)})))
    lines = alone.log_lines(2, alone.await_end(0), frozenset({"s3cret-key"}))
    assert lines == ("key [redacted]", "two")
    (asked,) = [one for one in server.requests if one.path.endswith("/log")]
    assert asked.query.get("previous") == ("true" if restarts else None)


def deleted(server: FakeApiServer) -> list[str]:
    return [request.path for request in server.asked("DELETE")]


def test_pod_and_namespace_are_removed_and_seen_to_be_gone(server: FakeApiServer, kubeconfig: str) -> None:
    with single_pod("here", kubeconfig, "try", SPEC, pytest.fail):
        pass
    assert deleted(server) == [POD, SPACE]
    assert server.requests[-1].path == SPACE


def test_they_are_removed_after_an_interruption_too(server: FakeApiServer, kubeconfig: str) -> None:
    def interrupted() -> None:
        with single_pod("here", kubeconfig, "try", SPEC, pytest.fail):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert deleted(server) == [POD, SPACE]


def test_the_namespace_is_removed_when_the_pod_is_refused(server: FakeApiServer, kubeconfig: str) -> None:
    server.gives("POST", f"{SPACE}/pods", Answer(422, {"message": "no such field"}))
    server.gives("GET", POD, NOT_FOUND)

    def refused() -> None:
        with single_pod("here", kubeconfig, "try", SPEC, pytest.fail):
            pytest.fail("there is no pod")

    with pytest.raises(ClusterError, match="no such field"):
        refused()
    assert deleted(server) == [SPACE]


def test_what_cannot_be_removed_is_told_with_the_command(server: FakeApiServer, kubeconfig: str) -> None:
    server.gives("DELETE", SPACE, Answer(403, {"message": "not allowed"}))
    left: list[str] = []
    with single_pod("here", kubeconfig, "try", SPEC, left.append):
        pass
    (line,) = left
    assert line.startswith("namespace try: ")
    assert "not allowed" in line
    assert line.endswith("`kubectl delete namespace try`")
