"""What the node says of itself."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable

from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import LEASES, NODES, Json
from flowdrill.cluster.node.images import PulledImage
from flowdrill.model.image_reference import parse_image_reference

NODE_NAME = "flowdrill-node"
HEARTBEAT_SECONDS = 10.0
_MOST_PODS = 1000
_LEASES = "kube-node-lease"


def register_node(objects: Objects, version: str) -> None:
    """Make the Node, or bring it up to date after a restart."""
    labels = {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux", "kubernetes.io/arch": _architecture()}
    if objects.find(NODES, None, NODE_NAME) is None:
        objects.create(
            NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE_NAME, "labels": labels}, "spec": {}}
        )
    memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 1024}Ki"
    capacity = {"cpu": str(os.cpu_count() or 1), "memory": memory, "pods": str(_MOST_PODS)}
    addresses = [
        {"type": "InternalIP", "address": str(objects.network.node)},
        {"type": "Hostname", "address": NODE_NAME},
    ]
    info = {
        "kubeletVersion": version, "kubeProxyVersion": version, "operatingSystem": "linux",
        "architecture": _architecture(), "kernelVersion": platform.release(), "osImage": "this machine",
        "containerRuntimeVersion": "flowdrill://processes", "machineID": "", "systemUUID": "", "bootID": "",
    }  # fmt: skip
    # One thing at a time cannot be bought twice, and processes of one machine share its cores: what pods ask for is
    # only compared with what there is, several times over.
    allocatable = {**capacity, "cpu": str(8 * (os.cpu_count() or 1))}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "pods run as processes"}
    stamp = objects.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def edit(node: Json) -> None:
        status = node.setdefault("status", {})
        status |= {"capacity": capacity, "allocatable": allocatable, "addresses": addresses, "nodeInfo": info}
        status["conditions"] = [{**ready, "lastHeartbeatTime": stamp, "lastTransitionTime": stamp}]

    objects.change(NODES, None, NODE_NAME, edit, part=Part.STATUS)


def show_images(objects: Objects, images: tuple[PulledImage, ...]) -> None:
    """Write which images the node has."""
    listed = listed_images(images)

    def edit(node: Json) -> None:
        node["status"]["images"] = listed

    objects.change(NODES, None, NODE_NAME, edit, part=Part.STATUS)


def listed_images(images: Iterable[PulledImage]) -> list[Json]:
    """Return images as a kubelet lists them, the largest first: one entry an image, with the digest by which each
    repository has it, then the tags it was pulled by."""
    entries: dict[str, tuple[set[str], set[str], int]] = {}
    for one in images:
        digest = one.image_id.partition("@")[2]
        digests, tags, _ = entries.setdefault(digest, (set(), set(), one.size_bytes))
        digests.add(one.image_id)
        reference = parse_image_reference(one.reference)
        if reference.digest is None:
            tags.add(str(reference if reference.tag else reference.at_tag("latest")))
    ordered = sorted(entries.values(), key=lambda entry: (-entry[2], min(entry[0])))
    return [{"names": [*sorted(digests), *sorted(tags)], "sizeBytes": size} for digests, tags, size in ordered]


def heartbeat(objects: Objects) -> None:
    """Renew the node's Lease."""
    stamp = objects.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lease = objects.find(LEASES, _LEASES, NODE_NAME)
    spec = {"holderIdentity": NODE_NAME, "leaseDurationSeconds": 40, "renewTime": stamp}
    if lease is None:
        meta = {"name": NODE_NAME, "namespace": _LEASES}
        objects.create(
            LEASES, {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}
        )
        return
    objects.change(LEASES, _LEASES, NODE_NAME, lambda one: one.update(spec=spec))


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
