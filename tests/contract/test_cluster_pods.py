"""What every Kubernetes does with pods: images, crashes, memory, probes, configuration, logs, endings."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import SERVES, WAITS, Playground

Json = dict[str, Any]


def make(play: Playground, name: str, program: str = WAITS, *, pod: Json | None = None, **container: Any) -> None:
    spec = {"restartPolicy": "Never", **play.pod_spec(program, **container), **(pod or {})}
    meta = {"name": name, "namespace": play.namespace, "labels": {"app": name}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
    play.raw("POST", play.core_path("pods"), body)


def read(play: Playground, name: str) -> Json:
    return play.raw("GET", play.core_path("pods", name))


def container_status(play: Playground, name: str) -> Json:
    statuses = read(play, name).get("status", {}).get("containerStatuses") or [{}]
    return dict(statuses[0])


def phase(play: Playground, name: str) -> str:
    return str(read(play, name)["status"].get("phase"))


def log(play: Playground, name: str, *more: str) -> str:
    return play.kubectl("logs", name, *more)


def test_a_pod_that_ends_well_has_succeeded_and_its_log_is_kept(play: Playground) -> None:
    make(play, "well", "print('one'); print('two')")
    play.until(lambda: phase(play, "well") == "Succeeded")
    assert container_status(play, "well")["state"]["terminated"]["reason"] == "Completed"
    assert log(play, "well") == "one\ntwo\n"
    assert log(play, "well", "--tail=1") == "two\n"
    assert "T" in log(play, "well", "--timestamps").split()[0]


def test_a_pod_that_ends_badly_has_failed_with_its_exit_code(play: Playground) -> None:
    make(play, "badly", "raise SystemExit(3)")
    play.until(lambda: phase(play, "badly") == "Failed")
    terminated = container_status(play, "badly")["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (3, "Error")


def test_an_image_that_is_missing_is_pulled_again_and_again_with_back_off(play: Playground) -> None:
    make(play, "missing", image=play.missing)
    reasons: set[str] = set()

    def backed_off() -> bool:
        reasons.add(container_status(play, "missing").get("state", {}).get("waiting", {}).get("reason", ""))
        return "ImagePullBackOff" in reasons

    play.until(backed_off)
    assert reasons <= {"", "ContainerCreating", "ErrImagePull", "ImagePullBackOff"}
    assert phase(play, "missing") == "Pending"
    play.until(lambda: any(play.missing in text for text in play.events("Failed")))
    with pytest.raises(ApiException, match="waiting to start") as refused:
        play.raw("GET", play.core_path("pods", "missing") + "/log")
    assert refused.value.status == 400


def test_a_container_that_crashes_is_restarted_with_back_off_and_its_last_words_are_kept(play: Playground) -> None:
    play.deploy("crash", "import sys; print('last words'); sys.exit(7)")
    (pod,) = play.until(lambda: play.pods("crash"))
    name = pod["metadata"]["name"]
    play.until(
        lambda: container_status(play, name).get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    )
    seen = container_status(play, name)
    assert seen["restartCount"] >= 1
    assert seen["lastState"]["terminated"]["exitCode"] == 7
    assert log(play, name, "--previous") == "last words\n"
    play.until(lambda: any("restarting failed container" in text for text in play.events("BackOff")))
    assert play.read("deployments", "crash")["status"].get("readyReplicas", 0) == 0


def test_a_container_over_its_memory_limit_is_killed(play: Playground) -> None:
    program = "import time\nheld = []\nwhile True: held.append(bytearray(b'x' * (8 << 20))); time.sleep(0.01)"
    make(play, "greedy", program, resources={"limits": {"memory": "64Mi"}})
    play.until(lambda: phase(play, "greedy") == "Failed")
    terminated = container_status(play, "greedy")["state"]["terminated"]
    assert (terminated["reason"], terminated["exitCode"]) == ("OOMKilled", 137)


def test_only_a_ready_pod_is_ready(play: Playground) -> None:
    program = "import time\ntime.sleep(1.5)\n" + SERVES
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    make(play, "ready", program, readinessProbe=probe, env=[{"name": "VERSION", "value": "1"}])
    play.until(lambda: "running" in container_status(play, "ready").get("state", {}))
    assert not container_status(play, "ready")["ready"]
    play.until(lambda: container_status(play, "ready")["ready"])
    conditions = {one["type"]: one["status"] for one in read(play, "ready")["status"]["conditions"]}
    assert {conditions[kind] for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")} == {"True"}


def test_a_failing_liveness_probe_restarts_the_container(play: Playground) -> None:
    probe = {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
    make(play, "dead", pod={"restartPolicy": "Always"}, livenessProbe=probe)
    play.until(lambda: container_status(play, "dead").get("restartCount", 0) >= 1)
    play.until(lambda: any("Liveness probe failed" in text for text in play.events("Unhealthy")))


def test_a_startup_probe_holds_the_liveness_probe_back(play: Playground) -> None:
    never = {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 1}
    starting = {"exec": {"command": ["sh", "-c", "exit 1"]}, "periodSeconds": 1, "failureThreshold": 60}
    make(play, "starting", pod={"restartPolicy": "Always"}, livenessProbe=never, startupProbe=starting)
    play.until(lambda: any("Startup probe failed" in text for text in play.events("Unhealthy")))
    seen = container_status(play, "starting")
    assert (seen["restartCount"], seen["started"], seen["ready"]) == (0, False, False)


def test_configuration_comes_as_environment_and_as_files(play: Playground) -> None:
    core = play.core
    core.create_namespaced_config_map(play.namespace, {"metadata": {"name": "settings"}, "data": {"COLOUR": "blue"}})
    core.create_namespaced_secret(play.namespace, {"metadata": {"name": "hidden"}, "stringData": {"key": "s3cret"}})
    program = (
        "import os; print(os.environ['COLOUR'], os.environ['KEY'], os.environ['NAME'], os.environ['BOTH'],"
        " open(os.environ['WHERE']).read(), open(os.environ['KEYFILE']).read())"
    )
    env = [
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "hidden", "key": "key"}}},
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "BOTH", "value": "$(NAME)-$(KEY)-$$(KEY)"},
        {"name": "WHERE", "value": "/etc/settings/COLOUR"},
        {"name": "KEYFILE", "value": "/etc/hidden/key"},
    ]
    volumes = [
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "hidden", "secret": {"secretName": "hidden"}},
    ]
    mounts = [{"name": "settings", "mountPath": "/etc/settings"}, {"name": "hidden", "mountPath": "/etc/hidden"}]
    sources = [{"configMapRef": {"name": "settings"}}]
    make(play, "configured", program, pod={"volumes": volumes}, env=env, envFrom=sources, volumeMounts=mounts)
    play.until(lambda: phase(play, "configured") in ("Succeeded", "Failed"))
    assert log(play, "configured") == "blue s3cret configured configured-s3cret-$(KEY) blue s3cret\n"


def test_a_missing_secret_is_named(play: Playground) -> None:
    env = [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "nowhere", "key": "key"}}}]
    make(play, "unset", env=env)
    waiting = play.until(
        lambda: (
            (now := container_status(play, "unset").get("state", {}).get("waiting", {})).get("reason")
            == "CreateContainerConfigError"
            and now
        )
    )
    assert isinstance(waiting, dict)
    assert 'secret "nowhere" not found' in waiting["message"]


def test_a_pod_has_an_address_of_its_own_and_its_image_by_digest(play: Playground) -> None:
    for name in ("first", "second"):
        make(play, name)
    play.until(lambda: all(container_status(play, name).get("ready") for name in ("first", "second")))
    assert read(play, "first")["status"]["podIP"] != read(play, "second")["status"]["podIP"]
    status = container_status(play, "first")
    assert "@sha256:" in status["imageID"]
    assert status["containerID"]


def test_a_deleted_pod_may_end_gracefully_within_its_grace(play: Playground) -> None:
    program = (
        "import signal, sys, time\n"
        "def end(*_): print('ending'); time.sleep(1); print('ended'); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up')\ntime.sleep(3600)"
    )
    make(play, "graceful", program, pod={"terminationGracePeriodSeconds": 20})
    play.until(lambda: "running" in container_status(play, "graceful").get("state", {}) and log(play, "graceful"))
    play.raw("DELETE", play.core_path("pods", "graceful"))
    assert "deletionTimestamp" in read(play, "graceful")["metadata"]
    play.until(lambda: "ending" in log(play, "graceful"))
    play.until(lambda: gone(play, "graceful") or ended_well(play, "graceful"))  # a kubelet under load lists it on


def ended_well(play: Playground, name: str) -> bool:
    """Whether it ended by itself: a pod whose grace is over is killed (exit code 137)."""
    try:
        ended = container_status(play, name).get("state", {}).get("terminated")
    except ApiException as error:
        return bool(error.status == 404)
    assert ended is None or ended["exitCode"] == 0, ended
    return ended is not None


def test_a_pod_that_does_not_end_is_killed_after_its_grace(play: Playground) -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(3600)"
    make(play, "stubborn", program, pod={"terminationGracePeriodSeconds": 2})
    play.until(lambda: "running" in container_status(play, "stubborn").get("state", {}) and log(play, "stubborn"))
    play.raw("DELETE", play.core_path("pods", "stubborn"))
    play.until(lambda: gone(play, "stubborn"), limit_seconds=20)


def test_init_containers_run_first_and_in_order(play: Playground) -> None:
    init = [
        {"name": name, "image": play.image, "command": ["python3", "-c", f"print('{name}')"]} for name in ("a", "b")
    ]
    make(play, "inits", "print('main')", pod={"initContainers": init})
    play.until(lambda: phase(play, "inits") == "Succeeded")
    ends = [one["state"]["terminated"]["reason"] for one in read(play, "inits")["status"]["initContainerStatuses"]]
    assert ends == ["Completed", "Completed"]
    assert log(play, "inits", "-c", "b") == "b\n"


def test_events_tell_the_story_of_a_pod(play: Playground) -> None:
    make(play, "story")
    play.until(lambda: container_status(play, "story").get("ready"))
    for reason in ("Scheduled", "Created", "Started"):
        play.until(lambda reason=reason: play.events(reason), reason)  # type: ignore[misc]


def test_a_pod_that_fits_nowhere_stays_pending_and_says_why(play: Playground) -> None:
    make(play, "huge", resources={"requests": {"cpu": "5000"}})
    play.until(lambda: any("Insufficient cpu" in text for text in play.events("FailedScheduling")))
    assert phase(play, "huge") == "Pending"


def gone(play: Playground, name: str) -> bool:
    try:
        read(play, name)
    except ApiException as error:
        return bool(error.status == 404)
    return False
