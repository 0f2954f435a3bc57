"""What `flowdrill rbac` prints is enough, and no rule of it too much: on every Kubernetes there is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.access_needs import harness_needs, on_call_needs
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.engine.findings import Findings
from flowdrill.engine.order import RunOrder
from flowdrill.engine.permission_checks import Permissions, check_permissions
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import DrillRefusedError, ForbiddenError
from flowdrill.model.access import Actor
from flowdrill.model.drill import Drill
from flowdrill.model.events import Check, Checked, Event
from flowdrill.model.load_pods_plan import InClusterLoad
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadKind
from flowdrill.report.rbac_manifests import RoleManifest, Rule, roles_for
from tests.contract.granting import applied, kubeconfig_of, without
from tests.contract.playground import Playground
from tests.fakes.fake_registry import FakeRegistry
from tests.fakes.fake_time import FakeTime
from tests.fakes.world import OLD_ADVISORIES, SCENARIO, drill_of

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles/{}"


@pytest.fixture(scope="module")
def deployment(play: Playground) -> Iterator[str]:
    """Without pods: nothing needs to run to be asked about."""
    name = f"app-{secrets.token_hex(3)}"
    play.deploy(name, replicas=0)
    yield name
    play.delete("deployments", name)


@pytest.fixture
def on_call(play: Playground) -> str:
    """A service account of its own."""
    name = f"on-call-{secrets.token_hex(3)}"
    play.core.create_namespaced_service_account(play.namespace, {"metadata": {"name": name}})
    return f"system:serviceaccount:{play.namespace}:{name}"


def drill_on(play: Playground, name: str, **rollback: Any) -> Drill:
    return drill_of(target={"namespace": play.namespace, "workload": f"deployment/{name}"}, rollback=rollback)


def opened(play: Playground, drill: Drill, kubeconfig: Path | None = None) -> KubernetesWorkload:
    path = play.kubeconfig if kubeconfig is None else str(kubeconfig)
    context = play.context if kubeconfig is None else "own"
    return open_workload(context, drill.target, kubeconfig=path, rollback=drill.rollback)


def looked(workload: KubernetesWorkload, drill: Drill) -> tuple[dict[str, Check], Permissions]:
    checks: dict[str, Check] = {}

    def emit(event: Event) -> None:
        assert isinstance(event, Checked)
        checks[event.check.name] = event.check

    order = RunOrder(drill, SCENARIO, "run-1", "main", "test", "v1", "0", "sha256:0", "here", b"", OLD_ADVISORIES)
    ports = LookPorts(clock=FakeTime(), workload=workload, registry=FakeRegistry("r", {}))
    return checks, check_permissions(order, ports, Findings(FakeTime(), emit))


def set_rules(play: Playground, role: RoleManifest, rules: list[Rule]) -> None:
    written = [
        {
            "apiGroups": [rule.group],
            "resources": [rule.resource],
            "verbs": list(rule.verbs),
            **({"resourceNames": [rule.name]} if rule.name else {}),
        }
        for rule in rules
    ]
    path = ROLES.format(role.namespace, role.name)
    play.raw("PATCH", path, {"rules": written}, content_type="application/merge-patch+json")


def denied(answers: Permissions, who: str) -> set[tuple[str, str]]:
    return {(row.verb, row.resource) for row in answers.rows if row.who == who and row.wanted and row.allowed is False}


def until_denied(
    play: Playground, workload: KubernetesWorkload, drill: Drill, who: str, wanted: set[tuple[str, str]]
) -> None:
    """Roles take effect once the API server has seen them."""
    play.until(lambda: denied(looked(workload, drill)[1], who) == wanted, f"{who} without {wanted}")


def test_a_responder_without_rights_is_told_each_one_that_it_lacks(
    play: Playground, deployment: str, on_call: str
) -> None:
    drill = drill_on(play, deployment, **{"as": on_call})
    with closing(opened(play, drill)) as workload:
        checks, answers = looked(workload, drill)
    check = checks["responder_may_roll_back"]
    assert (check.status, answers.responder_may_patch) == (Status.FAIL, False)
    assert f"{on_call} must not get, list, watch, patch deployments.apps {deployment}" in check.observed
    assert "resources: [replicasets], verbs: [list]" in check.detail
    assert checks["responder_bounded"].status is Status.PASS
    assert checks["harness_may_drill"].status is Status.PASS


@pytest.mark.parametrize("way", [Strategy.SET_IMAGE, Strategy.UNDO])
def test_every_verb_of_the_printed_role_is_needed(
    play: Playground, deployment: str, on_call: str, way: Strategy
) -> None:
    drill = drill_on(play, deployment, **{"as": on_call, "strategy": way})
    (role,) = roles = roles_for("on-call", drill.target, on_call_needs(drill.target, way))
    applied(play, roles, on_call)
    with closing(opened(play, drill)) as workload:
        play.until(lambda: looked(workload, drill)[0]["responder_may_roll_back"].status is Status.PASS, "all granted")
        by = {row.granted_by for row in looked(workload, drill)[1].rows if row.who == on_call and row.wanted}
        assert by == {next(iter(by))}
        assert f'RoleBinding "{role.name}/{play.namespace}"' in next(iter(by))
        for rule in role.rules:
            for verb in rule.verbs:
                set_rules(play, role, without(role, rule, verb))
                resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
                wanted = {(verb, resource)}
                play.until(
                    lambda wanted=wanted: denied(looked(workload, drill)[1], on_call) == wanted, f"without {wanted}"
                )
                check = looked(workload, drill)[0]["responder_may_roll_back"]
                assert check.observed.startswith(f"{on_call} must not {verb} {resource}")
                assert not {",", ";"} & set(check.observed)


def test_every_rule_of_the_harnesss_role_is_needed(
    play: Playground, deployment: str, on_call: str, tmp_path: Path
) -> None:
    drill = drill_on(play, deployment, **{"as": on_call, "not_by": ["eve"]})
    inside = {"workers": 3, "in_cluster": InClusterLoad(image="img")}
    drill = drill.model_copy(update={"load": drill.load.model_copy(update=inside)})
    account = f"harness-{secrets.token_hex(3)}"
    subject = f"system:serviceaccount:{play.namespace}:{account}"
    roles = roles_for("harness", drill.target, harness_needs(drill, SCENARIO))
    applied(play, roles, subject, makes_account=True)
    applied(play, roles_for("on-call", drill.target, on_call_needs(drill.target)), on_call)
    own = kubeconfig_of(play, account, tmp_path)
    (role,) = [one for one in roles if one.namespace and not one.says]
    with closing(opened(play, drill, own)) as workload:
        play.until(lambda: looked(workload, drill)[0]["harness_may_drill"].status is Status.PASS, "all granted")
        checks, _ = looked(workload, drill)
        assert {check.status for check in checks.values()} == {Status.PASS}
        for rule in role.rules:
            if rule.resource in ("serviceaccounts", "localsubjectaccessreviews"):
                continue  # without it who rolls back, or who must not, could not be asked about: other checks say that
            set_rules(play, role, [one for one in role.rules if one != rule])
            resource = f"{rule.resource}.{rule.group}" if rule.group else rule.resource
            others = [more for one in roles if one.says for more in one.rules if more.resource == rule.resource]
            still = {verb for more in others if not more.name for verb in more.verbs}  # who may list all may list it
            wanted = {(verb, resource) for verb in rule.verbs if verb not in still}
            play.until(
                lambda wanted=wanted: denied(looked(workload, drill)[1], "the harness") == wanted, f"without {wanted}"
            )
            assert looked(workload, drill)[0]["harness_may_drill"].status is Status.FAIL
    for one in roles:
        if not one.namespace:
            play.kubectl("delete", "clusterrole,clusterrolebinding", one.name)


def test_a_kubeconfig_of_the_responders_own_is_asked_itself(
    play: Playground, deployment: str, on_call: str, tmp_path: Path
) -> None:
    own = kubeconfig_of(play, on_call.rpartition(":")[2], tmp_path)
    drill = drill_on(play, deployment, kubeconfig=str(own))
    with closing(opened(play, drill)) as workload:
        assert workload.responder == f"context own of {own}"
        checks, _ = looked(workload, drill)
    assert checks["responder_may_roll_back"].status is Status.FAIL
    assert checks["harness_may_drill"].status is Status.PASS


def test_somebody_else_who_may_patch_is_found_with_the_binding_that_lets_them(
    play: Playground, deployment: str, on_call: str
) -> None:
    eve = f"eve-{secrets.token_hex(3)}"
    role = f"eve-{secrets.token_hex(3)}"
    play.kubectl("create", "role", role, "--verb=patch", "--resource=deployments.apps")
    play.kubectl("create", "rolebinding", role, f"--role={role}", f"--group={eve}")
    drill = drill_on(play, deployment, **{"as": on_call, "not_by": [f"group:{eve}", f"nobody-{eve}"]})
    with closing(opened(play, drill)) as workload:
        play.until(lambda: looked(workload, drill)[0]["nobody_else_may_patch"].status is Status.FAIL)
        check = looked(workload, drill)[0]["nobody_else_may_patch"]
    assert check.observed == f"group:{eve} may"
    assert role in check.detail


def test_groups_that_the_responder_is_in_count(play: Playground, deployment: str) -> None:
    role = f"ops-{secrets.token_hex(3)}"
    play.kubectl("create", "role", role, "--verb=get,list,watch,patch", "--resource=deployments.apps,replicasets.apps")
    play.kubectl("create", "role", f"{role}-pods", "--verb=list", "--resource=pods")
    for one in (role, f"{role}-pods"):
        play.kubectl("create", "rolebinding", one, f"--role={one}", f"--group={role}")
    drill = drill_on(play, deployment, **{"as": "ann", "groups": [role, "others"]})
    with closing(opened(play, drill)) as workload:
        assert workload.responder == f"ann in {role}, others"
        play.until(lambda: looked(workload, drill)[0]["responder_may_roll_back"].status is Status.PASS)


def test_an_unknown_service_account_is_named(play: Playground, deployment: str) -> None:
    drill = drill_on(play, deployment, **{"as": f"system:serviceaccount:{play.namespace}:nobody"})
    with (
        closing(opened(play, drill)) as workload,
        pytest.raises(DrillRefusedError, match=f"namespace {play.namespace} has no service account nobody"),
    ):
        looked(workload, drill)


def test_a_responder_with_the_run_of_the_cluster_is_a_warning(play: Playground, deployment: str, on_call: str) -> None:
    binding = f"admin-{secrets.token_hex(3)}"
    account = on_call.rpartition(":")[2]
    play.kubectl(
        "create", "rolebinding", binding, "--clusterrole=admin", f"--serviceaccount={play.namespace}:{account}"
    )
    drill = drill_on(play, deployment, **{"as": on_call})
    with closing(opened(play, drill)) as workload:
        play.until(lambda: looked(workload, drill)[0]["responder_bounded"].status is Status.WARNING)
        check = looked(workload, drill)[0]["responder_bounded"]
    assert "roles.rbac.authorization.k8s.io" in check.observed
    assert binding in check.detail


def test_a_pod_of_the_template_is_tried_and_nothing_is_kept(play: Playground, deployment: str) -> None:
    drill = drill_on(play, deployment)
    with closing(opened(play, drill)) as workload:
        workload.pod_would_start(play.image)
    assert play.pods(deployment) == []
    assert json.dumps(play.read("deployments", deployment)["spec"]["replicas"]) == "0"


def test_kubectl_rolls_back_with_what_is_printed_for_whoever_is_on_call(play: Playground, deployment: str) -> None:
    user = f"ann-{secrets.token_hex(3)}"
    drill = drill_on(play, deployment, **{"as": user})
    applied(play, roles_for("on-call", drill.target, on_call_needs(drill.target)), user)
    with closing(opened(play, drill)) as workload:
        play.until(lambda: looked(workload, drill)[0]["responder_may_roll_back"].status is Status.PASS)
    name = f"deployment/{deployment}"
    play.kubectl(f"--as={user}", "set", "image", name, f"main={play.missing}")
    play.kubectl(f"--as={user}", "rollout", "status", name, "--timeout=60s")
    assert "2 " in play.kubectl(f"--as={user}", "rollout", "history", name)
    play.kubectl(f"--as={user}", "rollout", "undo", name)
    assert play.read("deployments", deployment)["spec"]["template"]["spec"]["containers"][0]["image"] == play.image


def test_an_undo_needs_what_is_printed_and_no_less_and_so_does_kubectls(play: Playground, kind: WorkloadKind) -> None:
    name, user = f"app-{secrets.token_hex(3)}", f"ann-{secrets.token_hex(3)}"
    play.deploy(name, kind="StatefulSet" if kind is WorkloadKind.STATEFULSET else "Deployment", replicas=0)
    play.until(lambda: play.complete(name, f"{kind}s"), "the first revision is there")
    target = {"namespace": play.namespace, "workload": f"{kind}/{name}"}
    drill = drill_of(target=target, rollback={"as": user, "strategy": "undo"})
    (role,) = roles = roles_for("on-call", drill.target, on_call_needs(drill.target, Strategy.UNDO))
    applied(play, roles, user)
    with closing(opened(play, drill)) as workload:
        play.until(lambda: looked(workload, drill)[0]["responder_may_roll_back"].status is Status.PASS, "all granted")
        (revision,) = (one.name for one in workload.surroundings().revisions)
        before = workload.template()
        workload.set_image(play.missing, "break")
        workload.undo_to(revision, before, by=Actor.RESPONDER)
        assert workload.template() == before
        for verb, resource in (("get", "replicasets"), ("get", "controllerrevisions"), ("patch", f"{kind}s")):
            rule = next((one for one in role.rules if one.resource == resource), None)
            if rule is None:
                continue  # of the other kind
            set_rules(play, role, without(role, rule, verb))
            until_denied(play, workload, drill, user, {(verb, f"{resource}.apps")})
            with pytest.raises(ForbiddenError, match=f"{user} must not {verb} {resource}"):
                workload.undo_to(revision, before, by=Actor.RESPONDER)
        set_rules(play, role, list(role.rules))
        until_denied(play, workload, drill, user, set())
    play.set_env(name, "2", f"{kind}s")
    play.until(lambda: play.complete(name, f"{kind}s"), "another revision is there")
    play.kubectl(f"--as={user}", "rollout", "undo", f"{kind}/{name}")
    assert play.read(f"{kind}s", name)["spec"]["template"] == before
    play.delete(f"{kind}s", name)
