"""Who has changed the workload, by an API server's audit log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowdrill.edges.people.audit_log import AuditLog
from flowdrill.errors import PlanError
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.drill import Target

TARGET = Target(namespace="demo", workload="deployment/app")
AT = "2026-01-01T12:00:00.250000Z"


def event(**changes: Any) -> str:
    usual: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "stage": "ResponseComplete",
        "requestURI": "/apis/apps/v1/namespaces/demo/deployments/app",
        "verb": "patch",
        "user": {"username": "alice", "groups": ["system:authenticated"]},
        "userAgent": "kubectl/v1.36.2 (linux/amd64) kubernetes/abc",
        "objectRef": {"resource": "deployments", "namespace": "demo", "name": "app", "apiGroup": "apps"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": AT,
    }
    return json.dumps(usual | changes) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "audit.log"
    path.write_text(event(user={"username": "before the drill"}))
    return path


@pytest.fixture
def log(file: Path) -> AuditLog:
    found = AuditLog.open(file, TARGET)
    found.begin()
    return found


def add(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def test_a_change_since_the_beginning_is_told_with_user_program_and_time(log: AuditLog, file: Path) -> None:
    assert log.changes() == ()
    add(file, event())
    at_ns = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()) * 1_000_000_000 + 250_000_000
    expected = AuditedChange("alice", None, "kubectl/v1.36.2 (linux/amd64) kubernetes/abc", "patch", at_ns)
    assert log.changes() == (expected,)
    assert log.changes() == (expected,), "nothing is read twice"


def test_who_acts_as_somebody_is_told_with_both_names(log: AuditLog, file: Path) -> None:
    add(file, event(impersonatedUser={"username": "on-call"}))
    (change,) = log.changes()
    assert change.who == "on-call (as which alice acted)"


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "RequestReceived"},
        {"verb": "get"},
        {"responseStatus": {"code": 403}},
        {"responseStatus": None},
        {"userAgent": "flowdrill"},
        {"requestURI": "/apis/apps/v1/namespaces/demo/deployments/app?dryRun=All"},
        {"objectRef": {"resource": "deployments", "namespace": "demo", "name": "app-2", "apiGroup": "apps"}},
        {"objectRef": {"resource": "deployments", "namespace": "other", "name": "app", "apiGroup": "apps"}},
        {
            "objectRef": {
                "resource": "deployments",
                "namespace": "demo",
                "name": "app",
                "apiGroup": "apps",
                "subresource": "scale",
            }
        },
        {"objectRef": "app"},
    ],
)
def test_what_is_no_accepted_change_of_the_workload_by_somebody_else_is_left_out(
    log: AuditLog, file: Path, changes: dict[str, Any]
) -> None:
    add(file, event(**changes))
    assert log.changes() == ()


def test_lines_that_are_none_do_not_hide_the_others(log: AuditLog, file: Path) -> None:
    add(file, 'app not json\n["app"]\n\n' + event()[:40])
    assert log.changes() == ()
    add(file, event()[40:])
    assert len(log.changes()) == 1


def test_names_are_cut_redacted_and_printable(log: AuditLog, file: Path) -> None:
    add(file, event(user={"username": "\x1b[2Jeve token=abcdefgh12345678" + "x" * 500}, userAgent=7))
    (change,) = log.changes()
    assert change.user.isprintable()
    assert len(change.user) <= 200
    assert "abcdefgh" not in change.user
    assert change.agent is None


def test_a_log_that_is_rotated_is_read_on(log: AuditLog, file: Path) -> None:
    add(file, event())
    assert len(log.changes()) == 1
    file.rename(file.with_suffix(".1"))
    assert len(log.changes()) == 1
    file.write_text(event(user={"username": "bob"}))
    assert [change.user for change in log.changes()] == ["alice", "bob"]


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"rollback.audit_log: .*gone: No such file"):
        AuditLog.open(tmp_path / "gone", TARGET)
