"""Everything of the cluster that decides whether a rollback goes through, in one look of a few requests at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.looking import Looked, listed, listed_in_any
from flowdrill.edges.kubernetes.node_facts import cached_digests_of, platforms_of
from flowdrill.edges.kubernetes.opponents import (
    autoscalers,
    delivery_tools,
    disruption_budgets,
    own_settings,
    turnover_of,
)
from flowdrill.edges.kubernetes.pull_secrets import pull_access_of
from flowdrill.edges.kubernetes.quota_room import quota_opponents
from flowdrill.edges.kubernetes.release_owners import release_owners_of
from flowdrill.edges.kubernetes.revision_history import revision_limit_of, revisions_of
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import inside
from flowdrill.model.surroundings import Opponent, Surroundings
from flowdrill.model.workload import WorkloadKind

_AT_ONCE = 6  # the API server is elsewhere: most of the time is the way there and back
_NODES_A_PAGE = 100  # one with its image list has some 30 kB


def surroundings_of(api: Api, target: FoundTarget) -> Surroundings:
    """Return what a rollback of the target meets. What may not be read is among the `unknown`."""
    workload = api.get(target.path)
    template = inside(workload, "spec", "template")
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        kept = pool.submit(listed, api, target.revisions, target.selector)
        nodes = pool.submit(listed, api, "/api/v1/nodes", page=_NODES_A_PAGE)
        pulls = pool.submit(pull_access_of, api, target, template)
        owners = pool.submit(release_owners_of, api, target, workload)
        limits = pool.submit(_quotas, api, target)
        looked = {what: pool.submit(listed_in_any, api, paths) for what, paths in _lists(target).items()}
    quotas, limit_ranges = limits.result()
    around = {what: one.result() for what, one in looked.items()}
    opponents = (
        *own_settings(target, workload),
        *quota_opponents(template, turnover_of(target.kind, workload), quotas.items, limit_ranges.items),
        *pulls.result().opponents,
        *owners.result().opponents,
        *delivery_tools(target, around["Argo Rollouts"].items, around["Flagger's canaries"].items),
        *autoscalers(target, around["autoscalers"].items),
        *disruption_budgets(template, around["disruption budgets"].items),
    )
    seen = {"revisions": kept.result(), "nodes": nodes.result(), "quotas": quotas, "limit ranges": limit_ranges}
    return Surroundings(
        revisions=revisions_of(target, workload, kept.result().items),
        revision_limit=revision_limit_of(workload),
        opponents=_distinct(opponents),
        node_platforms=platforms_of(nodes.result().items, template) if nodes.result().known else None,
        cached_digests=cached_digests_of(nodes.result().items) if nodes.result().known else None,
        pull_secrets=pulls.result().secrets,
        unknown=(*_problems(seen | around), *pulls.result().unknown, *owners.result().unknown),
    )


def _lists(target: FoundTarget) -> dict[str, list[str]]:
    """What else is listed: the paths, newest version first, by what it is in plain words."""
    space = f"namespaces/{target.namespace}"
    paths = {
        "autoscalers": [f"/apis/autoscaling/v1/{space}/horizontalpodautoscalers"],
        "disruption budgets": [f"/apis/policy/{version}/{space}/poddisruptionbudgets" for version in ("v1", "v1beta1")],
        "Argo Rollouts": [f"/apis/argoproj.io/v1alpha1/{space}/rollouts"],
        "Flagger's canaries": [f"/apis/flagger.app/v1beta1/{space}/canaries"],
    }
    if target.kind is WorkloadKind.STATEFULSET:  # which these two do not take
        return paths | {"Argo Rollouts": [], "Flagger's canaries": []}
    return paths


def _quotas(api: Api, target: FoundTarget) -> tuple[Looked, Looked]:
    """The namespace's quotas and, where there are some, its limit ranges, which fill in what a pod does not ask for."""
    quotas = listed(api, target.core("resourcequotas"))
    return quotas, listed(api, target.core("limitranges")) if quotas.items else Looked()


def _problems(seen: dict[str, Looked]) -> tuple[str, ...]:
    return tuple(f"{what}: {one.problem}" for what, one in seen.items() if not one.known)


def _distinct(opponents: tuple[Opponent, ...]) -> tuple[Opponent, ...]:
    return tuple(dict.fromkeys(opponents))
