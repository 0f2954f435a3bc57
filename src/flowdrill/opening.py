"""Opens what a drill is about: its plan, its target on a cluster, the registry of its images. Changes nothing, but for
the target that a drill brings along for the embedded cluster."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from flowdrill.analysis.access_needs import ledger_name
from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.kubernetes.ledger_map import open_ledger_map
from flowdrill.edges.kubernetes.provider import KubernetesProvider, open_provider
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
from flowdrill.edges.planfiles.reading import (
    ScenarioFolder,
    find_scenario,
    read_advisories,
    read_drill,
    shipped_scenarios,
)
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.runfolder.folder import plan_text
from flowdrill.edges.scanner.trivy import TrivyScanner
from flowdrill.embedded import embedded_drill
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LedgerBook
from flowdrill.engine.preflight import refuse_unfit
from flowdrill.errors import TargetMissingError
from flowdrill.model.advisories import Advisories
from flowdrill.model.drill import Drill, RegistryAccess
from flowdrill.oci.client import RegistryClient, open_registry

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DrillFile:
    """A drill as its file has it, with its scenario."""

    path: Path
    drill: Drill
    found: ScenarioFolder
    advisories: Advisories


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the target is. Without a context: on the embedded cluster, `running` if one is given."""

    context: str | None
    kubeconfig: str | None
    running: RunningCluster | None = None
    deploys: bool = True  # whether a target that the drill brings along is deployed on an embedded cluster that was up


@dataclass(frozen=True, slots=True)
class OpenDrill:
    """Everything a drill is about, connected."""

    workload: KubernetesWorkload
    provider: KubernetesProvider | None
    registry: ImageRegistry
    ledger: LedgerBook
    scanner: TrivyScanner | None
    environ: Mapping[str, str]  # with the API key that the load needs


def plan_of(drill_file: Path) -> DrillFile:
    """Return a drill and its scenario; PlanError when either cannot be used as written."""
    drill = read_drill(drill_file)
    found = find_scenario(drill.scenario, near=drill_file.parent)
    refuse_unfit(drill, found.scenario)
    return DrillFile(drill_file, drill, found, read_advisories(drill.policy.advisories, drill_file.parent))


@contextmanager
def open_drill(plan: DrillFile, cluster: Cluster, say: Say) -> Iterator[OpenDrill]:
    """Connect to everything the drill is about, while the context lasts. FlowdrillError when it is not there."""
    drill, context, kubeconfig = plan.drill, cluster.context, cluster.kubeconfig
    environ: Mapping[str, str] = os.environ
    with ExitStack() as stack:
        registry = stack.enter_context(closing(open_images(drill.registry, plan.found.read_source)))
        if context is None:
            here = stack.enter_context(
                embedded_drill(
                    drill, plan.path.parent, registry, say, cluster.running, deploys_on_running=cluster.deploys
                )
            )
            context, kubeconfig, environ = here.context, here.kubeconfig, here.environ
        workload = stack.enter_context(_open_target(plan, cluster, context, kubeconfig))
        provider = None
        if drill.provider is not None:
            provider = stack.enter_context(open_provider(context, drill.provider, drill.target, kubeconfig=kubeconfig))
        ledger = stack.enter_context(open_book(drill, plan.path.parent, context, kubeconfig))
        scanner = scanner_of(drill, plan.path.parent)
        yield OpenDrill(workload, provider, registry, ledger, scanner, environ)


def _open_target(plan: DrillFile, cluster: Cluster, context: str, kubeconfig: str | None) -> KubernetesWorkload:
    try:
        return open_workload(
            context,
            plan.drill.target,
            kubeconfig=kubeconfig,
            rollback=plan.drill.rollback,
            near=plan.path.parent,
            read_source=plan.found.read_source,
        )
    except TargetMissingError as error:
        if cluster.context is not None or plan.drill.embedded is None:
            raise
        raise TargetMissingError(
            f"the embedded cluster that is up does not have the drill's target: {error.problem}",
            f"`flowdrill run {plan.path}` deploys it there and drills it, and leaves it there; or stop that cluster "
            "(`flowdrill cluster down`): then this command starts one of its own, with the target on it",
        ) from error


@contextmanager
def open_book(drill: Drill, near: Path, context: str, kubeconfig: str | None) -> Iterator[LedgerBook]:
    """The ledger of the drill's target: in the ConfigMap of `context`, or in the file that the drill names, which is
    named from `near`, the drill file's folder."""
    name = ledger_name(drill)
    if name is None:
        yield LedgerFile(near / str(drill.policy.ledger.file), _utc_now)
        return
    with open_ledger_map(context, drill.target.namespace, name, _utc_now, kubeconfig=kubeconfig) as book:
        yield book


def scanner_of(drill: Drill, near: Path) -> TrivyScanner | None:
    """Return what a scanner says, where the drill's policy asks for one."""
    plan = drill.policy.scanner
    return None if plan is None else TrivyScanner(plan, near, drill.registry)


def open_images(access: RegistryAccess, read_source: Callable[[str], bytes]) -> ImageRegistry:
    """Return the registries that image references name, reached as `access` says."""

    def connect(host: str) -> RegistryClient:
        return open_registry(host, plain_http=access.plain_http, ca_file=access.ca_file)

    return ImageRegistry(connect, read_source, access.platform)


def order_of(plan: DrillFile, workload: KubernetesWorkload, started: datetime) -> RunOrder:
    """Return the order for a run that starts now."""
    drill, scenario = plan.drill, plan.found.scenario
    plan_digest = hashlib.sha256(plan_text(drill, scenario).encode()).hexdigest()
    return RunOrder(
        drill=drill,
        scenario=scenario,
        run_id=f"{started:%Y%m%dT%H%M%SZ}-{drill.drill}-{secrets.token_hex(3)}",
        container=workload.container,
        cluster=workload.cluster,
        kubernetes_version=workload.kubernetes_version,
        tool_version=version("flowdrill"),
        plan_digest=f"sha256:{plan_digest}",
        host=socket.gethostname(),
        provider_program=(shipped_scenarios() / "provider" / "provider.py").read_bytes(),
        advisories=plan.advisories,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
