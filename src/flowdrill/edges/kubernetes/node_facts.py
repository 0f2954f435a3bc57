"""What the nodes are, and what they have in their image caches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.label_rules import rule_holds
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.snapshot import manifest_digest
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, as_texts, inside

_DIGEST = re.compile(r"sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})")
_KEEPS_AWAY = frozenset({"NoSchedule", "NoExecute"})


def platforms_of(nodes: Iterable[Json], template: Json) -> tuple[str, ...]:
    """Return the platforms (os/architecture) of the nodes that a pod of `template` may run on: those with the labels
    of its nodeSelector and its required node affinity, and with no taint that it does not tolerate."""
    pod = inside(template, "spec")
    found = set()
    for node in nodes:
        info = inside(node, "status", "nodeInfo")
        system, machine = as_text(info.get("operatingSystem")), as_text(info.get("architecture"))
        if system is not None and machine is not None and _may_run_on(pod, node):
            found.add(printable(f"{system}/{machine}"))
    return tuple(sorted(found))


def cached_digests_of(nodes: Iterable[Json]) -> frozenset[str]:
    """Return the digests (`sha256:…`) of images that some node has. A kubelet names 50 images at most: one that is not
    here may be cached nevertheless."""
    images = (image for node in nodes for image in as_mappings(inside(node, "status").get("images")))
    digests = (manifest_digest(name) for image in images for name in as_texts(image.get("names")))
    return frozenset(digest for digest in digests if digest is not None and _DIGEST.fullmatch(digest))


def _may_run_on(pod: Json, node: Json) -> bool:
    labels = inside(node, "metadata", "labels")
    if any(labels.get(key) != value for key, value in as_mapping(pod.get("nodeSelector")).items()):
        return False
    required = inside(pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = as_mappings(required.get("nodeSelectorTerms"))
    rules = [as_mappings(term.get("matchExpressions")) for term in terms]  # those about fields are taken to hold
    if rules and not any(all(rule_holds(rule, labels) for rule in term) for term in rules):
        return False
    taints = [one for one in as_mappings(inside(node, "spec").get("taints")) if one.get("effect") in _KEEPS_AWAY]
    tolerations = as_mappings(pod.get("tolerations"))
    return all(_is_passing(taint) or any(_tolerates(one, taint) for one in tolerations) for taint in taints)


def _is_passing(taint: Json) -> bool:
    """Taints of the node's present state, not of what it is: not ready, unreachable, cordoned, short of memory."""
    return str(taint.get("key")).startswith("node.kubernetes.io/")


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    same_value = (toleration.get("value") or "") == (taint.get("value") or "")
    return toleration.get("key") == taint.get("key") and same_value
