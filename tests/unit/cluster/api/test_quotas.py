"""Quotas and limit ranges: what is counted, what is refused, and how amounts are written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import PODS, RESOURCE_QUOTAS, SERVICE_ACCOUNTS, Json
from flowdrill.model.resource_quantity import quantity, quantity_text
from tests.unit.cluster.api.asking import RBAC, SHOP, Answer, Asked
from tests.unit.cluster.controllers.driven import named


@pytest.fixture
def asked() -> Asked:
    return Asked()


def limit(asked: Asked, name: str = "q", **hard: str) -> None:
    asked.make(
        f"{SHOP}/resourcequotas",
        metadata={"name": name},
        spec={"hard": {k.replace("_", "."): v for k, v in hard.items()}},
    )


def pod(name: str, *resources: Json, **spec: Any) -> Json:
    containers = [{"name": f"c{n}", "image": "x:1", "resources": one} for n, one in enumerate(resources or ({},))]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def make(asked: Asked, *arguments: Any, **spec: Any) -> Answer:
    return asked.ask("POST", f"{SHOP}/pods", pod(*arguments, **spec))


def asks(**amounts: str) -> Json:
    return {"requests": amounts}


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"), ("1", "1"), ("1000", "1k"), ("1500", "1500"), ("0.5", "500m"), ("1.1", "1100m"), ("100M", "100M"),
        ("1e3", "1k"), ("1Ki", "1Ki"), ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("100Ki", "100Ki"), ("0.5Ki", "512"),
        ("1n", "1n"), ("0.1n", "1n"), ("2000m", "2"), ("1000Mi", "1000Mi"),
    ],
)  # fmt: skip
def test_an_amount_is_written_in_the_largest_unit_that_says_it_whole(text: str, canonical: str) -> None:
    assert quantity_text(quantity(text), binary=text.endswith("i")) == canonical
    assert quantity(canonical) == max(quantity(text), Decimal("1e-9")) or quantity(text) == 0


def test_containers_count_together_and_initial_ones_by_the_hungriest(asked: Asked) -> None:
    limit(asked, cpu="2")
    first = {"name": "first", "image": "x:1", "resources": asks(cpu="3")}
    answer = make(asked, "a", asks(cpu="500m"), asks(cpu="1"), initContainers=[first])
    assert "requested: cpu=3, used: cpu=0, limited: cpu=2" in answer.json["message"]
    assert make(asked, "a", asks(cpu="500m"), asks(cpu="1")).code == 201
    assert "requested: cpu=1, used: cpu=1500m, limited: cpu=2" in make(asked, "b", asks(cpu="1")).json["message"]


def test_pods_that_have_ended_are_charged_no_more_but_are_still_objects(asked: Asked) -> None:
    limit(asked, pods="1", cpu="1")
    assert make(asked, "a", asks(cpu="1")).code == 201
    assert make(asked, "b", asks(cpu="1")).code == 403
    asked.objects.change(PODS, "shop", "a", lambda one: one["status"].update(phase="Succeeded"), part=Part.STATUS)
    assert make(asked, "b", asks(cpu="1")).code == 201
    asked.make(f"{SHOP}/resourcequotas", metadata={"name": "objects"}, spec={"hard": {"count/pods": "2"}})
    answer = make(asked, "c", asks(cpu="0"))
    assert answer.json["message"].endswith(
        "exceeded quota: objects, requested: count/pods=1, used: count/pods=2, limited: count/pods=2"
    )


def test_each_container_must_say_what_is_limited(asked: Asked) -> None:
    limit(asked, requests_cpu="9", limits_memory="9Gi")
    answer = make(asked, "a", {"limits": {"memory": "1Mi"}}, {"requests": {"cpu": "1"}})
    assert answer.json["message"] == (
        'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c1; requests.cpu for: c0'
    )


def test_only_what_is_asked_for_is_judged_and_only_in_its_namespace(asked: Asked) -> None:
    asked.make(f"{SHOP}/configmaps", metadata={"name": "before"})
    limit(asked, configmaps="0", pods="1")
    assert make(asked, "a").code == 201, "that there are too many ConfigMaps already is none of its business"
    assert asked.ask("POST", f"{SHOP}/configmaps", {"metadata": {"name": "x"}}).code == 403
    other = "/api/v1/namespaces/default/configmaps"
    assert asked.ask("POST", other, {"metadata": {"name": "x"}}).code == 201
    assert asked.ask("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "x"}}).code == 201
    changed = {"data": {"a": "b"}}
    assert asked.ask("PATCH", f"{SHOP}/configmaps/before", changed, kind="application/merge-patch+json").code == 200


def test_every_quota_must_be_kept(asked: Asked) -> None:
    limit(asked, "a", pods="5")
    limit(asked, "b", pods="0")
    assert "exceeded quota: b," in make(asked, "x").json["message"]


@pytest.mark.parametrize("more", [{"scopes": ["Terminating"]}, {"scopeSelector": {"matchExpressions": [{}]}}])
def test_scopes_are_refused_instead_of_being_forgotten(asked: Asked, more: Json) -> None:
    body = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}, **more}}
    answer = asked.ask("POST", f"{SHOP}/resourcequotas", body)
    assert answer.code == 422
    assert "the embedded cluster counts all pods alike" in answer.json["message"]


@pytest.mark.parametrize("name", ["requests.storage", "services.nodeports", "foo", "count/", "count/../x"])
def test_what_is_not_counted_cannot_be_limited(asked: Asked, name: str) -> None:
    body = {"metadata": {"name": "q"}, "spec": {"hard": {name: "1"}}}
    assert asked.ask("POST", f"{SHOP}/resourcequotas", body).code == 422


def test_a_quota_from_a_damaged_file_limits_to_nothing_and_breaks_nothing(asked: Asked) -> None:
    limit(asked, pods="1")
    odd = asked.objects.get(RESOURCE_QUOTAS, "shop", "q")
    asked.objects.store.put(
        RESOURCE_QUOTAS, {**odd, "metadata": dict(odd["metadata"]), "spec": {"hard": {"pods": "?"}}}
    )
    assert make(asked, "a").code == 403


def ranged(asked: Asked, **item: Any) -> None:
    limits = [{"type": "Pod", "max": {"cpu": "9"}}, {"type": "Container", **item}]
    asked.make(f"{SHOP}/limitranges", metadata={"name": "l"}, spec={"limits": limits})


def test_a_limit_range_fills_in_what_a_quota_asks_for(asked: Asked) -> None:
    limit(asked, limits_memory="1Gi")
    assert make(asked, "a").code == 403
    ranged(asked, max={"memory": "64Mi"})
    made = make(asked, "a", {}, {"limits": {"memory": "1Mi"}}, initContainers=[{"name": "i", "image": "x"}]).json
    resources = [one["resources"] for one in made["spec"]["containers"]]
    assert resources == [
        {"requests": {"memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        {"requests": {"memory": "1Mi"}, "limits": {"memory": "1Mi"}},
    ]
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/limit-ranger": "LimitRanger plugin set: memory request for container c0; memory request for "
        "init container i; memory limit for container c0; memory limit for init container i"
    }
    assert made["status"]["qosClass"] == "Burstable"


def test_pull_secrets_come_from_the_account(asked: Asked) -> None:
    secrets = [{"name": "one"}]
    asked.objects.create(SERVICE_ACCOUNTS, named(SERVICE_ACCOUNTS, "puller", imagePullSecrets=secrets))
    assert make(asked, "a", serviceAccountName="puller").json["spec"]["imagePullSecrets"] == secrets
    own = [{"name": "own"}]
    assert make(asked, "b", serviceAccount="puller", imagePullSecrets=own).json["spec"]["imagePullSecrets"] == own
    assert "imagePullSecrets" not in make(asked, "c").json["spec"]


def test_only_the_account_that_each_namespace_gets_may_be_missing(asked: Asked) -> None:
    assert make(asked, "a").code == 201
    answer = make(asked, "b", serviceAccountName="nobody")
    assert answer.code == 403
    assert answer.json["details"] == {"name": "b", "kind": "pods"}
