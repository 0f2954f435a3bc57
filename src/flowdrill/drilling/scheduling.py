"""`flowdrill manifests`: reads the drills and all that they refer to; refuses what a cluster could not carry out."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from flowdrill.analysis.access_needs import Need, harness_needs
from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.analysis.starts import Starts, starts_within
from flowdrill.drilling.schedule_options import (
    NAME,
    UTC_ZONE,
    Asked,
    cidr_of,
    cron_of,
    host_of,
    image_of,
    matching,
    minor_of,
    storage_of,
    zone_of,
)
from flowdrill.edges.kubernetes.connect import IN_CLUSTER
from flowdrill.edges.planfiles.drill_files import DrillFiles, files_of, laid_out
from flowdrill.edges.planfiles.reading import is_suite, shipped_scenarios
from flowdrill.errors import PlanError
from flowdrill.model.cron import Cron
from flowdrill.model.drill import Target
from flowdrill.model.guard_job import account_user
from flowdrill.model.safety_plan import Approval
from flowdrill.model.scheduled_set import (
    TIME_ZONE,
    ScheduledDrill,
    ScheduledSet,
    account_of,
    cron_job_name,
    short_digest,
)
from flowdrill.preparing.drill_file import DrillFile, plan_of
from flowdrill.preparing.plan_digest import digest_of
from flowdrill.report.rbac_manifests import rbac_manifests, roles_for

_MOST_BYTES = 1_000_000  # of a ConfigMap: etcd takes no object larger than 1.5 MB, the API server no data over 1 MiB
_ROLE = "scheduled"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The set, its Roles as text, and what somebody should know."""

    wanted: ScheduledSet
    roles: tuple[str, ...]
    warnings: tuple[str, ...]


def prepared(drill_files: Sequence[Path], asked: Asked, now: datetime, work: Path) -> Prepared:
    """Return what the manifests are made from; PlanError names the option, or the drill and its key, that cannot be
    used, and a schedule none of whose starts in the next year falls into the drill's calendar."""
    cron, minor = cron_of(asked.schedule), minor_of(asked.kubernetes)
    plans = tuple(_plan(path) for path in drill_files)
    _refuse_same_names(plans)
    parts = tuple(files_of(one.path, one.drill, one.found, work) for one in plans)
    needs_work = any(one.drill.registry.ca_file is not None for one in plans)
    files, paths = laid_out(parts, work if needs_work else None)
    _refuse_too_large(files)
    drills = tuple(
        ScheduledDrill(one.drill, path, _approved(one, asked.approved)) for one, path in zip(plans, paths, strict=True)
    )
    _refuse_what_would_differ(plans, drills, files)
    zones = {one.drill.drill: zone_of(one, asked.time_zone) for one in plans}
    wanted = ScheduledSet(
        drills=drills,
        files=files,
        work=_work(parts, paths, work) if needs_work else ".",
        cron=cron,
        time_zones=zones,
        namespace=matching(asked.namespace, "--namespace", NAME, "a namespace's name, such as flowdrill", 63),
        image=image_of(asked.image),
        minor=minor,
        storage=storage_of(asked, plans),
        pushes=asked.pushes,
        registry=None if asked.registry is None else host_of(asked.registry, "--registry"),
        others=tuple(host_of(one, "--reach") for one in asked.others),
        api_servers=tuple(cidr_of(one) for one in asked.api_servers),
        secret=matching(asked.secret, "--secret", NAME, "a Secret's name", 63),
    )
    by = zones if minor >= TIME_ZONE else dict.fromkeys(zones, UTC_ZONE)
    warnings = [_never_within(one, cron, by[one.drill.drill], now) for one in plans]
    warnings += _at_the_same_time(plans, by)
    return Prepared(wanted, _roles(wanted, plans), tuple(one for one in warnings if one is not None))


def _plan(path: Path) -> DrillFile:
    if is_suite(path):
        raise PlanError(f"{path}: is a suite", "name its drills: each has a CronJob, and Roles, of its own")
    return plan_of(path)


def _refuse_same_names(plans: Sequence[DrillFile]) -> None:
    seen: dict[str, Path] = {}
    for one in plans:
        name = cron_job_name(one.drill.drill)
        if name in seen:
            problem = f"{one.path}: drill: {one.drill.drill} and that of {seen[name]} have one CronJob, {name}"
            raise PlanError(problem, "give each drill a name of its own: it names its CronJob")
        seen[name] = one.path


def _at_the_same_time(plans: Sequence[DrillFile], zones: Mapping[str, str]) -> Iterator[str]:
    """Warn of drills that meet at one workload: the second finds the first one's Lease, and is refused."""
    together: dict[tuple[str, str, str], list[str]] = {}
    for one in plans:
        target, name = one.drill.target, one.drill.drill
        together.setdefault((target.namespace, target.workload, zones[name]), []).append(name)
    for (_, workload, _), names in together.items():
        if len(names) > 1:
            told = (
                f"drills {', '.join(names)} start at {workload} at the same time: only one of them can have its Lease"
            )
            yield f"{told}; give each a --schedule of its own"


def _refuse_too_large(files: dict[str, bytes]) -> None:
    size = sum(len(path) + len(content) * 4 // 3 for path, content in files.items())
    if size > _MOST_BYTES:
        largest = max(files, key=lambda path: len(files[path]))
        raise PlanError(
            f"the drills and their files have {size} bytes, more than the {_MOST_BYTES} that a ConfigMap can hold",
            f"the largest is {largest}; give fewer drills at a time, each set with a --namespace of its own",
        )


def _approved(plan: DrillFile, given: tuple[str, ...]) -> tuple[str, ...]:
    digest = digest_of(plan.drill, plan.found, plan.path.parent, IN_CLUSTER)
    if digest in given:
        return (digest,)
    if plan.drill.safety.approval is Approval.REQUIRED:
        raise PlanError(
            f"{plan.path}: safety.approval: this plan must be approved, and {digest} was not given",
            f'have `flowdrill plan {plan.path} --context "{IN_CLUSTER}" --offline` approved, then --approved {digest}',
        )
    return ()


def _never_within(plan: DrillFile, cron: Cron, zone: str, now: datetime) -> str | None:
    """PlanError when the schedule and the calendar never meet; a warning when they do not always."""
    calendar = plan.drill.calendar
    if calendar is None:
        return None
    found: Starts = starts_within(cron, zone, calendar, now)
    if found.within == 0:
        raise PlanError(
            f"{plan.path}: calendar: a window never opens at a start of --schedule '{cron.text}' ({zone}): none of the "
            f"next {found.looked_at} is within one",
            "change either: every scheduled run would be skipped",
        )
    if found.within < found.looked_at:
        told = f"{found.looked_at - found.within} of the next {found.looked_at} starts are outside of its calendar"
        return f"drill {plan.drill.drill}: {told}, and skipped"
    return None


def _work(parts: tuple[DrillFiles, ...], paths: tuple[str, ...], work: Path) -> str:
    root = parts[0].drill
    for _ in Path(paths[0]).parts:
        root = root.parent
    return work.absolute().relative_to(root).as_posix()


def _refuse_what_would_differ(
    plans: Sequence[DrillFile], drills: Sequence[ScheduledDrill], files: dict[str, bytes]
) -> None:
    """Read the drills anew where nothing but these files is, as the pod will: the plan must be the same."""
    with tempfile.TemporaryDirectory(prefix="flowdrill-") as folder:
        root = Path(folder).resolve() / "drills"
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
        for plan, one in zip(plans, drills, strict=True):
            there = plan_of(root / one.path)
            away = [folder for folder in there.found.folders if not _is_below(folder, root)]
            digests = {digest_of(x.drill, x.found, x.path.parent, IN_CLUSTER) for x in (plan, there)}
            if away or len(digests) > 1:
                problem = f"{plan.path}: in the cluster it would be another plan: scenario {plan.drill.scenario}"
                raise PlanError(
                    f"{problem} is found here in {plan.found.folders[0]}, which a pod does not have",
                    "put it into `scenarios/` beside the drill's folder, or name it by its path",
                )


def _is_below(folder: Path, root: Path) -> bool:
    return any(folder.resolve().is_relative_to(place) for place in (root, shipped_scenarios().resolve()))


def _roles(wanted: ScheduledSet, plans: Sequence[DrillFile]) -> tuple[str, ...]:
    """The Roles of `flowdrill rbac`, for each workload together."""
    made, accounts = [], set[str]()
    for target, role, user, needs, says in _grants(wanted, plans):
        # a name is that of a set, an account and a workload: no other's may take its place where both are applied
        named = f"{role}-{short_digest(wanted.identity, target.namespace, user)}"
        roles = roles_for(named, target, needs)
        made.append(rbac_manifests(roles, user, makes_account=user not in accounts, intro=says))
        accounts.add(user)
    return tuple(made)


def _grants(
    wanted: ScheduledSet, plans: Sequence[DrillFile]
) -> Iterator[tuple[Target, str, str, tuple[Need, ...], str]]:
    """Workload, role, account, what the account needs there, and for what."""
    for target in wanted.targets:
        own = [one for one in plans if _same(one.drill.target, target)]
        needs = _merged(need for one in own for need in harness_needs(one.drill, one.found.scenario))
        names = ", ".join(one.drill.drill for one in own)
        says = f"What flowdrill needs for {names}, from preflight to the clean-up."
        yield target, _ROLE, account_user(wanted.namespace, account_of(target)), needs, says
        guarded = [one for one in own if one.drill.guard.in_cluster is not None]
        needs = _merged(need for one in guarded for need in guard_needs(one.drill, one.found.scenario))
        says = "What the guard in the cluster needs to put everything back."
        for account in sorted(
            {one.drill.guard.in_cluster.service_account for one in own if one.drill.guard.in_cluster}
        ):
            yield target, "guard", account_user(target.namespace, account), needs, says


def _same(one: Target, other: Target) -> bool:
    return (one.namespace, one.workload) == (other.namespace, other.workload)


def _merged(needs: Iterable[Need]) -> tuple[Need, ...]:
    """Each once; what one drill cannot do without is not optional."""
    found: dict[object, Need] = {}
    for need in needs:
        key = replace(need.question, needed_for="")
        held = found.get(key)
        found[key] = need if held is None or (held.optional and not need.optional) else held
    return tuple(found.values())
