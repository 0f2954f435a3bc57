from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.release_owners import release_owners_of
from flowdrill.model.surroundings import Opponent
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, workload

Json = dict[str, Any]
APPLICATIONS = "/apis/argoproj.io/v1alpha1/applications"
TRACKED = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:demo/app"}}
KUSTOMIZED = {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}}
FLUX_HELM = {
    "labels": {"helm.toolkit.fluxcd.io/name": "flow", "helm.toolkit.fluxcd.io/namespace": "flux"},
    "annotations": {"meta.helm.sh/release-name": "flow"},
}


def opponents(api: Api, meta: Json) -> list[Opponent]:
    item = workload()
    item["metadata"] |= meta
    return list(release_owners_of(api, DEPLOYMENT, item).opponents)


def managed(manager: str) -> Json:
    containers = {'k:{"name":"flow"}': {"f:image": {}}}
    fields = {"f:spec": {"f:template": {"f:spec": {"f:containers": containers}}}}
    return {"managedFields": [{"manager": manager, "operation": "Update", "fieldsV1": fields}]}


def application(**spec: Any) -> Json:
    return {"metadata": {"name": "shop"}, "spec": spec}


def test_a_workload_of_nobodys_has_no_owner(api: Api, server: FakeApiServer) -> None:
    assert opponents(api, managed("kubectl-client-side-apply") | {"labels": {"app.kubernetes.io/instance": "x"}}) == []
    assert server.requests == []


@pytest.mark.parametrize(
    ("spec", "blocks", "effect"),
    [
        ({"syncPolicy": {"automated": {"selfHeal": True}}}, True, "(selfHeal): a rollback by hand does not stay"),
        ({"syncPolicy": {"automated": {"selfHeal": True, "enabled": False}}}, False, "does not sync by itself"),
        ({"syncPolicy": {"automated": {}}}, False, "it syncs by itself: the next commit"),
        ({}, False, "does not sync by itself"),
        (
            {
                "syncPolicy": {"automated": {"selfHeal": True}},
                "ignoreDifferences": [
                    {"kind": "Deployment", "jqPathExpressions": [".spec.template.spec.containers[]"]}
                ],
            },
            False,
            "it syncs by itself",
        ),
        ({"syncPolicy": [1]}, False, "does not sync by itself"),
    ],
    ids=["self-heal", "switched off", "no self-heal", "by hand", "ignores images", "odd"],
)
def test_argo_cd_blocks_where_it_is_known_to_heal_itself(
    api: Api, server: FakeApiServer, spec: Json, blocks: bool, effect: str
) -> None:
    server.has(APPLICATIONS, application(**spec))
    (found,) = opponents(api, TRACKED)
    assert (found.name, found.blocks) == ("argo cd application shop", blocks)
    assert effect in found.effect
    assert "argocd app set shop" in found.remedy
    assert server.requests[0].query["fieldSelector"] == "metadata.name=shop"


def test_argo_cd_may_undo_what_cannot_be_looked_up(api: Api, server: FakeApiServer) -> None:
    (elsewhere,) = opponents(api, TRACKED)
    message = 'User "ann" cannot list resource "applications" in API group "argoproj.io" at the cluster scope'
    server.gives("GET", APPLICATIONS, Answer(403, {"message": message}))
    server.gives("GET", "/apis/argoproj.io/v1alpha1", Answer(200, {"resources": [{"name": "applications"}]}))
    item = workload()
    item["metadata"] |= TRACKED
    owners = release_owners_of(api, DEPLOYMENT, item)
    assert not elsewhere.blocks
    assert "may undo" in elsewhere.effect
    assert owners.opponents == (elsewhere,)
    assert "ann must not list applications.argoproj.io" in owners.unknown[0]


def test_a_tracking_id_that_was_copied_means_nothing(api: Api, server: FakeApiServer) -> None:
    copied = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:demo/other"}
    assert opponents(api, {"annotations": copied}) == []


def test_argo_cd_is_known_by_who_has_set_the_image(api: Api, server: FakeApiServer) -> None:
    (named,) = opponents(api, managed("argocd-controller") | {"labels": {"app.kubernetes.io/instance": "shop"}})
    (unnamed,) = opponents(api, managed("argocd-controller"))
    assert (named.name, unnamed.name) == ("argo cd application shop", "argo cd application")


@pytest.mark.parametrize(
    ("spec", "blocks", "effect"),
    [
        ({"interval": "10m"}, True, "every 10m: a rollback by hand does not stay"),
        ({"interval": "10m", "suspend": True}, False, "it is suspended"),
    ],
)
def test_flux_blocks_unless_it_is_suspended(
    api: Api, server: FakeApiServer, spec: Json, blocks: bool, effect: str
) -> None:
    server.has("/apis/kustomize.toolkit.fluxcd.io/v1beta2/namespaces/flux/kustomizations", {"spec": spec})
    (found,) = opponents(api, KUSTOMIZED)
    assert (found.name, found.blocks, bool(found.remedy)) == ("flux kustomization flux/apps", blocks, blocks)
    assert effect in found.effect


def test_flux_elsewhere_may_undo_and_a_kustomization_that_is_gone_does_not(api: Api, server: FakeApiServer) -> None:
    (elsewhere,) = opponents(api, KUSTOMIZED)
    assert not elsewhere.blocks
    assert "may undo" in elsewhere.effect
    server.has("/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux/kustomizations")
    assert opponents(api, KUSTOMIZED) == []


def test_flux_that_is_told_to_leave_the_object_alone_fights_nothing(api: Api, server: FakeApiServer) -> None:
    told = {"annotations": {"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}}
    (found,) = opponents(api, KUSTOMIZED | told)
    assert (found.blocks, found.remedy) == (False, "")


@pytest.mark.parametrize(("mode", "blocks"), [("enabled", True), ("warn", False)])
def test_a_helm_release_of_flux_blocks_where_it_mends_drift(
    api: Api, server: FakeApiServer, mode: str, blocks: bool
) -> None:
    path = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux/helmreleases"
    server.has(path, {"spec": {"driftDetection": {"mode": mode}}})
    (found,) = opponents(api, FLUX_HELM)
    assert (found.name, found.blocks) == ("flux helmrelease flux/flow", blocks)


def test_helm_undoes_a_rollback_at_its_next_upgrade(api: Api, server: FakeApiServer) -> None:
    (found,) = opponents(api, {"annotations": {"meta.helm.sh/release-name": "flow; rm -rf /"}})
    assert not found.blocks
    assert "helm -n demo rollback 'flow; rm -rf /'" in found.remedy


def test_another_controller_that_has_set_the_image_is_named(api: Api, server: FakeApiServer) -> None:
    (found,) = opponents(api, managed("acme-operator"))
    assert (found.name, found.blocks) == ("field manager acme-operator", False)


def test_the_owner_of_the_workload_is_named(api: Api, server: FakeApiServer) -> None:
    owner = {"kind": "LangFlowService", "name": "shop", "controller": True}
    (found,) = opponents(api, {"ownerReferences": [owner, {"kind": "Canary", "controller": True}, {"kind": "Other"}]})
    assert found.name == "owner langflowservice/shop"


def test_names_that_can_be_no_objects_go_into_no_path(api: Api, server: FakeApiServer) -> None:
    labels = {"kustomize.toolkit.fluxcd.io/name": "../../x", "kustomize.toolkit.fluxcd.io/namespace": "a/b?c"}
    tracked = {"argocd.argoproj.io/tracking-id": "x,y=z:apps/Deployment:demo/app"}
    assert len(opponents(api, {"labels": labels, "annotations": tracked})) == 2
    assert server.requests == []
