"""Opens what a drill is about: its plan, its target on a cluster, the registry of its images. Changes nothing, but for
the target that a drill brings along for the embedded cluster."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from flowdrill.analysis.access_needs import ledger_name
from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.guard.post import Post
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.guard_job import KubernetesGuardJob, open_guard_job
from flowdrill.edges.kubernetes.ledger_map import open_ledger_map
from flowdrill.edges.kubernetes.load_jobs import KubernetesLoadJobs, open_load_jobs
from flowdrill.edges.kubernetes.load_manifest import PodLoad
from flowdrill.edges.kubernetes.provider import KubernetesProvider, open_provider
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.ledgerfile.ledger_file import LedgerFile
from flowdrill.edges.load.locust_load import SAMPLES_FILE, settings_of
from flowdrill.edges.people.audit_log import AuditLog
from flowdrill.edges.planfiles.reading import (
    shipped_scenarios,
)
from flowdrill.edges.prometheus.alert_source import PrometheusAlerts, open_alerts
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.rollback.command import Command, Place
from flowdrill.edges.scanner.trivy import TrivyScanner
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.engine.image_ports import LedgerBook
from flowdrill.engine.order import RunOrder
from flowdrill.engine.source_ports import Source
from flowdrill.errors import TargetMissingError
from flowdrill.model.drill import Drill, RegistryAccess
from flowdrill.model.limits_plan import LimitName
from flowdrill.oci.client import RegistryClient, open_registry
from flowdrill.preparing.allowing import Permit, Where, permit_of
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.embedded import embedded_drill
from flowdrill.preparing.limiting import looks_of
from flowdrill.preparing.obstructing import obstacles_of

Say = Callable[[str], None]


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
    audit: AuditLog | None
    alerts: PrometheusAlerts | None
    environ: Mapping[str, str]  # with the API key that the load needs
    command: Command | None  # where the drill's strategy is one
    obstacles: tuple[Obstacle, ...]
    around: Mapping[LimitName, Source]  # who looks at what a limit is about
    guard_job: KubernetesGuardJob | None  # where the drill names a guard in the cluster
    load_jobs: KubernetesLoadJobs | None  # where the load is sent from the cluster
    post: Post  # where the cluster is, for another process
    fence: Fence


@contextmanager
def open_drill(
    plan: DrillFile, cluster: Cluster, say: Say, environ: Mapping[str, str] = os.environ
) -> Iterator[OpenDrill]:
    """Connect to everything the drill is about, while the context lasts; secrets are taken from `environ`.
    FlowdrillError when it is not there."""
    drill, context, kubeconfig = plan.drill, cluster.context, cluster.kubeconfig
    switch = own_log = None
    ephemeral, fence = False, Fence()
    with ExitStack() as stack:
        alerts = stack.enter_context(open_alerts(drill.detect, plan.path.parent, environ))
        images = open_images(drill.registry, plan.found.read_source, fence.refuse_if_closed)
        registry = stack.enter_context(closing(images))
        if context is None:
            here = stack.enter_context(
                embedded_drill(
                    drill,
                    plan.path.parent,
                    registry,
                    say,
                    cluster.running,
                    environ,
                    deploys_on_running=cluster.deploys,
                )
            )
            context, kubeconfig, environ = here.context, here.kubeconfig, here.environ
            switch, own_log, ephemeral = here.registry_switch, here.audit_log, here.ephemeral
        workload = stack.enter_context(_open_target(plan, cluster, context, kubeconfig, fence))
        provider = None
        if drill.provider is not None:
            provider = stack.enter_context(
                open_provider(context, drill.provider, drill.target, kubeconfig=kubeconfig, fence=fence)
            )
        guard_job, inside = None, drill.guard.in_cluster
        if inside is not None:
            guard_job = stack.enter_context(
                open_guard_job(context, drill.target, inside, drill.registry, kubeconfig=kubeconfig, fence=fence)
            )
        load_jobs, pods = None, drill.load.in_cluster
        if pods is not None and cluster.context is not None:  # else this machine is the cluster
            load_jobs = stack.enter_context(
                open_load_jobs(context, drill.target, pods, _pod_load_of(drill), kubeconfig=kubeconfig, fence=fence)
            )
        ledger = stack.enter_context(open_book(drill, plan.path.parent, context, kubeconfig))
        scanner = scanner_of(drill, plan.path.parent)
        obstacles = obstacles_of(drill, workload, registry, plan.path.parent, switch)
        audit = audit_log_of(drill, plan.path.parent, own_log)
        command = _command_of(plan, workload, context, kubeconfig, environ)
        yield OpenDrill(
            workload=workload,
            provider=provider,
            registry=registry,
            ledger=ledger,
            scanner=scanner,
            audit=audit,
            alerts=alerts,
            environ=environ,
            command=command,
            obstacles=obstacles,
            around=looks_of(drill, workload, alerts, named=cluster.context is not None),
            guard_job=guard_job,
            load_jobs=load_jobs,
            post=Post(
                context,
                absolute_kubeconfig(kubeconfig),
                str(plan.path.parent.absolute()),
                ephemeral,
                None if switch is None else str(switch),
            ),
            fence=fence,
        )


def _pod_load_of(drill: Drill) -> PodLoad:
    """What the pods that send the load are told."""
    settings = settings_of(drill.load, -1, None, Path(SAMPLES_FILE))
    return PodLoad(
        workers=drill.load.workers or 1,
        settings=settings.to_json(),
        api_key_variable=drill.load.api_key_from,
        silence_seconds=drill.guard.lease,
        wall_clock_limit_seconds=drill.wall_clock_limit_seconds,
    )


def _command_of(
    plan: DrillFile, workload: KubernetesWorkload, context: str, kubeconfig: str | None, environ: Mapping[str, str]
) -> Command | None:
    argv, target = plan.drill.rollback.command, plan.drill.target
    if not argv:
        return None
    place = Place(
        folder=plan.path.parent.absolute(),
        namespace=target.namespace,
        workload=target.workload,
        container=workload.container,
        context=context,
        kubeconfig=None if kubeconfig is None else str(Path(kubeconfig).absolute()),
    )
    return Command(argv, place, environ, MonotonicClock())


def absolute_kubeconfig(kubeconfig: str | None) -> str | None:
    """Return the kubeconfig that is meant, so that a process in another folder finds it; None: kubectl's default."""
    files = kubeconfig or os.environ.get("KUBECONFIG")
    if not files:
        return None
    return os.pathsep.join(str(Path(one).expanduser().absolute()) for one in files.split(os.pathsep) if one)


def _open_target(
    plan: DrillFile, cluster: Cluster, context: str, kubeconfig: str | None, fence: Fence
) -> KubernetesWorkload:
    try:
        return open_workload(
            context,
            plan.drill.target,
            kubeconfig=kubeconfig,
            rollback=plan.drill.rollback,
            near=plan.path.parent,
            read_source=plan.found.read_source,
            fence=fence,
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


def audit_log_of(drill: Drill, near: Path, own: Path | None) -> AuditLog | None:
    """Return the API server's audit log: the one named in the drill, else the embedded cluster's `own`. PlanError when
    what is named cannot be read."""
    named = drill.rollback.audit_log
    if named is not None:
        return AuditLog.open(near / Path(named).expanduser(), drill.target)
    return None if own is None else AuditLog(own, drill.target)


def open_images(
    access: RegistryAccess, read_source: Callable[[str], bytes], may_write: Callable[[], None] = lambda: None
) -> ImageRegistry:
    """Return the registries that image references name, reached as `access` says. `may_write` raises when
    nothing may be written now."""

    def connect(host: str) -> RegistryClient:
        return open_registry(host, plain_http=access.plain_http, ca_file=access.ca_file)

    return ImageRegistry(connect, read_source, access.platform, may_write)


def permit_for(
    plan: DrillFile, cluster: Cluster, approved: Sequence[str] = (), *, approval_asked: bool = False
) -> Permit:
    """Return what lets a drill through on `cluster`, before anything is asked of it; DrillRefusedError when it is
    protected, or (with `approval_asked`) its plan was not approved."""
    where = Where(plan.path, cluster.context, cluster.kubeconfig, None if plan.origin is None else plan.origin.to_plan)
    return permit_of(plan.drill, plan.found, where, approved, approval_asked=approval_asked)


def order_of(plan: DrillFile, workload: KubernetesWorkload, started: datetime, permit: Permit) -> RunOrder:
    """Return the order for a run that starts now, as `permit` lets it."""
    drill, scenario = plan.drill, plan.found.scenario
    return RunOrder(
        drill=drill,
        scenario=scenario,
        run_id=f"{started:%Y%m%dT%H%M%SZ}-{drill.drill}-{secrets.token_hex(3)}",
        container=workload.container,
        cluster=workload.cluster,
        kubernetes_version=workload.kubernetes_version,
        tool_version=version("flowdrill"),
        plan_digest=permit.plan_digest,
        host=socket.gethostname(),
        provider_program=(shipped_scenarios() / "provider" / "provider.py").read_bytes(),
        advisories=plan.advisories,
        require_labels=permit.labels,
        approved=permit.approved,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)
