"""What stands in the way on the cluster, and when it refuses to."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.obstacles.disruption_budget import NoEvictions
from flowdrill.edges.kubernetes.obstacles.permission_removed import PermissionRemoved
from flowdrill.edges.kubernetes.obstacles.revision_pruned import RevisionPruned
from flowdrill.errors import ObstacleError
from flowdrill.model.access import Subject
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.status import Status
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, STATEFULSET, replica_set, workload

SCENE = ObstacleScene("run-1-abcdef", "r/a@sha256:1", "r/a:1.0.0", "r/a:broken", "replicaset/app-1")
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/namespaces/demo/rolebindings"
ROLE = "/apis/rbac.authorization.k8s.io/v1/namespaces/demo/roles/brake"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SETS = "/apis/apps/v1/namespaces/demo/replicasets"
ANN = Subject("ann", ("sre",))
MAY = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}


def binding(name: str, *subjects: dict[str, str], role: str = "brake") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "3", "labels": {"team": "a"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
        "subjects": list(subjects),
    }


def user(name: str) -> dict[str, str]:
    return {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}


def granted(server: FakeApiServer, *by: str) -> None:
    """Answers of the authorizer, one after the other; the last one again and again. "": it is denied."""
    answers = (Answer(201, {"status": {"allowed": bool(one), "reason": f"RBAC: allowed by {one}"}}) for one in by)
    server.gives("POST", REVIEWS, *answers)


def permission(api: Api, server: FakeApiServer, *bindings: dict[str, Any], rules: Any = (MAY,)) -> PermissionRemoved:
    server.has(BINDINGS, *bindings)
    server.gives("GET", ROLE, Answer(200, {"rules": list(rules)}))
    server.gives("POST", BINDINGS, Answer(201))
    return PermissionRemoved(api, api.acting_as(ANN), DEPLOYMENT, ANN)


def looked(obstacle: PermissionRemoved) -> ObstacleLook:
    return obstacle.look(SCENE)


def test_the_role_bindings_that_give_the_right_are_found_also_by_a_group(api: Api, server: FakeApiServer) -> None:
    granted(server, 'RoleBinding "b/demo" of Role "brake" to User "ann"', 'ClusterRoleBinding "admins"')
    sre = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "sre"}
    look = looked(permission(api, server, binding("b", user("ann")), binding("c", sre), binding("d", user("eve"))))
    assert (look.status, look.observed) == (Status.PASS, "RoleBinding b, c")
    assert [line.startswith("printf %s '{") for line in look.by_hand] == [True, True]
    assert look.by_hand[0].endswith("| kubectl -n demo apply -f -")
    assert '"labels": {"team": "a"}' in look.by_hand[0]
    assert "uid" not in look.by_hand[0]
    tried = [one for one in server.asked("POST") if one.path.startswith(BINDINGS)]
    assert {one.body["metadata"]["name"] for one in tried if one.body} == {"flowdrill-dry-run-abcdef"}
    assert all("dryRun=All" in one.path or "dryRun" in str(one) for one in tried)
    assert server.asked("DELETE") == []


@pytest.mark.parametrize(
    ("by", "says"),
    [
        ("", "ann must not patch deployment/app"),
        ('ClusterRoleBinding "admins" of ClusterRole "admin"', "no RoleBinding of the namespace"),
        ("the cloud's own authorizer", "no RoleBinding of the namespace"),
        ('RoleBinding "gone/demo" of Role "brake"', "no RoleBinding was found"),
    ],
)
def test_what_no_role_binding_gives_cannot_be_removed(api: Api, server: FakeApiServer, by: str, says: str) -> None:
    granted(server, by)
    look = looked(permission(api, server))
    assert look.status is Status.FAIL
    assert says in look.observed


def test_a_role_binding_by_which_the_harness_itself_works_is_not_removed(api: Api, server: FakeApiServer) -> None:
    granted(server, 'RoleBinding "b/demo" of Role "brake"')
    look = looked(permission(api, server, binding("b", user("ann"), user("harness"))))
    assert (look.status, "the harness itself" in look.observed) == (Status.FAIL, True)


def test_a_role_binding_that_could_not_be_made_again_is_not_removed(api: Api, server: FakeApiServer) -> None:
    obstacle = permission(api, server, binding("b", user("ann")))
    granted(server, 'RoleBinding "b/demo" of Role "brake"', 'ClusterRoleBinding "admins"')
    message = "user harness is attempting to grant RBAC permissions not currently held"
    server.gives("POST", BINDINGS, Answer(403, {"message": message}))
    with pytest.raises(ObstacleError, match="RoleBinding b could not be put back") as error:
        looked(obstacle)
    assert "`bind` role brake" in error.value.remedy


def test_a_rule_for_another_workload_gives_nothing(api: Api, server: FakeApiServer) -> None:
    granted(server, 'RoleBinding "x/demo" of Role "other"')
    other = {**MAY, "resourceNames": ["another"]}
    look = looked(permission(api, server, binding("b", user("ann")), rules=(other,)))
    assert "no RoleBinding was found" in look.observed


def test_a_budget_is_made_in_the_version_that_is_served_with_the_runs_label(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", "/apis/policy", Answer(200, {"versions": [{"version": "v1beta1"}]}))
    server.gives("GET", "/apis/apps/v1/namespaces/demo/deployments/app", Answer(200, workload()))
    budgets = "/apis/policy/v1beta1/namespaces/demo/poddisruptionbudgets"
    server.gives("POST", budgets, Answer(201))
    obstacle = NoEvictions(api, DEPLOYMENT)
    look = obstacle.look(SCENE)
    assert look.by_hand == ("kubectl -n demo delete poddisruptionbudget -l flowdrill.dev/run=run-1-abcdef",)
    obstacle.put()
    body = server.asked("POST")[-1].body
    assert body is not None
    assert body["apiVersion"] == "policy/v1beta1"
    assert body["spec"] == {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "app"}}}
    assert body["metadata"]["labels"]["flowdrill.dev/run"] == "run-1-abcdef"


def test_a_revision_that_is_not_known_or_not_there_cannot_be_pruned(api: Api, server: FakeApiServer) -> None:
    server.has(SETS, replica_set("other"))
    obstacle = RevisionPruned(api, DEPLOYMENT)
    assert obstacle.look(ObstacleScene("run", "a", "a", "b", None)).status is Status.FAIL
    assert obstacle.look(SCENE).observed == "replicaset/app-1 is not there"


def test_a_controller_revision_is_deleted_once_it_is_not_current(api: Api, server: FakeApiServer) -> None:
    revisions, sets = "/apis/apps/v1/namespaces/demo/controllerrevisions", "/apis/apps/v1/namespaces/demo/statefulsets"
    old = {"metadata": {"name": "app-1", "uid": "u", "resourceVersion": "1"}, "data": {}}
    held, gone = Answer(200, {"items": [old]}), Answer(200, {"items": []})
    server.gives("GET", revisions, held, held, held, gone)
    busy = Answer(200, workload(currentRevision="app-1", updateRevision="app-2"))
    server.gives("GET", f"{sets}/app", busy, Answer(200, workload(currentRevision="app-2", updateRevision="app-2")))
    server.gives("DELETE", f"{revisions}/app-1", Answer(200))
    obstacle = RevisionPruned(api, STATEFULSET)
    obstacle.look(ObstacleScene("run", "a", "a", "b", "controllerrevision/app-1"))
    assert obstacle.put() == "app-1, which held the stable template, is deleted"
    assert len(server.asked("DELETE")) == 1
