"""Releases that change data: the rollback does not help, and the restore puts the data back before the stable image."""

from __future__ import annotations

import json

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import NotRestoredError
from flowdrill.model.events import Checked, ImageSet, Purpose
from flowdrill.model.result import Verdict
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_registry import BROKEN_DIGEST, RECOVERY_DIGEST
from tests.fakes.world import SCENARIO, STABLE, World, drill_of

MIGRATES = Scenario.model_validate_json(
    json.dumps(
        {
            "scenario": "migrates",
            "story": "s",
            "changes": {"python": [{"code": "migrate()"}]},
            "recovery": {"python": [{"code": "put_back()"}]},
            "symptom": "bad-answers",
            "seen_by_users": "500",
            "rollback_helps": False,
        }
    )
)


def world_of(kind: WorkloadKind = WorkloadKind.DEPLOYMENT, *, puts_back: str = RECOVERY_DIGEST) -> World:
    drill = drill_of(rollback={"limit": "20s"}, target={"namespace": "demo", "workload": f"{kind}/app"})
    return World(drill=drill, scenario=MIGRATES, kind=kind, migrates=BROKEN_DIGEST, puts_back=puts_back)


def images_set(world: World) -> list[tuple[Purpose, str]]:
    return [(event.purpose, event.image.partition("@")[2]) for event in world.all_of(ImageSet)]


@pytest.mark.parametrize("kind", WorkloadKind)
def test_the_data_is_put_back_before_the_stable_image_and_nothing_is_left(kind: WorkloadKind) -> None:
    world = world_of(kind)
    outcome = world.run()
    assert outcome.error is None
    assert not world.workload.migrated
    assert [digest for purpose, digest in images_set(world) if purpose is Purpose.RESTORE] == [
        RECOVERY_DIGEST,
        STABLE.partition("@")[2],
    ]
    assert world.problems_left() == []
    assert not any(RECOVERY_DIGEST in image for image in world.workload.revisions)


def test_a_rollback_that_cannot_complete_on_changed_data_does_not_help() -> None:
    world = world_of()
    world.run()
    report = report_of(world.record())
    assert report.result.verdict is Verdict.FAIL
    helped = next(check for check in report.result.checks if check.name == "rollback_helped")
    assert helped.status is Status.FAIL
    assert "does not help" in helped.detail
    assert any(name.startswith("not-rolled-back-log-") for name in world.evidence.files)


@pytest.mark.parametrize("seconds", [15.5, 16.0, 18.0, 20.0, 25.0, 35.0, 50.0])
def test_a_signal_at_any_instant_after_the_break_puts_the_data_back(seconds: float) -> None:
    world = world_of()
    world.stop_after(seconds)
    world.run()
    assert not world.workload.migrated
    assert world.problems_left() == []


def test_data_that_a_broken_pod_changes_once_more_is_put_back_once_more() -> None:
    world = world_of()
    accept, again = world.workload.set_image, [True]

    def late(image: str, change_cause: str | None, **more: object) -> None:
        recovered = any(RECOVERY_DIGEST in pod.image for pod in world.workload.pods)
        if again and image == STABLE and recovered:
            again.clear()
            world.workload.migrated = True  # a broken pod's last moment, after the data was put back
        accept(image, change_cause, **more)  # type: ignore[arg-type]

    world.workload.set_image = late  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.error is None
    restored = [digest for purpose, digest in images_set(world) if purpose is Purpose.RESTORE]
    assert restored == [RECOVERY_DIGEST, STABLE.partition("@")[2]] * 2
    assert len(world.workload.deleted) == 2  # the pods that had put it back would not have done so again
    assert not world.workload.migrated
    assert world.problems_left() == []


def test_data_that_cannot_be_put_back_leaves_the_undo_with_both_images() -> None:
    world = world_of(puts_back="no image")
    outcome = world.run()
    assert isinstance(outcome.error, NotRestoredError)
    assert world.workload.undo is not None
    by_hand = world.workload.undo.by_hand()
    first, wait, then = by_hand.split(" && ")
    assert RECOVERY_DIGEST in first
    assert "rollout status" in wait
    assert STABLE in then
    assert RECOVERY_DIGEST in world.registry.digests


def test_the_patch_to_the_recovery_image_is_tried_before_anything_is_broken() -> None:
    world = world_of()
    world.run()
    names = [one.check.name if isinstance(one, Checked) else one.event for one in world.events]
    assert names.index("recovery_permitted") < names.index("image set")


def test_a_scenario_without_a_recovery_makes_one_image_only() -> None:
    world = World(scenario=SCENARIO)
    world.run()
    assert "recovery_permitted" not in [event.check.name for event in world.all_of(Checked)]
    assert SCENARIO.for_recovery() is None


def test_a_recovery_has_code() -> None:
    with pytest.raises(ValueError, match="at least 1 item"):
        Scenario.model_validate_json(json.dumps(MIGRATES.model_dump(mode="json") | {"recovery": {"python": []}}))
