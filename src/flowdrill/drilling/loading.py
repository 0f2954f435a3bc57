"""What sends a drill's load, and from where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowdrill.edges.load.cluster_frames import ClusterFrames
from flowdrill.edges.load.frame_load import FrameLoad
from flowdrill.edges.load.local_master import LocalMaster
from flowdrill.edges.load.locust_load import LocustLoad, api_key_of
from flowdrill.edges.planfiles.reading import shipped_scenarios
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, Load
from flowdrill.model.load_plan import LoadPlan
from flowdrill.preparing.opening import OpenDrill

_JOIN_SECONDS = 120.0  # for workers in the cluster, once their pods run


def load_of(order: RunOrder, here: OpenDrill, folder: Path, clock: Clock) -> Load:
    """Return one Locust process that tells of each request, or a master with workers that keep bins: beside this
    process, or in the cluster."""
    plan, files = order.drill.load, shipped_scenarios() / "load"
    if plan.workers is None:
        locust_file = files / "run_flow.py"
        return LocustLoad(plan, environ=here.environ, folder=folder, locust_file=locust_file, clock=clock)
    key = key_here(plan, here.environ, elsewhere=here.load_jobs is not None)
    secrets = () if key is None else (key,)
    if here.load_jobs is not None:
        pods = ClusterFrames(
            here.load_jobs, order.run_id, plan.workers, folder, clock,
            silence_seconds=order.drill.guard.lease, secrets=secrets,
        )  # fmt: skip
        return FrameLoad(pods, folder=folder, clock=clock, secrets=secrets, start_seconds=_JOIN_SECONDS)
    source = LocalMaster(
        plan, environ=here.environ, folder=folder, locust_file=files / "run_flow_shared.py", clock=clock
    )
    return FrameLoad(source, folder=folder, clock=clock, secrets=secrets)


def key_here(plan: LoadPlan, environ: Mapping[str, str], *, elsewhere: bool) -> str | None:
    """Return the API key as this process knows it: it must, where it sends the load; `elsewhere` pods have it from
    their Secret, and here it is only kept out of what is written, where it is known. PlanError when it is missing."""
    if elsewhere and plan.api_key_from is not None:
        return environ.get(plan.api_key_from) or None
    return api_key_of(plan, environ)
