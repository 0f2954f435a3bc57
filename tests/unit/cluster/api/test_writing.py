"""Writing: versions that must match, dry runs that leave no trace, and what an update can never change."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cluster.api.asking import APPLY, APPS, JSON_PATCH, MERGE, SHOP, STRATEGIC, Asked, deployment

CONFIG_MAPS, WEB = f"{SHOP}/configmaps", f"{APPS}/deployments/web"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/shop/leases"


@pytest.fixture
def asked() -> Asked:
    found = Asked()
    found.make(f"{APPS}/deployments", **deployment("web"))
    found.make(CONFIG_MAPS, metadata={"name": "a", "labels": {"x": "y"}}, data={"a": "1"})
    return found


IMAGE = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "other"}]}}}}
SERVICE = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
POD = {"metadata": {"generateName": "p-"}, "spec": {"containers": [{"name": "a", "image": "b"}]}}


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "code"),
    [
        ("POST", CONFIG_MAPS, {"metadata": {"name": "new"}}, "application/json", 201),
        ("POST", f"{SHOP}/pods", POD, "application/json", 201),
        ("POST", f"{SHOP}/services", SERVICE, "application/json", 201),
        ("PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "a"}, "data": {}}, "application/json", 200),
        ("PATCH", WEB, IMAGE, STRATEGIC, 200), ("PATCH", WEB, {"spec": {"paused": True}}, MERGE, 200),
        ("PATCH", WEB, [{"op": "replace", "path": "/spec/replicas", "value": 9}], JSON_PATCH, 200),
        ("PATCH", WEB, deployment("web", image="other"), APPLY, 200),
        ("PATCH", f"{APPS}/deployments/fresh", deployment("fresh"), APPLY, 201),
        ("PATCH", f"{WEB}/status", {"status": {"replicas": 7}}, MERGE, 200),
        ("PATCH", f"{WEB}/scale", {"spec": {"replicas": 7}}, MERGE, 200),
        ("PUT", f"{WEB}/scale", {"spec": {"replicas": 7}}, "application/json", 200),
        ("DELETE", WEB, None, "application/json", 200), ("DELETE", CONFIG_MAPS, None, "application/json", 200),
        ("DELETE", SHOP, None, "application/json", 200), ("PUT", f"{SHOP}/finalize", {}, "application/json", 200),
        ("POST", f"{SHOP}/pods/waiting/binding", {"target": {"name": "n"}}, "application/json", 201),
    ],
)  # fmt: skip
def test_a_dry_run_of_any_write_leaves_no_trace(
    asked: Asked, method: str, path: str, body: Any, kind: str, code: int
) -> None:
    asked.make(f"{SHOP}/pods", metadata={"name": "waiting"}, spec=POD["spec"])
    before = asked.objects.store.revision
    told: list[object] = []
    asked.objects.store.subscribe(told.append)
    query = {"fieldManager": "x", "force": "true"} if kind == APPLY else {}
    assert asked.ask(method, path, body, kind=kind, dryRun="All", **query).code == code
    assert (asked.objects.store.revision, told) == (before, [])
    assert asked.ask(method, path, body, kind=kind, dryRun="Some", **query).code == 400
    assert asked.ask(method, f"{path}?dryRun=All&dryRun=", body, kind=kind, **query).code == code
    assert asked.objects.store.revision == before
    assert asked.ask(method, path, body, kind=kind, **query).code == code
    assert asked.objects.store.revision > before, "without it, it is done"


def test_the_version_that_was_read_must_be_the_current_one(asked: Asked) -> None:
    read = asked.ask("GET", WEB).json
    assert asked.ask("PATCH", WEB, {"spec": {"replicas": 3}}, kind=MERGE).code == 200
    stale = {"metadata": {"resourceVersion": read["metadata"]["resourceVersion"]}, "spec": {"replicas": 4}}
    for answer in (
        asked.ask("PUT", WEB, {**read, "spec": {**read["spec"], "replicas": 4}}),
        asked.ask("PATCH", WEB, stale, kind=MERGE), asked.ask("PATCH", WEB, stale, kind=STRATEGIC),
        asked.ask("PATCH", f"{WEB}/scale", stale, kind=MERGE), asked.ask("PUT", f"{WEB}/scale", stale),
        asked.ask("PATCH", f"{WEB}/status", {**stale, "status": {"replicas": 1}}, kind=MERGE),
    ):  # fmt: skip
        assert (answer.code, answer.json["reason"]) == (409, "Conflict")
    assert asked.ask("GET", WEB).json["spec"]["replicas"] == 3


def test_a_write_that_changes_nothing_counts_no_version(asked: Asked) -> None:
    before = asked.ask("GET", WEB).json
    asked.ask("PATCH", WEB, {"spec": {"replicas": 2}}, kind=MERGE)
    asked.clock.pass_seconds(60)
    asked.ask("PUT", WEB, before)
    assert asked.ask("GET", WEB).json == before


def test_only_a_change_of_the_spec_is_a_new_generation(asked: Asked) -> None:
    seen = [
        asked.ask("PATCH", WEB + below, body, kind=MERGE).json["metadata"]["generation"]
        for below, body in (
            ("", {"metadata": {"labels": {"a": "b"}}}), ("/status", {"status": {"replicas": 1}}),
            ("", {"spec": {"replicas": 5}}), ("", {"status": {"replicas": 9}}),
        )
    ]  # fmt: skip
    assert seen == [1, 1, 2, 2]
    assert asked.ask("GET", WEB).json["status"] == {"replicas": 1}, "only /status writes it"


@pytest.mark.parametrize("name", ["uid", "creationTimestamp", "generation", "deletionTimestamp"])
def test_what_the_api_decides_cannot_be_written(asked: Asked, name: str) -> None:
    before = asked.ask("GET", f"{CONFIG_MAPS}/a").json
    changed = {**before["metadata"], name: 7 if name == "generation" else "2020-01-01T00:00:00Z"}
    answer = asked.ask("PUT", f"{CONFIG_MAPS}/a", {**before, "metadata": changed})
    assert answer.code == (409 if name == "uid" else 200)
    assert asked.ask("GET", f"{CONFIG_MAPS}/a").json == before


def test_a_lease_is_only_replaced_by_who_has_read_it(asked: Asked) -> None:
    made = asked.make(LEASES, metadata={"name": "lock"}, spec={"holderIdentity": "one"})
    blind = {"metadata": {"name": "lock"}, "spec": {"holderIdentity": "two"}}
    assert asked.ask("PUT", f"{LEASES}/lock", blind).code == 422
    assert asked.ask("PUT", f"{LEASES}/lock", made | {"spec": {"holderIdentity": "two"}}).code == 200
    assert asked.ask("PUT", f"{LEASES}/lock", made | {"spec": {"holderIdentity": "three"}}).code == 409


@pytest.mark.parametrize("body", [{"spec": []}, {"spec": {"replicas": []}}, {"spec": {"replicas": "0"}},
                                  {"metadata": {"name": "other"}, "spec": {"replicas": 1}},
                                  {"spec": {"replicas": -1}}, {"spec": {"replicas": 1 << 31}}])  # fmt: skip
def test_a_scale_that_is_none_scales_nothing(asked: Asked, body: Any) -> None:
    assert asked.ask("PUT", f"{WEB}/scale", body).code == 400
    assert asked.ask("GET", f"{WEB}/scale").json["spec"] == {"replicas": 2}


def test_annotations_and_data_have_a_largest_size(asked: Asked) -> None:
    for part, largest in (({"metadata": {"annotations": {"a": "x" * (256 << 10)}}}, 262144),
                          ({"data": {"a": "x" * ((1 << 20) + 1)}}, 1048576)):  # fmt: skip
        refused = asked.ask("PATCH", f"{CONFIG_MAPS}/a", part, kind=MERGE)
        assert (refused.code, f"Too long: may not be more than {largest} bytes" in refused.json["message"]) == (
            422,
            True,
        )


@pytest.mark.parametrize("address", ["8.8.8.8", "x", "127.231.0.1"])
def test_a_service_gets_no_address_of_others(asked: Asked, address: str) -> None:
    body = {"metadata": {"name": "s"}, "spec": {"clusterIP": address, "ports": [{"port": 80}]}}
    assert asked.ask("POST", f"{SHOP}/services", body).code == 422
