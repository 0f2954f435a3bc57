"""Who stands for a run, as far as it was said, and what is known of it when it begins: found out before anything is
asked of a cluster."""

from __future__ import annotations

import os
import pwd
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.host.clock_discipline import clock_discipline
from flowdrill.edges.runfolder.earlier_run import named_run, newest_run
from flowdrill.errors import DrillRefusedError, PlanError
from flowdrill.model.audit_facts import AuditFacts, ClaimedName
from flowdrill.model.audit_plan import LONGEST_NAME
from flowdrill.model.drill import Drill

RAN_BY, APPROVED_BY = "FLOWDRILL_RAN_BY", "FLOWDRILL_APPROVED_BY"
# whom a pipeline runs for; of a job that somebody has started again, who did that
_ACTORS = (
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_CREATOR",
    "CIRCLE_USERNAME",
    "BUILD_REQUESTEDFOR",
)


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of a run on the command line."""

    ran_by: str | None = None
    approved_by: str | None = None
    previous: Path | None = None  # the folder of the run before it
    of_workload: bool = False  # that one is looked for among the runs of the same workload: one drill, many workloads


NOTHING_TOLD = Told()


def people_of(drill: Drill, told: Told, environ: Mapping[str, str] = os.environ) -> AuditFacts:
    """Return who runs the drill, and who has approved that, as claimed; PlanError when a name is none,
    DrillRefusedError when the drill wants two people and there are not two names."""
    ran_by = _named(told.ran_by, "--ran-by", environ, (RAN_BY, *_ACTORS)) or _user()
    approved_by = _named(told.approved_by, "--approved-by", environ, (APPROVED_BY,))
    if drill.audit.separate_approver:
        _refuse_one_person(drill, ran_by, approved_by)
    return AuditFacts(ran_by=ran_by, approved_by=approved_by)


def audit_facts_of(drill: Drill, told: Told, out: Path, environ: Mapping[str, str] = os.environ) -> AuditFacts:
    """Return the same with the run before this one, in `out` where none was named, and what this host says of its
    clock. RunFolderError when what was named is no run of this drill."""
    people = people_of(drill, told, environ)
    workload = (drill.target.namespace, drill.target.workload) if told.of_workload else None
    before = newest_run(out, drill.drill, workload) if told.previous is None else named_run(told.previous, drill.drill)
    return AuditFacts(people.ran_by, people.approved_by, before, clock_discipline())


def _refuse_one_person(drill: Drill, ran_by: ClaimedName, approved_by: ClaimedName | None) -> None:
    wants = f"drill {drill.drill} wants an approver who is not who runs it (audit.separate_approver)"
    if approved_by is None:
        raise DrillRefusedError(
            f"{wants}, and no approver is named; it is run by {ran_by.name} ({ran_by.source})",
            f"name who has approved it with --approved-by NAME, or ${APPROVED_BY}",
        )
    if _same(ran_by.name, approved_by.name):
        raise DrillRefusedError(
            f"{wants}: it is run by {ran_by.name} ({ran_by.source}), and approved by {approved_by.name} "
            f"({approved_by.source})",
            "have somebody else approve it; where somebody else runs it, say so with --ran-by NAME",
        )


def _same(one: str, other: str) -> bool:
    """Neither capitals, spaces nor ways of writing a letter make another person."""
    return _key(one) == _key(other)


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _named(told: str | None, option: str, environ: Mapping[str, str], variables: tuple[str, ...]) -> ClaimedName | None:
    """What the option says, else the first variable that says something."""
    if told is not None:
        return _checked(told, option)
    found = next((name for name in variables if environ.get(name, "").strip()), None)
    return None if found is None else _checked(environ[found], f"${found}")


def _checked(name: str, source: str) -> ClaimedName:
    shown = redact(" ".join(printable(name).split()))
    if not shown or len(name) > LONGEST_NAME:
        problem = "is empty" if not shown else f"is longer than {LONGEST_NAME} characters"
        raise PlanError(f"{source}: {problem}", "give a person's name, or their account's")
    return ClaimedName(shown, source)


def _user() -> ClaimedName:
    """The user that the process runs as: not the one that a variable says."""
    uid, source = os.getuid(), "this host's user account"
    try:
        return ClaimedName(printable(pwd.getpwuid(uid).pw_name), source)
    except KeyError:
        return ClaimedName(f"user id {uid}", source)
