"""PersistentVolumeClaims: what they must be, what may change, and what holds them."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import Json
from tests.unit.cluster.api.asking import APPLY, APPS, MERGE, SHOP, Asked, deployment

CLAIMS = f"{SHOP}/persistentvolumeclaims"
SPEC: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
IMMUTABLE = "spec is immutable after creation except resources.requests"


@pytest.fixture
def asked() -> Asked:
    return Asked()


def made(asked: Asked, **status: Any) -> str:
    """A claim with a status; its path."""
    asked.make(CLAIMS, metadata={"name": "data"}, spec=SPEC)
    asked.ask("PATCH", f"{CLAIMS}/data/status", {"status": status}, kind=MERGE)
    return f"{CLAIMS}/data"


def storage(size: Any) -> Json:
    return {"resources": {"requests": {"storage": size}}}


def test_a_new_claim_is_pending_and_protected_and_counts_no_generations(asked: Asked) -> None:
    claim = asked.make(CLAIMS, metadata={"name": "data", "finalizers": ["x/y"]}, spec=SPEC, status={"phase": "Bound"})
    assert claim["metadata"]["finalizers"] == ["x/y", "kubernetes.io/pvc-protection"]
    assert claim["spec"] == {**SPEC, "volumeMode": "Filesystem"}
    assert claim["status"] == {"phase": "Pending"}
    assert "generation" not in claim["metadata"]


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({}, {"spec.accessModes": "Required value: at least 1", "spec.resources[storage]": "Required value"}),
        ({"accessModes": ["x"], **storage(1)}, {"spec.accessModes": 'Unsupported value: "x": supported values: "Rea'}),
        ({"accessModes": ["ReadWriteOncePod", "ReadOnlyMany"], **storage(1)}, {"spec.accessModes": "Forbidden: may"}),
        ({**SPEC, **storage(0)}, {"spec.resources[storage]": "Invalid value: 0: must be greater than zero"}),
        ({**SPEC, **storage("-1Gi")}, {"spec.resources[storage]": 'Invalid value: "-1Gi": must be greater than zero'}),
        ({**SPEC, **storage("much")}, {"spec.resources[storage]": 'Invalid value: "much": quantities must match'}),
        ({**SPEC, "volumeMode": "Odd"}, {"spec.volumeMode": 'Unsupported value: "Odd": supported values: "Block", "F'}),
    ],
)  # fmt: skip
def test_a_claim_that_is_none_is_refused_field_by_field(asked: Asked, spec: Json, causes: dict[str, str]) -> None:
    refused = asked.ask("POST", CLAIMS, {"metadata": {"name": "data"}, "spec": spec})
    assert (refused.code, refused.json["reason"]) == (422, "Invalid")
    found = {one["field"]: one["message"] for one in refused.json["details"]["causes"]}
    assert found.keys() == causes.keys()
    assert all(found[field].startswith(message) for field, message in causes.items())


@pytest.mark.parametrize(
    ("phase", "change", "why"),
    [
        ("Bound", {"accessModes": ["ReadOnlyMany"]}, IMMUTABLE), ("Bound", {"storageClassName": "fast"}, IMMUTABLE),
        ("Pending", storage("2Gi"), IMMUTABLE), ("Bound", storage("1Mi"), "can not be less than previous value"),
        ("Bound", {"resources": {"limits": {"storage": "1Gi"}}}, IMMUTABLE), ("Bound", storage("2Gi"), None),
        ("Pending", {"volumeName": "mine"}, None),
    ],
)  # fmt: skip
def test_only_a_bound_claim_changes_and_only_to_grow(asked: Asked, phase: str, change: Json, why: str | None) -> None:
    answer = asked.ask("PATCH", made(asked, phase=phase), {"spec": change}, kind=MERGE)
    assert answer.code == (200 if why is None else 422)
    assert (why or "") in (answer.json.get("message") or "")


def test_a_volume_is_named_only_once(asked: Asked) -> None:
    path = made(asked)
    asked.ask("PATCH", path, {"spec": {"volumeName": "one"}}, kind=MERGE)
    assert asked.ask("PATCH", path, {"spec": {"volumeName": "two"}}, kind=MERGE).code == 422


def test_a_claim_stays_until_its_protection_is_taken_away(asked: Asked) -> None:
    path = made(asked)
    assert asked.ask("DELETE", path).json["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert asked.ask("PATCH", path, {"metadata": {"finalizers": None}}, kind=MERGE).code == 200
    assert asked.ask("GET", path).code == 404


def test_applying_a_claim_again_changes_nothing_and_owns_no_status(asked: Asked) -> None:
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": SPEC}
    first = asked.ask("PATCH", f"{CLAIMS}/data", body, kind=APPLY, fieldManager="x").json
    assert asked.ask("PATCH", f"{CLAIMS}/data", body, kind=APPLY, fieldManager="x").json == first
    owned = first["metadata"]["managedFields"][0]["fieldsV1"]
    assert owned["f:spec"]["f:resources"]["f:requests"] == {"f:storage": {}, ".": {}}
    assert "f:status" not in owned


def test_the_default_roles_reach_claims(asked: Asked) -> None:
    for role, code in (("view", 403), ("edit", 201), ("admin", 201)):
        asked.make(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", metadata={"name": role},
            subjects=[{"kind": "User", "name": role}],
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        )  # fmt: skip
        user = {"impersonate-user": role}
        assert asked.ask("GET", CLAIMS, headers=user).code == 200
        assert asked.ask("POST", CLAIMS, {"metadata": {"name": role}, "spec": SPEC}, headers=user).code == code


def test_kubectl_finds_claims_by_their_short_name(asked: Asked) -> None:
    (found,) = [one for one in asked.ask("GET", "/api/v1").json["resources"] if one["name"] == "persistentvolumeclaims"]
    assert (found["shortNames"], found["namespaced"]) == (["pvc"], True)


def test_a_set_fills_its_templates_in_and_its_containers_may_mount_them(asked: Asked) -> None:
    spec = deployment("web", volumeMounts=[{"name": "data", "mountPath": "/data"}])["spec"]
    body = {"metadata": {"name": "web"}, "spec": {**spec, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}
    kept = asked.make(f"{APPS}/statefulsets", **body)
    (template,) = kept["spec"]["volumeClaimTemplates"]
    assert (template["kind"], template["spec"], template["status"]) == (
        "PersistentVolumeClaim", {"volumeMode": "Filesystem"}, {"phase": "Pending"},
    )  # fmt: skip
    assert asked.ask("PUT", f"{APPS}/statefulsets/web", body).code == 200, "applying it again changes nothing"
    changed = {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "other"}}]}}
    assert asked.ask("PATCH", f"{APPS}/statefulsets/web", changed, kind=MERGE).code == 422
    body["spec"]["volumeClaimTemplates"] = []
    refused = asked.ask("POST", f"{APPS}/statefulsets", body | {"metadata": {"name": "other"}})
    assert (refused.code, 'Not found: "data"' in refused.json["message"]) == (422, True)


def test_a_volume_must_say_which_claim(asked: Asked) -> None:
    spec = {"containers": [{"name": "a", "image": "b"}], "volumes": [{"name": "v", "persistentVolumeClaim": {}}]}
    refused = asked.ask("POST", f"{SHOP}/pods", {"metadata": {"name": "p"}, "spec": spec})
    assert "spec.volumes[0].persistentVolumeClaim.claimName: Required value" in refused.json["message"]
