"""What every Kubernetes API answers: versions, watches, patches, selectors, dry runs, permissions."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client, watch
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import Json, Playground

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    return f"thing-{next(_NUMBERS)}"


def config_map(play: Playground, name: str, labels: dict[str, str] | None = None, **data: str) -> Json:
    meta = {"name": name, "labels": labels or {}}
    return play.raw("POST", play.core_path("configmaps"), {"metadata": meta, "data": data})


def refusal(error: pytest.ExceptionInfo[ApiException]) -> Json:
    return dict(json.loads(error.value.body or "{}"))


def idle(play: Playground, name: str) -> Json:
    """A Deployment without pods."""
    return play.workload(name, replicas=0)


def test_an_update_of_an_old_version_conflicts(play: Playground, name: str) -> None:
    first = config_map(play, name, a="1")
    path = play.core_path("configmaps", name)
    play.raw("PUT", path, first | {"data": {"a": "2"}})
    with pytest.raises(ApiException) as refused:
        play.raw("PUT", path, first | {"data": {"a": "3"}})
    assert (refused.value.status, refusal(refused)["reason"]) == (409, "Conflict")
    old = {"metadata": {"resourceVersion": first["metadata"]["resourceVersion"]}, "data": {"a": "4"}}
    with pytest.raises(ApiException) as patched:
        play.raw("PATCH", path, old, content_type=MERGE)
    assert patched.value.status == 409


def test_a_name_is_taken_only_once(play: Playground, name: str) -> None:
    config_map(play, name)
    with pytest.raises(ApiException) as refused:
        config_map(play, name)
    assert (refused.value.status, refusal(refused)["reason"]) == (409, "AlreadyExists")
    assert refusal(refused)["message"] == f'configmaps "{name}" already exists'


def test_what_is_not_there_is_not_found(play: Playground) -> None:
    with pytest.raises(ApiException) as refused:
        play.raw("GET", play.apps_path("deployments", "nowhere"))
    body = refusal(refused)
    assert (body["code"], body["reason"], body["kind"]) == (404, "NotFound", "Status")
    assert body["message"] == 'deployments.apps "nowhere" not found'
    assert body["details"] == {"name": "nowhere", "group": "apps", "kind": "deployments"}
    with pytest.raises(ApiException) as unknown:
        play.raw("GET", "/apis/nobody.example/v1/things")
    assert unknown.value.status == 404


def test_a_generated_name_is_unique_and_begins_as_asked(play: Playground) -> None:
    body = {"metadata": {"generateName": "gen-"}}
    names = {play.raw("POST", play.core_path("configmaps"), body)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(one.startswith("gen-") and len(one) == 9 for one in names)


def test_the_generation_counts_changes_of_the_spec_only(play: Playground, name: str) -> None:
    made = play.raw("POST", play.apps_path("deployments"), idle(play, name))
    assert made["metadata"]["generation"] == 1
    labelled = play.patch("deployments", name, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    assert play.set_env(name, "two")["metadata"]["generation"] == 2
    assert play.set_env(name, "two")["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"selector": {"matchLabels": {"app": "other"}}}, "`selector` does not match template `labels`"),
        ({"template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": []}}}, "spec.containers: Required"),
        ({"replicas": -1}, "must be greater than or equal to 0"),
    ],
)
def test_what_cannot_be_is_invalid_and_the_field_is_named(play: Playground, change: Json, message: str) -> None:
    body = idle(play, "x")
    body["spec"] |= change
    with pytest.raises(ApiException) as refused:
        play.raw("POST", play.apps_path("deployments"), body)
    assert (refused.value.status, refusal(refused)["reason"]) == (422, "Invalid")
    assert message in refusal(refused)["message"]
    assert refusal(refused)["details"]["causes"][0]["field"].startswith("spec")


def test_a_selector_cannot_be_changed(play: Playground, name: str) -> None:
    made = play.raw("POST", play.apps_path("deployments"), idle(play, name))
    made["spec"]["selector"]["matchLabels"]["more"] = "x"
    made["spec"]["template"]["metadata"]["labels"]["more"] = "x"
    made["metadata"].pop("resourceVersion")
    with pytest.raises(ApiException, match="field is immutable"):
        play.raw("PUT", play.apps_path("deployments", name), made)


def test_what_is_no_object_is_a_bad_request(play: Playground) -> None:
    body = idle(play, "x")
    body["spec"]["replicas"] = "three"
    with pytest.raises(ApiException) as refused:
        play.raw("POST", play.apps_path("deployments"), body)
    assert refused.value.status == 400
    assert refusal(refused)["reason"] == "BadRequest"


def test_labels_and_fields_select(play: Playground, name: str) -> None:
    for number, labels in enumerate(({"sel": name, "v": "1"}, {"sel": name, "v": "2"}, {"sel": name, "w": "x"})):
        config_map(play, f"{name}-{number}", labels)

    def names(**query: str) -> set[str]:
        items = play.raw("GET", play.core_path("configmaps"), **query)["items"]
        return {item["metadata"]["name"].rpartition("-")[2] for item in items}

    assert names(labelSelector=f"sel={name}") == {"0", "1", "2"}
    assert names(labelSelector=f"sel={name},v in (1,3)") == {"0"}
    assert names(labelSelector=f"sel={name},v notin (1)") == {"1", "2"}
    assert names(labelSelector=f"sel={name},!v") == {"2"}
    assert names(labelSelector=f"sel={name},v!=1,v") == {"1"}
    assert names(fieldSelector=f"metadata.name={name}-1") == {"1"}
    for query in ({"labelSelector": "a in"}, {"fieldSelector": "data.a=1"}):
        with pytest.raises(ApiException) as refused:
            names(**query)
        assert refused.value.status == 400


def test_lists_come_in_pages(play: Playground, name: str) -> None:
    for number in range(5):
        config_map(play, f"{name}-{number}", {"page": name})
    query = {"labelSelector": f"page={name}", "limit": "2"}
    first = play.raw("GET", play.core_path("configmaps"), **query)
    assert len(first["items"]) == 2
    seen = first["items"]
    while token := first["metadata"].get("continue"):
        first = play.raw("GET", play.core_path("configmaps"), **query, **{"continue": token})
        seen += first["items"]
    assert [item["metadata"]["name"] for item in seen] == [f"{name}-{number}" for number in range(5)]


def test_each_kind_of_patch(play: Playground, name: str) -> None:
    play.raw("POST", play.apps_path("deployments"), idle(play, name))
    path = play.apps_path("deployments", name)
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    container: Json = {"name": "main", "env": env}

    def environment(body: Any, kind: str) -> dict[str, str]:
        patched = play.raw("PATCH", path, body, content_type=kind)
        return {e["name"]: e["value"] for e in patched["spec"]["template"]["spec"]["containers"][0].get("env", [])}

    spec = {"spec": {"template": {"spec": {"containers": [container]}}}}
    assert environment(spec, STRATEGIC) == {"A": "1", "B": "2"}
    container["env"] = [{"name": "B", "value": "3"}, {"name": "A", "$patch": "delete"}]
    assert environment(spec, STRATEGIC) == {"B": "3"}
    at = "/spec/template/spec/containers/0/env/0"
    test = {"op": "test", "path": f"{at}/name", "value": "B"}
    assert environment([test, {"op": "replace", "path": f"{at}/value", "value": "4"}], JSON_PATCH) == {"B": "4"}
    with pytest.raises(ApiException) as failed:
        environment([{"op": "test", "path": f"{at}/name", "value": "C"}], JSON_PATCH)
    assert failed.value.status == 422
    assert play.raw("PATCH", path, {"metadata": {"annotations": {"a": "b"}}}, content_type=MERGE)
    patched = play.raw("PATCH", path, {"metadata": {"annotations": {"a": None}}}, content_type=MERGE)
    assert "a" not in patched["metadata"].get("annotations", {})
    with pytest.raises(ApiException) as unknown:
        play.raw("PATCH", path, {}, content_type="application/json-patch")
    assert unknown.value.status in (400, 415)


def test_server_side_apply_knows_who_owns_what(play: Playground, name: str) -> None:
    path = play.core_path("configmaps", name)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1", "b": "1"}}
    play.raw("PATCH", path, body, content_type=APPLY, fieldManager="one")
    with pytest.raises(ApiException) as conflict:
        play.raw("PATCH", path, body | {"data": {"a": "2"}}, content_type=APPLY, fieldManager="two")
    assert conflict.value.status == 409
    assert 'conflict with "one"' in refusal(conflict)["message"]
    assert refusal(conflict)["details"]["causes"][0] == {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "one"',
        "field": ".data.a",
    }
    play.raw("PATCH", path, body | {"data": {"a": "2"}}, content_type=APPLY, fieldManager="two", force="true")
    last = play.raw("PATCH", path, body | {"data": {}}, content_type=APPLY, fieldManager="one")
    assert last["data"] == {"a": "2"}, "what only `one` owned is gone, what `two` took stays"
    assert {entry["manager"] for entry in last["metadata"]["managedFields"]} >= {"two"}


def image_owners(seen: Json) -> dict[tuple[str, str], bool]:
    """Who has set something of the container, in which way, and whether its image is theirs."""
    found = {}
    for one in seen["metadata"]["managedFields"]:
        assert one["time"]
        assert (one["apiVersion"], one["fieldsType"]) == ("apps/v1", "FieldsV1")
        pod = one["fieldsV1"].get("f:spec", {}).get("f:template", {}).get("f:spec", {})
        container = pod.get("f:containers", {}).get('k:{"name":"main"}', {})
        if container:
            found[one["manager"], one["operation"]] = "f:image" in container
    return found


def test_whoever_changed_a_template_last_is_among_the_managers(play: Playground, name: str) -> None:
    play.raw("POST", play.apps_path("deployments"), idle(play, name), fieldManager="creator")
    assert image_owners(play.read("deployments", name)) == {("creator", "Update"): True}
    changed = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.org/two"}]}}}}
    play.patch("deployments", name, changed, fieldManager="hand")
    hands = {("creator", "Update"): False, ("hand", "Update"): True}
    assert image_owners(play.read("deployments", name)) == hands
    now = play.read("deployments", name)
    now["spec"]["template"]["spec"]["containers"][0]["image"] = "example.org/three"
    del now["metadata"]["resourceVersion"], now["status"]  # the controller writes, too
    play.raw("PUT", play.apps_path("deployments", name), now, fieldManager="other")
    seen = play.read("deployments", name)
    assert image_owners(seen) == {("creator", "Update"): False, ("other", "Update"): True}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, **changed}
    path = play.apps_path("deployments", name)
    play.raw("PATCH", path, body, content_type=APPLY, fieldManager="ci", force="true")
    assert image_owners(play.read("deployments", name)) == {("creator", "Update"): False, ("ci", "Apply"): True}
    play.kubectl("set", "image", f"deployment/{name}", "main=example.org/four")
    kubectl = {who: image for who, image in image_owners(play.read("deployments", name)).items() if image}
    assert list(kubectl) in ([("kubectl-set", "Update")], [("kubectl", "Update")])


def test_a_dry_run_keeps_nothing(play: Playground, name: str) -> None:
    path = play.apps_path("deployments")
    assert play.raw("POST", path, idle(play, name), dryRun="All")["metadata"]["name"] == name
    with pytest.raises(ApiException) as missing:
        play.raw("GET", f"{path}/{name}")
    assert missing.value.status == 404
    play.raw("POST", path, idle(play, name))
    assert play.patch("deployments", name, {"spec": {"replicas": 1}}, dryRun="All")["spec"]["replicas"] == 1
    play.raw("DELETE", f"{path}/{name}", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})
    assert play.read("deployments", name)["spec"]["replicas"] == 0


def test_a_finalizer_holds_an_object_until_it_is_taken_away(play: Playground, name: str) -> None:
    body = {"metadata": {"name": name, "finalizers": ["example.org/hold"]}}
    play.raw("POST", play.core_path("configmaps"), body)
    path = play.core_path("configmaps", name)
    play.raw("DELETE", path)
    assert "deletionTimestamp" in play.raw("GET", path)["metadata"]
    play.raw("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)
    with pytest.raises(ApiException) as gone:
        play.raw("GET", path)
    assert gone.value.status == 404


def test_a_deletion_may_name_exactly_what_it_means(play: Playground, name: str) -> None:
    config_map(play, name)
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "another"}}
    with pytest.raises(ApiException) as refused:
        play.raw("DELETE", play.core_path("configmaps", name), body)
    assert refused.value.status == 409


def follow(play: Playground, version: str | None, count: int, **query: str) -> list[tuple[str, str, str]]:
    """The next `count` events of a watch on ConfigMaps: type, name, resourceVersion."""
    more = {"resource_version": version} if version else {}
    seen: list[tuple[str, str, str]] = []
    stream = watch.Watch().stream(
        play.core.list_namespaced_config_map, play.namespace, timeout_seconds=20, **more, **query
    )
    for event in stream:
        meta = event["raw_object"]["metadata"]
        seen.append((event["type"], meta["name"], meta["resourceVersion"]))
        if len(seen) == count:
            break
    return seen


def test_a_watch_goes_on_where_the_last_one_ended(play: Playground, name: str) -> None:
    version = play.raw("GET", play.core_path("configmaps"))["metadata"]["resourceVersion"]
    path = play.core_path("configmaps", name)
    config_map(play, name, {"watched": name})
    play.raw("PATCH", path, {"data": {"a": "1"}}, content_type=MERGE)
    first = follow(play, version, 1, label_selector=f"watched={name}")
    play.raw("DELETE", path)
    rest = follow(play, first[0][2], 2, label_selector=f"watched={name}")
    assert [(kind, one) for kind, one, _ in first + rest] == [("ADDED", name), ("MODIFIED", name), ("DELETED", name)]
    versions = [int(one) for _, _, one in first + rest]
    assert versions == sorted(versions)


def test_a_watch_without_a_version_begins_with_what_there_is(play: Playground, name: str) -> None:
    config_map(play, name, {"there": name})
    assert follow(play, None, 1, label_selector=f"there={name}")[0][:2] == ("ADDED", name)


def test_an_object_that_ceases_to_match_is_deleted_for_the_watch(play: Playground, name: str) -> None:
    made = config_map(play, name, {"match": name})
    path = play.core_path("configmaps", name)
    version = made["metadata"]["resourceVersion"]
    play.raw("PATCH", path, {"metadata": {"labels": {"match": "no"}}}, content_type=MERGE)
    play.raw("PATCH", path, {"metadata": {"labels": {"match": name}}}, content_type=MERGE)
    seen = follow(play, version, 2, label_selector=f"match={name}")
    assert [kind for kind, _, _ in seen] == ["DELETED", "ADDED"]


def test_a_watch_from_a_version_that_is_forgotten_is_told_so(play: Playground) -> None:
    if play.context != "flowdrill" and not refused_from_the_beginning(play):
        pytest.skip("this API server has forgotten nothing yet: etcd is compacted every five minutes")
    with pytest.raises(ApiException) as refused:
        follow(play, "1", 10_000)
    assert refused.value.status == 410


def refused_from_the_beginning(play: Playground) -> bool:
    try:
        follow(play, "1", 1)
    except ApiException:
        return True
    return False


def test_many_watches_see_the_same(play: Playground, name: str) -> None:
    version = play.raw("GET", play.core_path("configmaps"))["metadata"]["resourceVersion"]
    seen: list[list[tuple[str, str, str]]] = []
    watchers = [
        threading.Thread(target=lambda: seen.append(follow(play, version, 5, label_selector=f"many={name}")))
        for _ in range(5)
    ]
    for one in watchers:
        one.start()
    for number in range(5):
        config_map(play, f"{name}-{number}", {"many": name})
    for one in watchers:
        one.join()
    assert len(seen) == 5
    assert all(one == seen[0] for one in seen)


@pytest.fixture
def reader(play: Playground, name: str) -> Iterator[client.ApiClient]:
    """A user who may get and list Deployments of this namespace, and patch one of them."""
    rbac, group = client.RbacAuthorizationV1Api(play.api), "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"], "resourceNames": ["mine"]},
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    ]
    rbac.create_namespaced_role(play.namespace, {"metadata": {"name": name}, "rules": rules})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"apiGroup": group, "kind": "User", "name": f"reader-{name}"}],
    }
    rbac.create_namespaced_role_binding(play.namespace, binding)
    with play.as_user(f"reader-{name}") as api:
        yield api


def test_an_identity_may_do_what_its_role_says_and_nothing_else(
    play: Playground, name: str, reader: client.ApiClient
) -> None:
    for one in ("mine", "yours"):
        if one not in {d["metadata"]["name"] for d in play.raw("GET", play.apps_path("deployments"))["items"]}:
            play.raw("POST", play.apps_path("deployments"), idle(play, one))
    apps, core = client.AppsV1Api(reader), client.CoreV1Api(reader)
    play.until(lambda: allowed(lambda: apps.read_namespaced_deployment("yours", play.namespace)))
    apps.patch_namespaced_deployment("mine", play.namespace, {"metadata": {"labels": {"a": "b"}}})
    with pytest.raises(ApiException) as refused:
        apps.patch_namespaced_deployment("yours", play.namespace, {"metadata": {"labels": {"a": "b"}}})
    body = refusal(refused)
    assert (body["code"], body["reason"]) == (403, "Forbidden")
    assert body["message"] == (
        f'deployments.apps "yours" is forbidden: User "reader-{name}" cannot patch resource "deployments" '
        f'in API group "apps" in the namespace "{play.namespace}"'
    )
    for forbidden in (
        lambda: core.list_namespaced_pod(play.namespace),
        lambda: core.list_namespaced_secret(play.namespace),
        apps.list_deployment_for_all_namespaces,
        lambda: core.create_namespaced_config_map(play.namespace, {"metadata": {"name": "x"}}),
        core.list_node,
        lambda: apps.read_namespaced_deployment("x", "default"),
    ):
        assert not allowed(forbidden)


def allowed(act: Any) -> bool:
    try:
        act()
    except ApiException as error:
        if error.status != 403:
            raise
        return False
    return True


def test_reviews_answer_as_the_requests_would(play: Playground, name: str, reader: client.ApiClient) -> None:
    def may(api: client.ApiClient, **attributes: str) -> bool:
        spec = {"resourceAttributes": {"namespace": play.namespace, **attributes}}
        review = client.AuthorizationV1Api(api).create_self_subject_access_review({"spec": spec})
        return bool(review.status.allowed)

    play.until(lambda: may(reader, verb="get", group="apps", resource="deployments"))
    assert may(reader, verb="patch", group="apps", resource="deployments", name="mine")
    assert not may(reader, verb="patch", group="apps", resource="deployments", name="yours")
    assert not may(reader, verb="delete", group="apps", resource="deployments")
    assert not may(reader, verb="get", resource="pods")
    assert may(reader, verb="get", resource="pods", subresource="log")
    assert may(play.api, verb="delete", group="apps", resource="deployments")
    spec = {
        "user": f"reader-{name}",
        "resourceAttributes": {"namespace": play.namespace, "verb": "get", "group": "apps", "resource": "deployments"},
    }
    answer = client.AuthorizationV1Api(play.api).create_subject_access_review({"spec": spec})
    assert answer.status.allowed
    rules = client.AuthorizationV1Api(reader).create_self_subject_rules_review({"spec": {"namespace": play.namespace}})
    assert any(rule.resources == ["deployments"] and "get" in rule.verbs for rule in rules.status.resource_rules)
    with pytest.raises(ApiException) as refused:
        client.AuthorizationV1Api(reader).create_subject_access_review({"spec": spec})
    assert refused.value.status == 403


def bind(play: Playground, name: str, kind: str, role: str, subject: Json) -> None:
    group = "rbac.authorization.k8s.io"
    body = {"metadata": {"name": name}, "roleRef": {"apiGroup": group, "kind": kind, "name": role}}
    path = f"/apis/{group}/v1/namespaces/{play.namespace}/rolebindings"
    play.raw("POST", path, body | {"subjects": [subject]})


def review(play: Playground, **spec: Any) -> Json:
    """The status of a LocalSubjectAccessReview; `user`, `groups`, and what is asked."""
    about = {name: spec.pop(name) for name in ("user", "groups") if name in spec}
    asked = {"namespace": play.namespace, "group": "apps", "resource": "deployments", **spec}
    body = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "LocalSubjectAccessReview",
        "metadata": {"namespace": play.namespace}, "spec": {**about, "resourceAttributes": asked},
    }  # fmt: skip
    path = f"/apis/authorization.k8s.io/v1/namespaces/{play.namespace}/localsubjectaccessreviews"
    return dict(play.raw("POST", path, body)["status"])


def test_a_review_names_the_binding_that_grants_it(play: Playground, name: str) -> None:
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"], "resourceNames": ["web"]}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{play.namespace}/roles"
    play.raw("POST", path, {"metadata": {"name": name}, "rules": [rule]})
    account = f"system:serviceaccount:{play.namespace}:{name}"
    bind(play, f"{name}-a", "Role", name, {"kind": "ServiceAccount", "name": name, "namespace": play.namespace})
    bind(play, f"{name}-g", "Role", name, {"kind": "Group", "name": name})
    bind(play, f"{name}-v", "ClusterRole", "view", {"kind": "User", "name": name})
    bind(play, f"{name}-n", "Role", "nowhere", {"kind": "User", "name": f"{name}-lost"})
    play.until(lambda: review(play, user=account, verb="patch", name="web")["allowed"])
    by = f'RBAC: allowed by RoleBinding "{name}-{{}}/{play.namespace}" of {{}} to {{}}'
    role = f'Role "{name}"'
    assert review(play, user=account, verb="patch", name="web") == {
        "allowed": True, "reason": by.format("a", role, f'ServiceAccount "{name}/{play.namespace}"'),
    }  # fmt: skip
    assert review(play, user=account, verb="patch", name="other") == {"allowed": False}
    assert review(play, user=account, verb="patch") == {"allowed": False}
    assert review(play, groups=[name], verb="list", name="web")["reason"] == by.format("g", role, f'Group "{name}"')
    view = by.format("v", 'ClusterRole "view"', f'User "{name}"')
    assert play.until(lambda: review(play, user=name, verb="get").get("reason")) == view
    lost = 'RBAC: role.rbac.authorization.k8s.io "nowhere" not found'
    assert play.until(lambda: review(play, user=f"{name}-lost", verb="get").get("reason")) == lost
    with play.as_user(f"{name}-lost") as api, pytest.raises(ApiException) as refused:
        client.AppsV1Api(api).read_namespaced_deployment("web", play.namespace)
    assert refusal(refused)["message"].endswith(f'in the namespace "{play.namespace}": {lost}')
    assert review(play, user="root", groups=["system:masters"], verb="delete") == {"allowed": True}


def test_who_may_list_one_object_may_list_that_alone(play: Playground, name: str) -> None:
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "watch"], "resourceNames": ["web"]}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{play.namespace}/roles"
    play.raw("POST", path, {"metadata": {"name": name}, "rules": [rule]})
    bind(play, name, "Role", name, {"kind": "User", "name": name})
    play.until(lambda: review(play, user=name, verb="list", name="web")["allowed"])
    with play.as_user(name) as api:
        apps = client.AppsV1Api(api)

        def listed(selector: str) -> None:
            apps.list_namespaced_deployment(play.namespace, field_selector=selector)

        for selector in ("metadata.name=web", "metadata.name==web", "metadata.name=web,metadata.namespace=x"):
            listed(selector)
        query = {"field_selector": "metadata.name=web", "timeout_seconds": 1}
        list(watch.Watch().stream(apps.list_namespaced_deployment, play.namespace, **query))
        for selector in ("metadata.name=other", "metadata.name!=web", ""):
            assert not allowed(lambda selector=selector: listed(selector))


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ({"resourceAttributes": {"verb": "get"}}, "spec.user", "at least one of user or group must be specified"),
        ({"user": "a"}, "spec.resourceAttributes", "exactly one of nonResourceAttributes or resourceAttributes"),
        ({"user": "a", "resourceAttributes": {}, "nonResourceAttributes": {"path": "/x"}}, "spec.nonResourceAttributes",
         "cannot be specified in combination with resourceAttributes"),
    ],
)  # fmt: skip
def test_a_review_that_asks_nothing_is_invalid(play: Playground, spec: Json, field: str, said: str) -> None:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    with pytest.raises(ApiException) as refused:
        play.raw("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    assert (refused.value.status, refusal(refused)["details"]["causes"][0]["field"]) == (422, field)
    assert said in refusal(refused)["message"]


def test_only_who_may_impersonate_can(play: Playground, name: str) -> None:
    core = play.core
    core.create_namespaced_service_account(play.namespace, {"metadata": {"name": name}})
    asked = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = core.create_namespaced_service_account_token(name, play.namespace, asked).status.token
    settings = client.Configuration()
    settings.host, settings.ssl_ca_cert = play.api.configuration.host, play.api.configuration.ssl_ca_cert
    settings.api_key["authorization"] = f"Bearer {token}"
    with client.ApiClient(settings) as own:
        account = f"system:serviceaccount:{play.namespace}:{name}"
        with pytest.raises(ApiException, match=account) as refused:
            client.CoreV1Api(own).list_namespaced_pod(play.namespace)
        assert refused.value.status == 403
        own.set_default_header("Impersonate-User", "admin")
        with pytest.raises(ApiException, match='cannot impersonate resource \\\\"users\\\\"') as impersonating:
            client.CoreV1Api(own).list_namespaced_pod(play.namespace)
        assert impersonating.value.status == 403


def test_a_wrong_token_is_nobodys(play: Playground) -> None:
    settings = client.Configuration()
    settings.host, settings.ssl_ca_cert = play.api.configuration.host, play.api.configuration.ssl_ca_cert
    settings.api_key["authorization"] = "Bearer not-a-token"
    with client.ApiClient(settings) as stranger, pytest.raises(ApiException) as refused:
        client.CoreV1Api(stranger).list_namespaced_pod(play.namespace)
    assert refused.value.status == 401


def test_custom_resources_are_served_once_they_are_defined(play: Playground) -> None:
    group = f"{play.namespace}.example.org"
    names = {"plural": "drills", "singular": "drill", "kind": "Drill", "listKind": "DrillList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"drills.{group}"},
        "spec": spec,
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    play.raw("POST", definitions, definition)
    try:
        path = f"/apis/{group}/v1/namespaces/{play.namespace}/drills"

        def listed() -> bool:
            try:
                return play.raw("GET", path)["kind"] == "DrillList"
            except ApiException as error:
                if error.status != 404:
                    raise
                return False

        play.until(listed)
        body = {"apiVersion": f"{group}/v1", "kind": "Drill", "metadata": {"name": "a"}, "spec": {"any": [1]}}
        made = play.raw("POST", path, body | {"status": {"ignored": True}})
        assert "status" not in made
        assert made["metadata"]["generation"] == 1
        play.raw("PATCH", f"{path}/a/status", {"status": {"done": True}}, content_type=MERGE)
        seen = play.raw("GET", f"{path}/a")
        assert (seen["status"], seen["spec"], seen["metadata"]["generation"]) == ({"done": True}, {"any": [1]}, 1)
    finally:
        play.raw("DELETE", f"{definitions}/drills.{group}")


def test_a_namespace_takes_everything_in_it_along(play: Playground, name: str) -> None:
    core = play.core
    core.create_namespace({"metadata": {"name": name}})
    body = idle(play, "left")
    body["metadata"]["namespace"] = name
    play.raw("POST", f"/apis/apps/v1/namespaces/{name}/deployments", body)
    core.delete_namespace(name)

    def gone() -> bool:
        try:
            core.read_namespace(name)
        except ApiException as error:
            return bool(error.status == 404)
        return False

    play.until(gone)
    with pytest.raises(ApiException) as refused:
        play.raw("POST", f"/apis/apps/v1/namespaces/{name}/deployments", body)
    assert refused.value.status == 404
