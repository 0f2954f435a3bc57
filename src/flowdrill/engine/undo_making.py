"""From what preflight has found to the undo that is written down before anything is broken."""

from __future__ import annotations

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.order import RunOrder
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.load_job import master_job_name
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.undo import Undo


def undo_of(order: RunOrder, cleared: Cleared) -> Undo:
    """Return all that is needed to put the workload back."""
    drill, stable, start = order.drill, cleared.stable, cleared.provider
    plan = drill.provider
    has_mode = plan is not None and plan.workload in cleared.release.stable_beside
    return Undo(
        run_id=order.run_id,
        workload=drill.target.workload,
        namespace=drill.target.namespace,
        container=order.container,
        image=stable.written,
        change_cause=stable.change_cause,
        host=order.host,
        fields=cleared.release.stable_fields,
        beside=cleared.release.stable_beside,
        started=None if start is None else start.workload,
        obstacles=cleared.obstacles,
        uid=cleared.before.uid,
        pinned=str(stable.pinned),
        digests=tuple(sorted(stable.digests)),
        replicas=cleared.before.wanted_replicas,
        revision_limit=cleared.revision_limit,
        pods=tuple(pod.uid for pod in cleared.before.pods),
        broken=cleared.broken.image,
        recovery=None if cleared.recovery is None else cleared.recovery.image,
        provider_image=None if start is None else start.image.image,
        provider=plan.workload if plan is not None and has_mode else None,
        runs_command=drill.rollback.way is Strategy.COMMAND,
        lease_seconds=drill.guard.lease,
        guard_job=None if drill.guard.in_cluster is None else guard_job_name(drill.target),
        load_job=None if drill.load.in_cluster is None else master_job_name(drill.target),
        limit_seconds=drill.rollback.limit,
    )
