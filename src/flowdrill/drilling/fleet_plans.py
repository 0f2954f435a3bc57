"""The plan of each workload of a fleet: the drill's own, with what differs from workload to workload."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from flowdrill.analysis.fleet_url import url_of
from flowdrill.engine.preflight import refuse_unfit
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.fleet_target import FleetTarget
from flowdrill.model.obstacle_plan import KEEPS_PODS_FROM_PULLING
from flowdrill.model.url_template import OF_SERVICE, OF_WORKLOAD, places_in
from flowdrill.preparing.drill_file import DrillFile, Origin

_OWN_URL = "{namespace}, {name}, or of its Service {service}, {port}, {cluster_ip}, {node_port}"


@dataclass(frozen=True, slots=True)
class FleetChoice:
    """Which workloads are drilled, and where the users of each are."""

    selector: str
    namespace: str | None  # None: all
    url: str | None = None  # in the place of the drill's own


def refuse_unfit_for_many(plan: DrillFile, choice: FleetChoice, parallel: int) -> None:
    """PlanError when a drill cannot be carried out at several workloads."""
    drill, url = plan.drill, choice.url or plan.drill.load.url
    remedy = "leave it out for a fleet, or drill its workloads one by one"
    if not choice.selector.strip():
        raise PlanError("--selector: is empty: every workload would be drilled", "such as --selector app=langflow")
    if not set(places_in(url)) & {*OF_WORKLOAD, *OF_SERVICE}:
        where = "load.url" if choice.url is None else "--url"
        raise PlanError(
            f"{where} {url}: is the same for every workload, and users of each are somewhere else",
            f"write what differs in braces: {_OWN_URL}; such as --url http://{{service}}.{{namespace}}.svc:{{port}}",
        )
    if drill.by_people:
        raise PlanError("rollback.by: human: a game day is about one workload", remedy)
    if drill.policy.ledger.file is not None or drill.policy.ledger.config_map is not None:
        raise PlanError("policy.ledger: names one ledger, and each workload has its own", remedy)
    if drill.policy.scanner is not None and drill.policy.scanner.report is not None:
        raise PlanError("policy.scanner.report: is about one image, and each workload has its own", remedy)
    if drill.chaos.activities:
        raise PlanError("chaos: its activities are the same for every workload, whatever each one is called", remedy)
    _refuse_named(drill)
    shared = [one.kind for one in drill.obstacles if one.kind in KEEPS_PODS_FROM_PULLING]
    if parallel > 1 and shared:
        raise PlanError(f"obstacles: {shared[0]} may be in the way of the drills beside, too", "use --parallel 1")


def _refuse_named(drill: Drill) -> None:
    """A command that names the drill's own target would be at work there while another one is drilled."""
    word = re.compile(rf"(?<![-a-z0-9]){re.escape(drill.target.namespace)}(?![-a-z0-9])")
    if any(map(word.search, drill.rollback.command)):
        raise PlanError(
            f"rollback.command: names the namespace {drill.target.namespace}, and each workload has its own",
            "have it read $FLOWDRILL_NAMESPACE and $FLOWDRILL_WORKLOAD",
        )


def plan_for(plan: DrillFile, target: FleetTarget, choice: FleetChoice) -> DrillFile:
    """Return the plan of one workload. Nothing is deployed by it: what is drilled is there. PlanError when its URL is
    not known, or the drill does not fit it."""
    drill = plan.drill
    try:
        url = url_of(choice.url or drill.load.url, target)
    except ValueError as error:
        raise PlanError(
            f"its URL is not known: {error}",
            "give it one Service, or say where its users are by names alone: --url http://{name}.{namespace}.svc:7860",
        ) from error
    data = drill.model_dump(mode="json", by_alias=True)
    data["target"] |= {"namespace": target.namespace, "workload": target.workload}
    data["load"]["url"], data["embedded"] = url, None
    try:
        own = Drill.model_validate_json(json.dumps(data))
    except ValidationError as error:
        problem = "; ".join(str(one["msg"]) for one in error.errors(include_url=False, include_input=False))
        raise PlanError(problem, "leave it out of the fleet, or mend the drill") from error
    refuse_unfit(own, plan.found.scenario)
    return replace(plan, drill=own, origin=_origin(plan, target, choice))


def refuse_shared_urls(
    planned: Sequence[tuple[FleetTarget, DrillFile | FlowdrillError]],
) -> tuple[DrillFile | FlowdrillError, ...]:
    """Return the plans in their order, with a PlanError for each workload whose URL is another one's, too: the answers
    of that one would be taken for its own. Two behind one Service have the same users, and are left as they are."""
    by_url: dict[str, list[FleetTarget]] = {}
    for target, plan in planned:
        if isinstance(plan, DrillFile):
            by_url.setdefault(plan.drill.load.url, []).append(target)
    return tuple(_told_apart(target, plan, by_url) for target, plan in planned)


def _told_apart(
    target: FleetTarget, plan: DrillFile | FlowdrillError, by_url: Mapping[str, Sequence[FleetTarget]]
) -> DrillFile | FlowdrillError:
    if not isinstance(plan, DrillFile):
        return plan
    url = plan.drill.load.url
    other = next((one for one in by_url[url] if one != target and not _behind_one_service(one, target)), None)
    if other is None:
        return plan
    return PlanError(
        f"its URL {url} is also that of {other.where}: nobody could tell whose answers they are",
        "have the URL tell them apart, such as --url http://{name}.{namespace}.svc:7860",
    )


def _behind_one_service(one: FleetTarget, other: FleetTarget) -> bool:
    return one.namespace == other.namespace and bool({*one.services} & {*other.services})


def _origin(plan: DrillFile, target: FleetTarget, choice: FleetChoice) -> Origin:
    url = () if choice.url is None else ("--url", choice.url)
    return Origin("run", plan.path, ("--selector", choice.selector, "--namespace", target.namespace, *url))
