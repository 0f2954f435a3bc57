"""What every Kubernetes does with Services: only ready pods answer, and nobody notices a rolling update."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import Any

from tests.contract.playground import SERVES, Playground

Json = dict[str, Any]


def serve(play: Playground, name: str, replicas: int = 2, **container: Any) -> int:
    """A Deployment that answers with its VERSION, and a Service; return the node port."""
    probe = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    leave = {"preStop": {"exec": {"command": ["sleep", "2"]}}}
    more = {
        "env": [{"name": "VERSION", "value": "one"}],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": probe,
        "lifecycle": leave,
        **container,
    }
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    pod = {"terminationGracePeriodSeconds": 10}
    play.deploy(name, SERVES, replicas=replicas, strategy=strategy, container=more, pod=pod)
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    spec = {"type": "NodePort", "selector": {"app": name}, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
    return int(play.raw("POST", play.core_path("services"), service)["spec"]["ports"][0]["nodePort"])


def ask(port: int) -> str | None:
    """What the service answers, None when nobody does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return None


def test_every_ready_pod_gets_its_share(play: Playground) -> None:
    port = serve(play, "shared")
    play.until(lambda: play.complete("shared"))
    names = {pod["metadata"]["name"] for pod in play.pods("shared")}
    seen: set[str] = set()

    def all_seen() -> bool:
        answer = ask(port)
        if answer is not None:
            seen.add(answer.split()[1])
        return seen == names

    play.until(all_seen)


def test_nobody_notices_a_rolling_update(play: Playground) -> None:
    port = serve(play, "rolling")
    play.until(lambda: play.complete("rolling") and ask(port))
    answers: list[str | None] = []
    stop = threading.Event()

    def users() -> None:
        while not stop.wait(0.02):
            answers.append(ask(port))

    thread = threading.Thread(target=users)
    thread.start()
    try:
        play.set_env("rolling", "two")
        play.until(lambda: play.complete("rolling") and ask(port))
        play.until(lambda: len(play.pods("rolling")) == 2)
    finally:
        stop.set()
        thread.join()
    assert None not in answers
    versions = [answer.split()[0] for answer in answers if answer]
    assert versions[0] == "one"
    assert ask(port) is not None
    assert str(ask(port)).split()[0] == "two"


def test_a_service_without_ready_pods_refuses(play: Playground) -> None:
    port = serve(play, "nobody", replicas=1)
    play.until(lambda: play.complete("nobody") and ask(port))
    play.patch("deployments", "nobody", {"spec": {"replicas": 0}})
    play.until(lambda: not play.pods("nobody"))
    play.until(lambda: ask(port) is None)
    play.patch("deployments", "nobody", {"spec": {"replicas": 1}})
    play.until(lambda: ask(port))


def test_endpoints_hold_the_ready_pods_and_name_them(play: Playground) -> None:
    serve(play, "behind")
    play.until(lambda: play.complete("behind"))
    pods = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in play.pods("behind")}

    def addresses() -> dict[str, str]:
        subsets = play.raw("GET", play.core_path("endpoints", "behind")).get("subsets") or []
        return {one["targetRef"]["name"]: one["ip"] for subset in subsets for one in subset.get("addresses", [])}

    play.until(lambda: addresses() == pods)
    (subset,) = play.raw("GET", play.core_path("endpoints", "behind"))["subsets"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_a_service_has_a_cluster_ip_that_cannot_be_changed(play: Playground) -> None:
    spec = {"selector": {"app": "none"}, "ports": [{"port": 80, "protocol": "TCP"}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "fixed"}, "spec": spec}
    made = play.raw("POST", play.core_path("services"), service)
    assert made["spec"]["clusterIP"]
    assert made["spec"]["ports"][0]["targetPort"] == 80
