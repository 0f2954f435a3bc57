"""The embedded cluster as a drill sees it: up, with the target on it, reached by a kubeconfig like any other."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdrill.cluster.base_image import find_runtime
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import RunningCluster, running_cluster, temporary_cluster
from flowdrill.cluster.state_folder import Settings, default_state_folder
from flowdrill.edges.kubernetes.deploying import deploy_target
from flowdrill.edges.planfiles.manifests import read_manifests
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import Drill, EmbeddedTarget, Target
from flowdrill.model.image_reference import ImageReference, parse_image_reference

KEY_PLACEHOLDER = "CHOOSE-A-KEY"
_MADE_FROM = "flowdrill.dev/deployed-from"  # a changed key is a rollout too: a Secret alone restarts nothing

Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EmbeddedDrill:
    """Where a drill finds its target, and the environment with the API key its load needs."""

    context: str
    kubeconfig: str
    environ: Mapping[str, str]
    registry_switch: Path  # a file: while it is there, the cluster's registry answers 503
    audit_log: Path
    ephemeral: bool  # whether the cluster ends with this process


@contextmanager
def embedded_cluster(say: Say) -> Iterator[RunningCluster]:
    """The running embedded cluster, or one for as long as the context lasts."""
    running = running_cluster(default_state_folder(os.environ))
    with _started(say) if running is None else nullcontext(running) as cluster:
        yield cluster


@contextmanager
def embedded_drill(
    drill: Drill, near: Path, images: ImageRegistry, say: Say, running: RunningCluster | None = None,
    environ: Mapping[str, str] = os.environ, *, deploys_on_running: bool = True,
) -> Iterator[EmbeddedDrill]:  # fmt: skip
    """The running embedded cluster, or one of its own, with the drill's target on it: on a running
    one it is left as it is unless `deploys_on_running`. Files are named from `near`, the drill file's folder.
    ClusterError or PlanError when that cannot be."""
    running = running or running_cluster(default_state_folder(os.environ))
    if running is None and drill.embedded is None:
        raise PlanError(
            "no cluster is named, and no embedded cluster is up that could have this drill's target",
            "name a cluster with --context NAME; or have the drill bring its target (`embedded:`); or "
            "`flowdrill cluster up` and deploy the target yourself",
        )
    with _started(say) if running is None else nullcontext(running) as cluster:
        environ = _with_key(drill, cluster, environ)
        if drill.embedded is not None and (running is None or deploys_on_running):
            image = _image(drill.embedded, near, cluster, images)
            say(f"deploying {drill.target.workload} with {image}")
            items = target_objects(drill, near, image, environ)
            deploy_target(CONTEXT, str(cluster.folder.kubeconfig), items, awaited_workloads(drill, items))
        folder, ephemeral = cluster.folder, cluster.temporary
        yield EmbeddedDrill(CONTEXT, str(folder.kubeconfig), environ, folder.registry_down, folder.audit_log, ephemeral)


def base_image(cluster: RunningCluster) -> ImageReference:
    """Return the image that stands for this machine's LangFlow runtime; ClusterError when there is none."""
    if cluster.base_image is None:
        raise ClusterError(
            "the embedded cluster has no LangFlow runtime to run a flow with",
            "install one (`uv venv .venv-lfx && uv pip install --python .venv-lfx lfx`), then "
            "`flowdrill cluster down` and `flowdrill cluster up --runtime .venv-lfx/bin`",
        )
    return parse_image_reference(cluster.base_image)


def trusted_image(text: str, cluster: RunningCluster, option: str) -> ImageReference:
    """Return an image that the cluster may run; PlanError for one that is named wrongly, or of a registry that it does
    not trust."""
    try:
        reference = parse_image_reference(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}", "write it as docker pull does, with its digest") from error
    trusted = (cluster.registry, *cluster.settings.trusted_registries)
    if reference.registry not in trusted:
        raise PlanError(
            f"{option} {text}: the embedded cluster does not trust the registry {reference.registry}: its images would "
            "run as processes of yours",
            f"`flowdrill cluster up --trust-registry {reference.registry}`, then try again",
        )
    return reference


@contextmanager
def _started(say: Say) -> Iterator[RunningCluster]:
    runtime = find_runtime(os.environ, Path.cwd())
    say("starting an embedded cluster for this command alone (`flowdrill cluster up` keeps one)")
    settings = Settings() if runtime is None else Settings(
        runtime=str(runtime.bin_folder), runtime_version=runtime.version
    )  # fmt: skip
    with temporary_cluster(settings) as cluster:
        yield cluster


def _with_key(drill: Drill, cluster: RunningCluster, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with an API key of the cluster's own where the drill needs one and none is set."""
    variable = drill.load.api_key_from
    if variable is None or environ.get(variable) or drill.embedded is None:
        return environ
    secret = cluster.folder.token.read_bytes()
    about = f"{drill.target.namespace}/{drill.target.workload}".encode()
    return {**environ, variable: hmac.new(secret, about, hashlib.sha256).hexdigest()[:32]}


def _image(target: EmbeddedTarget, near: Path, cluster: RunningCluster, images: ImageRegistry) -> str:
    if target.image is not None:
        return target.image
    flow_file = near / str(target.flow)
    base = base_image(cluster)
    try:
        flow = flow_file.read_bytes()
    except OSError as error:
        raise PlanError(f"{flow_file}: {error.strerror}", "embedded.flow names a flow beside the drill file") from error
    tag = hashlib.sha256(flow).hexdigest()[:12]
    to = ImageReference(cluster.registry, f"flows/{_repository_name(flow_file)}", tag, None)
    made = images.make_flow_image(flow, flow_file.name, base, to)
    return str(made.reference.at_digest(str(made.reference.digest)))


def _repository_name(flow_file: Path) -> str:
    letters = (one if one.isascii() and one.isalnum() else "-" for one in flow_file.stem.lower())
    return "".join(letters).strip("-") or "flow"


def target_objects(drill: Drill, near: Path, image: str, environ: Mapping[str, str]) -> list[Json]:
    """The target's objects, with the image and the key put in."""
    assert drill.embedded is not None  # noqa: S101 - for the type checker
    items = read_manifests(near / drill.embedded.manifests)
    variable = drill.load.api_key_from
    key = environ.get(variable, "") if variable else ""
    for item in items:
        strings = item.get("stringData")
        if isinstance(strings, dict):
            item["stringData"] = {name: key if text == KEY_PLACEHOLDER else text for name, text in strings.items()}
    written = hashlib.sha256(repr((items, key)).encode()).hexdigest()[:16]
    pod = _target_template(drill, items)
    _target_container(drill, pod)["image"] = image
    pod.setdefault("metadata", {}).setdefault("annotations", {})[_MADE_FROM] = written
    return items


def awaited_workloads(drill: Drill, items: list[Json]) -> list[Target]:
    """Return the workloads that must be ready before the drill: a provider only where the manifests hold one."""
    provider = drill.provider and drill.provider.target(drill.target.namespace)
    return [one for one in (provider, drill.target) if one and _workload(one, items) is not None]


def _target_container(drill: Drill, pod: Json) -> Json:
    containers = pod["spec"]["containers"]
    chosen = [one for one in containers if drill.target.container in (None, one["name"])]
    if len(chosen) != 1:
        names = ", ".join(str(one["name"]) for one in containers)
        file = drill.embedded.manifests if drill.embedded else ""
        raise PlanError(f"target.container: {file} has the containers {names}", "name one of them")
    container: Json = chosen[0]
    return container


def _workload(target: Target, items: list[Json]) -> Json | None:
    for item in items:
        meta = item["metadata"]
        named = (str(item["kind"]).lower(), meta["name"], meta.get("namespace", "default"))
        if named == (target.kind.value, target.name, target.namespace):
            return item
    return None


def _target_template(drill: Drill, items: list[Json]) -> Json:
    """The template of the target's pods; PlanError when the manifests have none with containers."""
    template = ((_workload(drill.target, items) or {}).get("spec") or {}).get("template")
    if isinstance(template, dict) and (template.get("spec") or {}).get("containers"):
        return template
    file = drill.embedded.manifests if drill.embedded else ""
    raise PlanError(
        f"embedded.manifests: {file} has no {drill.target.workload} with containers in namespace "
        f"{drill.target.namespace}",
        "it must hold the drill's target",
    )
