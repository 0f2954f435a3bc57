"""From a drill's `limits` to who looks at what they are about."""

from __future__ import annotations

from collections.abc import Mapping

from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload
from flowdrill.edges.prometheus.alert_source import PrometheusAlerts
from flowdrill.engine.source_ports import Source
from flowdrill.model.drill import Drill
from flowdrill.model.limits_plan import LimitName, WatchedAlerts


def looks_of(
    drill: Drill, workload: KubernetesWorkload, alerts: PrometheusAlerts | None, *, named: bool
) -> Mapping[LimitName, Source]:
    """Return who looks around for each limit that needs it; `named`: whether somebody named the cluster, or it is the
    embedded one."""
    names, looks = looked_around(drill, named=named), dict[LimitName, Source]()
    if LimitName.OTHER_WORKLOADS in names:
        spared = () if drill.provider is None else (drill.provider.workload,)
        looks[LimitName.OTHER_WORKLOADS] = workload.neighbour_look(spared)
    if LimitName.NODES in names:
        looks[LimitName.NODES] = workload.node_look()
    if LimitName.ALERTS in names and alerts is not None:
        looks[LimitName.ALERTS] = alerts.outside(drill.limits.allow_alerts)
    return looks


def looked_around(drill: Drill, *, named: bool) -> frozenset[LimitName]:
    """Return for which limits somebody looks around the drill."""
    plan = drill.limits
    wanted = {
        LimitName.OTHER_WORKLOADS: named if plan.other_workloads is None else plan.other_workloads,
        LimitName.NODES: named if plan.nodes is None else plan.nodes,
        LimitName.ALERTS: plan.alerts is WatchedAlerts.OUTSIDE,
    }
    return frozenset(name for name, is_wanted in wanted.items() if is_wanted)
