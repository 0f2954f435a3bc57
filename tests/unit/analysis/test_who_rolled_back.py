"""Who rolled back, and how, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowdrill.analysis.who_rolled_back import who_rolled_back
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.workload import FieldManager, WorkloadSnapshot
from tests.fakes.fake_time import FakeTime
from tests.fakes.fake_workload import FakeWorkload

BEFORE = FakeWorkload(FakeTime(), "registry.test/flow@sha256:1").snapshot()
AT = "2026-01-01T12:00:05Z"
AT_NS = 1_767_268_805_000_000_000


def seen(manager: str | None, *, same: bool = True, cause: str | None = None) -> WorkloadSnapshot:
    by = None if manager is None else FieldManager(manager, "Update", AT)
    return replace(
        BEFORE, image_set_by=by, change_cause=cause, template_digest=BEFORE.template_digest if same else "other"
    )


@pytest.mark.parametrize(
    ("manager", "how"),
    [
        ("kubectl", "kubectl rollout undo to revision 4"),
        ("kubectl-rollout", "kubectl rollout undo to revision 4"),
        ("kubectl-set", "kubectl set image, back to the template of revision 4"),
        ("argocd-controller", "Argo CD, back to the template of revision 4"),
        ("our-pipeline", "by a change of the image, back to the template of revision 4"),
    ],
)
def test_the_command_is_told_by_its_field_manager(manager: str, how: str) -> None:
    found = who_rolled_back(BEFORE, seen(manager), 4, ())
    assert found.who == f"somebody with {manager}"
    assert found.how == f"{how}; field manager {manager} (Update at {AT})"


def test_a_server_side_apply_of_the_stable_manifest_is_no_undo() -> None:
    applied = replace(seen("kubectl"), image_set_by=FieldManager("kubectl", "Apply", AT))
    found = who_rolled_back(BEFORE, applied, 4, ())
    assert found.how.startswith("kubectl apply, back to the template of revision 4; ")


def test_of_two_changes_close_by_the_nearest_is_meant() -> None:
    undone = AuditedChange("ann", None, "kubectl", "patch", AT_NS + 400_000_000)
    later = AuditedChange("ben", None, "argocd", "patch", AT_NS + 1_900_000_000)
    assert who_rolled_back(BEFORE, seen("kubectl"), 4, (undone, later)).who == "ann"


def test_a_template_that_is_another_one_is_no_undo() -> None:
    found = who_rolled_back(BEFORE, seen("kubectl", same=False), 4, ())
    assert found.how.startswith("by a change of the image; ")
    assert found.how.endswith("the pod template is not the one from before the drill")


def test_without_managed_fields_and_without_a_log_it_was_somebody() -> None:
    assert who_rolled_back(BEFORE, seen(None), None, ()).who == "somebody"


def test_the_change_cause_is_told_without_its_secrets() -> None:
    found = who_rolled_back(BEFORE, seen("helm", cause="token=abcdefgh12345678\x1b now"), 4, ())
    assert "change-cause: token=" in found.how
    assert "abcdefgh" not in found.how
    assert "\x1b" not in found.how


def test_of_the_audited_changes_the_one_at_the_managers_time_is_meant() -> None:
    changes = [
        AuditedChange("early", None, "kubectl", "patch", AT_NS - 10_000_000_000),
        AuditedChange("alice", "on-call", "kubectl", "patch", AT_NS + 400_000_000),
        AuditedChange("late", None, "kubectl", "patch", AT_NS + 10_000_000_000),
        AuditedChange("timeless", None, "kubectl", "patch", None),
    ]
    assert who_rolled_back(BEFORE, seen("kubectl"), 4, changes).who == "on-call (as which alice acted)"
    assert who_rolled_back(BEFORE, seen("kubectl"), 4, changes[:1]).who == "somebody with kubectl"
    assert who_rolled_back(BEFORE, seen(None), 4, changes[:1]).who == "early"
