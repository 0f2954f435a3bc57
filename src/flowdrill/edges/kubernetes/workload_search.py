"""Finds the workloads of a namespace, or of a whole cluster, that run LangFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowdrill.edges.kubernetes.api import Api, Json, labels_query
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.looking import object_name, paged
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.snapshot import manifest_digest
from flowdrill.edges.kubernetes.target import namespace_exists, workloads_path
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.json_shapes import as_mappings, as_text, as_texts, inside
from flowdrill.model.langflow_workload import LangFlowWorkload
from flowdrill.model.workload import WorkloadKind

AUDIT_LABEL = "flowdrill.dev/audit"  # true: LangFlow, whatever it looks like; false: left out
_PORT = 7860
_NAME = re.compile(r"langflow|lfx")
_COMMAND = re.compile(r"\b(?:langflow\s+run|lfx\s+serve)\b")


def search_workloads(
    context: str, namespace: str | None, *, kubeconfig: str | None = None
) -> tuple[LangFlowWorkload, ...]:
    """Return what `list_langflow_workloads` finds on the cluster of `context`. ClusterError, too, when the context
    cannot be used."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    try:
        return list_langflow_workloads(api, namespace)
    finally:
        api.close()


def list_langflow_workloads(api: Api, namespace: str | None) -> tuple[LangFlowWorkload, ...]:
    """Return every container of a Deployment or StatefulSet in `namespace` (None: the whole cluster) that looks like
    LangFlow, by namespace and name. ClusterError when there is no such namespace; ForbiddenError when the workloads may
    not be listed."""
    if namespace is not None and (object_name(namespace) is None or not namespace_exists(api, namespace)):
        raise ClusterError(
            f"the cluster has no namespace {printable(namespace)!r}", "`kubectl get namespaces` lists them"
        )
    found: list[LangFlowWorkload] = []
    for kind in WorkloadKind:
        path = f"/apis/apps/v1/{kind}s" if namespace is None else workloads_path(namespace, kind)
        for workload in paged(api, path):
            found += _langflow_in(api, kind, workload)
    return tuple(sorted(found, key=lambda one: (one.namespace, one.name, one.kind, one.container)))


def _langflow_in(api: Api, kind: WorkloadKind, workload: Json) -> list[LangFlowWorkload]:
    taken = taken_containers(workload)
    space, name = (object_name(inside(workload, "metadata").get(key)) for key in ("namespace", "name"))
    if not taken or space is None or name is None:
        return []
    pods = _pods(api, kind, workload, space)
    return [
        LangFlowWorkload(
            namespace=space,
            kind=kind,
            name=name,
            container=printable(container),
            image=printable(image),
            digests=None if pods is None else _digests(pods, container),
            because=because,
        )
        for container, image, because in taken
    ]


def taken_containers(workload: Json) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Return name, image and reasons of each container that looks like LangFlow. The label takes every container where
    none looks like it, and leaves all out. Pure."""
    template = inside(workload, "spec", "template")
    marks = [inside(one, "metadata", "labels").get(AUDIT_LABEL) for one in (workload, template)]
    if "false" in marks:
        return ()
    containers = as_mappings(inside(template, "spec").get("containers"))
    looks = [(one, _reasons(one)) for one in containers]
    wanted = "true" in marks
    if wanted and not any(reasons for _, reasons in looks):
        looks = [(one, (f"label {AUDIT_LABEL}=true",)) for one in containers]
    return tuple((str(one.get("name")), str(one.get("image") or ""), reasons) for one, reasons in looks if reasons)


def _reasons(container: Json) -> tuple[str, ...]:
    found = []
    image = as_text(container.get("image")) or ""
    if _NAME.search(_repository(image)):
        found.append(f"image {printable(image)}")
    words = " ".join([*as_texts(container.get("command")), *as_texts(container.get("args"))])[:10_000]
    command = _COMMAND.search(words)
    if command:
        found.append(f"command {' '.join(command[0].split())}")
    variables = (as_text(one.get("name")) or "" for one in as_mappings(container.get("env")))
    variable = next((name for name in variables if name.startswith("LANGFLOW_")), None)
    if variable is not None:
        found.append(f"env {printable(variable)}")
    if any(one.get("containerPort") == _PORT for one in as_mappings(container.get("ports"))):
        found.append(f"port {_PORT}")
    return tuple(found)


def _repository(image: str) -> str:
    """The image's name without registry, tag and digest; a registry may be called after anything."""
    path, _, last = image.partition("@")[0].rpartition("/")
    return f"{path.partition('/')[2] if '.' in path or ':' in path else path}/{last.partition(':')[0]}"


def _pods(api: Api, kind: WorkloadKind, workload: Json, namespace: str) -> list[Json] | None:
    """The workload's own pods; None when they may not be listed. A Deployment's ReplicaSets are named by its own name
    and the hash that its pods bear."""
    selector = inside(workload, "spec", "selector")
    try:
        pods = list(paged(api, f"/api/v1/namespaces/{namespace}/pods", labels_query(selector)))
    except ForbiddenError:
        return None
    name, uid = (inside(workload, "metadata").get(key) for key in ("name", "uid"))
    if kind is WorkloadKind.STATEFULSET:
        return [pod for pod in pods if any(one.get("uid") == uid for one in _owners(pod))]
    return [pod for pod in pods if any(one.get("name") == f"{name}-{_hash(pod)}" for one in _owners(pod))]


def _hash(pod: Json) -> object:
    return inside(pod, "metadata", "labels").get("pod-template-hash")


def _owners(pod: Json) -> list[Json]:
    return [one for one in as_mappings(inside(pod, "metadata").get("ownerReferences")) if one.get("controller") is True]


def _digests(pods: Iterable[Json], container: str) -> tuple[str, ...]:
    statuses = (one for pod in pods for one in as_mappings(inside(pod, "status").get("containerStatuses")))
    ids = (as_text(one.get("imageID")) or "" for one in statuses if one.get("name") == container)
    return tuple(sorted({digest for one in ids if (digest := manifest_digest(one)) is not None}))
