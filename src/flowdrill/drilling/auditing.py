"""The retention checks of a drill's preflight for every LangFlow workload of a namespace, or of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

from flowdrill.analysis.access_needs import default_ledger_name
from flowdrill.analysis.judge import assessed, judge_checks
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.ledger_map import open_ledger_map
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.kubernetes.workload_search import search_workloads
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.engine.findings import Findings
from flowdrill.engine.image_checks import check_tag_policy
from flowdrill.engine.ports import Clock
from flowdrill.engine.way_back import Seen, check_images, image_rows, read_ledger
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.events import Check, Checked, Event
from flowdrill.model.image_audit import AuditedWorkload, ImageAudit
from flowdrill.model.langflow_workload import LangFlowWorkload
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.readiness import ImageRow
from flowdrill.model.result import Verdict
from flowdrill.preparing.opening import open_images

_WORST_FIRST = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class AuditOrder:
    """What to audit, and how thoroughly."""

    context: str
    kubeconfig: str | None
    namespace: str | None  # None: the whole cluster
    access: RegistryAccess
    policy: PolicyPlan


@dataclass(frozen=True, slots=True)
class _Ports:
    clock: Clock
    registry: ImageRegistry


def audit_images(order: AuditOrder, told: Callable[[int, int], None]) -> ImageAudit:
    """Look at every workload that looks like LangFlow; `told` hears how many of them are done. ClusterError when the
    cluster cannot be asked; a workload that cannot be looked at is in the audit, with the reason."""
    started, began = datetime.now(UTC), time.monotonic()
    found = search_workloads(order.context, order.namespace, kubeconfig=order.kubeconfig)
    workloads: list[AuditedWorkload] = []
    with closing(open_images(order.access, _no_source)) as images:
        for one in found:
            told(len(workloads), len(found))
            workloads.append(_audited(one, order, images))
    told(len(workloads), len(found))
    return ImageAudit(
        cluster=order.context,
        scope=f"namespace/{order.namespace}" if order.namespace else "the cluster",
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        verdict=_worst([one.verdict for one in workloads]),
        workloads=tuple(workloads),
        took_seconds=time.monotonic() - began,
    )


def _audited(found: LangFlowWorkload, order: AuditOrder, images: ImageRegistry) -> AuditedWorkload:
    checks: list[Check] = []

    def emit(event: Event) -> None:
        if isinstance(event, Checked):
            checks.append(event.check)

    clock, problem = MonotonicClock(), ""
    rows: tuple[ImageRow, ...] = ()
    try:
        rows = _looked(found, order, _Ports(clock, images), Findings(clock, emit))
    except FlowdrillError as error:
        problem = error.problem
    verdict, _ = judge_checks(checks, problem or None)
    return AuditedWorkload(
        namespace=found.namespace,
        workload=found.label,
        container=found.container,
        image=found.image,
        because=found.because,
        verdict=verdict,
        checks=tuple(assessed(check) for check in checks),
        images=rows,
        problem=problem,
    )


def _looked(found: LangFlowWorkload, order: AuditOrder, ports: _Ports, findings: Findings) -> tuple[ImageRow, ...]:
    target = found.target()
    with ExitStack() as stack:
        workload = stack.enter_context(open_workload(order.context, target, kubeconfig=order.kubeconfig))
        before = workload.snapshot()
        named = check_tag_policy(before, order.policy, findings).reference
        if named is None:
            return ()
        book = stack.enter_context(
            open_ledger_map(
                order.context, target.namespace, default_ledger_name(target), _utc_now, kubeconfig=order.kubeconfig
            )
        )
        ledger = read_ledger(book, findings)
        seen = Seen(before, named, workload.surroundings(), ledger)
        return image_rows(check_images(seen, order.policy, ports, findings, seed=f"{datetime.now(UTC):%Y%m%d}"))


def _worst(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on all of them; an audit that has looked at nothing knows nothing."""
    return next((one for one in _WORST_FIRST if one in verdicts), Verdict.INCONCLUSIVE)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _no_source(name: str) -> bytes:
    raise PlanError(f"{name}: an audit reads no scenario", "name a drill")
