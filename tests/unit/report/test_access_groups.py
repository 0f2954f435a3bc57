"""Permissions in groups: one row for what somebody may do with one kind of object."""

from __future__ import annotations

from flowdrill.model.readiness import AccessRow
from flowdrill.model.status import Status
from flowdrill.report.access_groups import access_groups


def row(verb: str, resource: str = "pods", *, allowed: bool | None = True, who: str = "on-call") -> AccessRow:
    return AccessRow(
        who=who,
        verb=verb,
        resource=resource,
        where="namespace/shop",
        name="",
        wanted=True,
        allowed=allowed,
        granted_by="RoleBinding on-call",
        needed_for=f"to {verb}",
    )


def test_verbs_on_the_same_objects_are_one_row_and_no_answer_is_lost() -> None:
    rows = [row("get"), row("list"), row("get", "secrets"), row("watch"), row("get", who="the harness")]
    groups = access_groups(rows)
    assert [(group.who, group.resource, len(group.rows)) for group in groups] == [
        ("on-call", "pods", 3),
        ("on-call", "secrets", 1),
        ("the harness", "pods", 1),
    ]
    assert sorted(one.verb for group in groups for one in group.rows) == sorted(one.verb for one in rows)
    assert groups[0].granted_by == ("RoleBinding on-call",)
    assert groups[0].needed_for == ("to get", "to list", "to watch")


def test_what_is_not_as_it_should_be_comes_first() -> None:
    groups = access_groups([row("get"), row("get", "secrets"), row("patch", "secrets", allowed=False)])
    assert [(group.resource, group.status) for group in groups] == [("secrets", Status.FAIL), ("pods", Status.PASS)]
