"""What a preflight looks at, on any Kubernetes: a workload with a history, alone in its namespace and repository."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flowdrill.model.drill import Drill
from tests.contract.bench import MANIFEST, ask_registry, labelled_pause
from tests.contract.conftest import Place
from tests.contract.playground import Json, Playground, playground
from tests.fakes.world import drill_of

NAME = "app"
NEVER_FEWER: Json = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
ONE_LESS: Json = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}


@dataclass(frozen=True)
class Site:
    """A workload with three revisions. No node has ever seen the images of the first two."""

    play: Playground
    registry: str
    images: tuple[str, ...]  # by digest, oldest first; their tags are 1.0.0, 1.1.0 and 1.2.0

    @property
    def repository(self) -> str:
        return self.play.namespace

    def drill(self, name: str = NAME, ledger: str | None = None, **rollback: Any) -> Drill:
        return drill_of(
            target={"namespace": self.play.namespace, "workload": f"deployment/{name}"},
            rollback=rollback,
            registry={"plain_http": True},
            policy={"ledger": {"config_map": ledger}},
        )

    def tags(self) -> list[str]:
        return sorted(json.loads(ask_registry(self.registry, "GET", f"{self.repository}/tags/list")[1])["tags"])

    def seen(self) -> Json:
        """Everything that a preflight could have touched."""
        play = self.play
        leases = play.raw("GET", f"/apis/coordination.k8s.io/v1/namespaces/{play.namespace}/leases")["items"]
        assert leases == []
        kinds = {
            "workloads": play.raw("GET", play.apps_path("deployments")),
            "revisions": play.raw("GET", play.apps_path("replicasets")),
            "config maps": play.raw("GET", play.core_path("configmaps")),
            "pods": play.raw("GET", play.core_path("pods")),
        }
        found: Json = {kind: sorted(_kept(one) for one in listed["items"]) for kind, listed in kinds.items()}
        return {**found, "tags": self.tags()}


def _kept(item: Json) -> str:
    """What only somebody who changes it changes."""
    meta = {key: item["metadata"].get(key) for key in ("name", "uid", "generation", "labels", "annotations")}
    return json.dumps([meta, item.get("spec"), item.get("data")], sort_keys=True)


@contextmanager
def site_on(place: Place) -> Iterator[Site]:
    """A site of its own, with nothing left afterwards."""
    with playground(place.context, place.kubeconfig, place.image) as play:
        tags = ("1.0.0", "1.1.0", "1.2.0")
        images = tuple(labelled_pause(place.registry, play.namespace, tag) for tag in tags)
        found = Site(play, place.registry, images)
        try:
            deploy(found, NAME, images[0], replicas=0, strategy=NEVER_FEWER)
            set_template(found, images[1])
            set_template(found, images[2], env=[{"name": "COLOUR", "value": "blue"}])
            play.patch("deployments", NAME, {"spec": {"replicas": 1}})
            play.until(lambda: play.complete(NAME), "the third version runs")
            yield found
        finally:
            for image in images:
                ask_registry(place.registry, "DELETE", manifest_path(image))


def deploy(site: Site, name: str, image: str, **more: Any) -> None:
    manifest = site.play.workload(name, container={"image": image}, **more)
    del manifest["spec"]["template"]["spec"]["containers"][0]["command"]
    site.play.raw("POST", site.play.apps_path("deployments"), manifest)


def set_template(site: Site, image: str, **container: Any) -> None:
    site.play.until(lambda: site.play.complete(NAME), "the version before has its revision")
    one = {"name": "main", "image": image, **container}
    site.play.patch("deployments", NAME, {"spec": {"template": {"spec": {"containers": [one]}}}})


def manifest_path(image: str) -> str:
    """Its path in the registry."""
    return image.partition("/")[2].replace("@", "/manifests/")


@contextmanager
def deleted(site: Site, image: str) -> Iterator[None]:
    """Without the image's manifest, which is put back afterwards."""
    _, content = ask_registry(site.registry, "GET", manifest_path(image), None, {"Accept": MANIFEST})
    ask_registry(site.registry, "DELETE", manifest_path(image))
    try:
        yield
    finally:
        ask_registry(site.registry, "PUT", manifest_path(image), content, {"Content-Type": MANIFEST})


@contextmanager
def deployed(site: Site, image: str) -> Iterator[str]:
    """Another workload, of which nothing is left afterwards. Kubelets take half a minute to end a pod whose image they
    could not read."""
    play, name = site.play, f"other-{secrets.token_hex(3)}"
    deploy(site, name, image)
    try:
        yield name
    finally:
        play.delete("deployments", name)
        play.until(lambda: not play.replica_sets(name), "its revisions are gone")
        play.kubectl("delete", "pods", "-l", f"app={name}", "--force", "--grace-period=0", "--wait=false")
        play.until(lambda: not play.pods(name), "its pods are gone")


@contextmanager
def quota(play: Playground, **hard: str) -> Iterator[str]:
    """A quota, from when it counts the pods until the context ends."""
    path = play.core_path("resourcequotas")
    play.raw("POST", path, {"metadata": {"name": "full"}, "spec": {"hard": hard}})
    try:
        play.until(lambda: play.raw("GET", f"{path}/full").get("status", {}).get("used") == hard, "it is full")
        yield "full"
    finally:
        play.raw("DELETE", f"{path}/full")
