"""Drills that are in progress on a cluster, or were left there: found by their Leases."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from flowdrill.edges.kubernetes.api import Api, Json, labels_query
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.lease import MANAGED_BY, DrillLease, HeldLease, held_lease
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.revision_history import template_of
from flowdrill.edges.kubernetes.snapshot import image_of, is_owned_by
from flowdrill.edges.kubernetes.target import FoundTarget, find_target, workloads_path
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target
from flowdrill.model.json_shapes import as_mappings, inside
from flowdrill.model.workload import WorkloadKind

_NAME = re.compile(r"flowdrill-(deployment|statefulset)-(.+)")
_MOST_LEASES = 500


@dataclass(frozen=True, slots=True)
class FoundDrill:
    """A Lease of a drill, and the image that its workload has now: None when it has no such container, or is gone."""

    namespace: str
    workload: str
    lease: HeldLease
    image: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from any other of its cluster."""
        return self.namespace, self.workload


class DrilledCluster:
    """A cluster on which drills are looked for. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, context: str) -> None:
        self._api, self._context = api, context

    @classmethod
    @contextmanager
    def open(cls, context: str, kubeconfig: str | None) -> Iterator[Self]:
        """Connect to the cluster of `context`."""
        connection = connect(context, kubeconfig)
        with closing(Api(connection.client, connection.server, patience_seconds=5.0)) as api:
            yield cls(api, context)

    def lease(self, target: Target) -> DrillLease:
        """Return the Lease of one workload, whether or not there is one."""
        return DrillLease(self._api, target)

    def drills(self, namespace: str | None) -> tuple[FoundDrill, ...]:
        """Return every drill whose Lease is there, in one namespace or in all."""
        place = "" if namespace is None else f"/namespaces/{namespace}"
        query = (*labels_query({"matchLabels": dict([MANAGED_BY])}), ("limit", str(_MOST_LEASES)))
        items = self._api.items(f"/apis/coordination.k8s.io/v1{place}/leases", query)
        return tuple(found for one in items if (found := self._found(one)) is not None)

    def target(self, target: Target) -> FoundTarget:
        """Return the workload; TargetMissingError when it is not there."""
        return find_target(self._api, target, self._context)

    def image(self, target: Target, container: str) -> str | None:
        """Return the container's image now, None when there is no such workload or container."""
        try:
            workload = self._api.get(f"{workloads_path(target.namespace, target.kind)}/{target.name}")
        except AnswerError as error:
            if error.status != 404:
                raise
            return None
        return image_of(as_mappings(inside(workload, "spec", "template", "spec").get("containers")), container)

    def kept_containers(self, found: FoundTarget) -> tuple[Mapping[str, Any], ...]:
        """Return the container of that name in each revision that the workload keeps; none where they may not be
        read."""
        try:
            items = self._api.items(found.revisions, found.selector)
        except ClusterError:
            return ()
        owned = [one for one in items if is_owned_by(one, {found.uid})]
        templates = (template_of(found.kind, one) for one in owned)
        containers = (as_mappings(inside(one, "spec").get("containers")) for one in templates)
        return tuple(one for listed in containers for one in listed if one.get("name") == found.container)

    def _found(self, item: Json) -> FoundDrill | None:
        meta, held = inside(item, "metadata"), held_lease(item)
        named = _NAME.fullmatch(held.name)
        if named is None:
            return None
        namespace, workload = str(meta.get("namespace")), f"{WorkloadKind(named[1])}/{named[2]}"
        undo = held.read_undo()
        image = None
        if undo is not None:
            try:
                image = self.image(Target(namespace=namespace, workload=workload), undo.container)
            except (ClusterError, ValueError):
                image = None
        return FoundDrill(namespace, workload, held, image)
