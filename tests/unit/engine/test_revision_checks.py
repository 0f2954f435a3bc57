from __future__ import annotations

from dataclasses import replace

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.revision_checks import (
    earlier_revisions,
    nothing_fights_the_rollback,
    revision_checks,
    stable_revision_kept,
    surroundings_seen,
)
from flowdrill.model.events import Checked, Event
from flowdrill.model.status import Status
from flowdrill.model.surroundings import PAUSED, Opponent, Revision, Surroundings
from tests.fakes.fake_time import FakeTime
from tests.fakes.fake_workload import FakeWorkload
from tests.fakes.world import OLD_ADVISORIES, SCENARIO, STABLE, drill_of

ORDER = RunOrder(drill_of(), SCENARIO, "run-1", "flow", "test", "v1.36.0", "0", "sha256:0", "here", b"", OLD_ADVISORIES)
NOW = Revision("replicaset/app-2", 2, STABLE, "2026-01-02T00:00:00Z", True, None, ())
BEFORE = Revision("replicaset/app-1", 1, "flow:0", "2026-01-01T00:00:00Z", False, None, ())
CALM = Surroundings((NOW, BEFORE), 10, (), ("linux/amd64",), frozenset(), ())
HEALING = Opponent("argo cd application shop", "it puts the image back", "switch syncing off", blocks=True)
SCALER = Opponent("horizontalpodautoscaler/app", "it adds pods", "hold it still", blocks=False)
BUDGET = Opponent("poddisruptionbudget/app", "it limits evictions", "", blocks=False)


def narrator(events: list[Event]) -> Narrator:
    return Narrator(FakeTime(), events.append)


def tell() -> Narrator:
    return narrator([])


def test_a_calm_cluster_passes_every_check_and_each_is_recorded() -> None:
    events: list[Event] = []
    made = revision_checks(ORDER, CALM, narrator(events))
    assert {one.name: one.status for one in made} == {
        "stable_revision_kept": Status.PASS,
        "earlier_revisions": Status.PASS,
        "nothing_fights_the_rollback": Status.PASS,
        "surroundings_seen": Status.PASS,
    }
    assert [event.check for event in events if isinstance(event, Checked)] == list(made)


def test_the_fakes_surroundings_are_calm() -> None:
    seen = FakeWorkload(FakeTime(), STABLE).surroundings()
    assert [one.image for one in seen.revisions] == [STABLE]
    assert stable_revision_kept(ORDER, seen, tell()).status is Status.PASS


def test_a_limit_that_the_next_releases_use_up_is_a_warning() -> None:
    none, one = (stable_revision_kept(ORDER, replace(CALM, revision_limit=limit), tell()) for limit in (0, 1))
    assert (none.status, one.status) == (Status.WARNING, Status.WARNING)
    assert none.observed.endswith("revisionHistoryLimit is 0: it is deleted once the next release is complete")
    assert one.observed.endswith("it is deleted once the next release is followed by another one")
    assert "revisionHistoryLimit to 2" in none.detail


def test_revisions_that_could_not_be_seen_are_unknown_with_the_reason() -> None:
    unseen = replace(CALM, revisions=(), unknown=("nodes: no", "revisions: ann must not list replicasets.apps"))
    for check in (stable_revision_kept(ORDER, unseen, tell()), earlier_revisions(ORDER, unseen, tell())):
        assert check.status is Status.UNKNOWN
        assert check.observed == "revisions: ann must not list replicasets.apps"
    lost = stable_revision_kept(ORDER, replace(CALM, revisions=(BEFORE,)), tell())
    assert lost.status is Status.UNKNOWN
    assert "no revision holds the template" in lost.observed


def test_a_first_release_has_nothing_to_go_back_to() -> None:
    check = earlier_revisions(ORDER, replace(CALM, revisions=(NOW,)), tell())
    assert check.status is Status.WARNING
    assert "there is none" in check.observed


def test_what_else_than_the_image_differs_is_named() -> None:
    lines = ('env LANGFLOW_AUTO_LOGIN: "true" -> not set', *(f"env N{number}: not set" for number in range(9)))
    check = earlier_revisions(ORDER, replace(CALM, revisions=(NOW, replace(BEFORE, differences=lines))), tell())
    assert check.status is Status.WARNING
    assert check.observed.startswith("1 earlier revision; 1 of them differ in more than the image: replicaset/app-1 (r")
    assert 'env LANGFLOW_AUTO_LOGIN: "true" -> not set' in check.observed
    assert check.observed.endswith("and 5 more")
    assert "kubectl -n demo rollout undo" in check.detail


def test_what_blocks_a_rollback_fails_the_check_and_names_the_way_out() -> None:
    check = nothing_fights_the_rollback(replace(CALM, opponents=(SCALER, HEALING)), tell())
    assert check.status is Status.FAIL
    assert check.observed == (
        "argo cd application shop: it puts the image back; horizontalpodautoscaler/app: it adds pods"
    )
    assert check.detail == "argo cd application shop: switch syncing off"


def test_what_does_not_block_is_a_warning_and_what_needs_nothing_none() -> None:
    assert nothing_fights_the_rollback(replace(CALM, opponents=(SCALER, BUDGET)), tell()).status is Status.WARNING
    harmless = nothing_fights_the_rollback(replace(CALM, opponents=(BUDGET,)), tell())
    assert (harmless.status, harmless.observed) == (Status.PASS, "poddisruptionbudget/app: it limits evictions")


def test_settings_that_preflight_refuses_anyway_are_not_told_twice() -> None:
    paused = Opponent(PAUSED, "paused", "resume", blocks=True)
    assert nothing_fights_the_rollback(replace(CALM, opponents=(paused,)), tell()).status is Status.PASS


def test_what_could_not_be_looked_at_is_a_warning() -> None:
    check = surroundings_seen(replace(CALM, unknown=("nodes: ann must not list nodes",)), tell())
    assert check.status is Status.WARNING
    assert check.observed == "not looked at: nodes: ann must not list nodes"
