"""Preflight's checks of the images that a rollback may need, over a registry in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flowdrill.analysis.rollback_images import LookedAt, RollbackImages, rollback_images
from flowdrill.engine.image_checks import (
    RetainedImages,
    check_not_only_cached,
    check_platforms,
    check_pull_secrets,
    check_retained,
    check_stable_retained,
    check_tag_policy,
)
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.tag_checks import check_next_clean_up, check_tags
from flowdrill.model.events import Check, Checked, Event
from flowdrill.model.image_health import Health, Tier
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.status import Status
from flowdrill.model.surroundings import PullSecret, Revision
from tests.fakes.fake_registry import FakeRegistry
from tests.fakes.fake_time import FakeTime
from tests.fakes.fake_workload import FakeWorkload

REPOSITORY = "registry.test/flows/greeting"
POLICY = PolicyPlan()
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


class Told:
    """A narrator, and what it was told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tell = Narrator(FakeTime(), self.events.append)

    def check(self, name: str) -> Check:
        (found,) = (event.check for event in self.events if isinstance(event, Checked) and event.check.name == name)
        return found


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def registry() -> FakeRegistry:
    """Versions 1.0.1 to 1.0.4."""
    return FakeRegistry(REPOSITORY, {f"1.0.{number}": digest(number) for number in range(1, 5)})


def ledger(*numbers: int) -> Ledger:
    entries = [
        LedgerEntry(place, digest(number), f"{REPOSITORY}:1.0.{number}@{digest(number)}", "2026-02-01T00:00:00Z",
                    f"run-{number}", "", "", "")
        for place, number in enumerate(numbers, 1)
    ]  # fmt: skip
    return Ledger("configmap/ledger", tuple(entries))


def revision(number: int, image: str | None = None, *, current: bool = False) -> Revision:
    written = image or f"{REPOSITORY}:1.0.{number}"
    return Revision(f"replicaset/app-{number}", number, written, "2026-01-01T00:00:00Z", current, None, ())


def wanted(*revisions: Revision, known: Ledger | None = None, policy: PolicyPlan = POLICY) -> RollbackImages:
    stable = parse_image_reference(f"{REPOSITORY}:1.0.4@{digest(4)}")
    return rollback_images(stable, revisions, known, policy)


def looked_at(
    images: RollbackImages, registry: FakeRegistry, told: Told, policy: PolicyPlan = POLICY
) -> RetainedImages:
    return check_retained(images, policy, ("linux/amd64",), registry, told.tell)


@pytest.mark.parametrize(
    ("image", "status", "said"),
    [
        (f"{REPOSITORY}:1.0.0", Status.PASS, "1.0.0"),
        (f"{REPOSITORY}@{digest(1)}", Status.PASS, digest(1)),
        (f"{REPOSITORY}:build-7", Status.PASS, "build-7"),
        (f"{REPOSITORY}:latest", Status.FAIL, "the tag 'latest' moves"),
        (f"{REPOSITORY}:1.0", Status.FAIL, "only a part of a version"),
        (REPOSITORY, Status.FAIL, "no tag and no digest"),
        ("NOT AN IMAGE", Status.FAIL, "no image reference"),
    ],
)
def test_the_workloads_image_must_be_named_so_that_it_stays(told: Told, image: str, status: Status, said: str) -> None:
    seen = FakeWorkload(FakeTime(), image, digests={}).snapshot()
    policy = PolicyPlan.model_validate_json(json.dumps({"tag_pattern": r"build-\d+"}))
    found = check_tag_policy(seen, policy, told.tell)
    check = told.check("stable_image_pinned")
    assert found.check == check
    assert (check.status, found.reference is not None) == (status, status is Status.PASS)
    assert said in check.observed
    assert bool(check.detail) is (status is Status.FAIL)


def test_every_wanted_image_is_looked_at_once_and_by_digest_where_that_is_known(
    registry: FakeRegistry, told: Told
) -> None:
    images = wanted(revision(4, current=True), revision(3), revision(2), known=ledger(1, 2, 4))
    found = looked_at(images, registry, told)
    assert len(registry.examined) == 6
    assert [one.image.why for one in found.revisions] == [
        "revision 3, replicaset/app-3",
        "revision 2, replicaset/app-2",
    ]
    assert [one.health.reference.digest for one in found.verified] == [digest(4), digest(2), digest(1)]
    assert {str(one.written.tag) for one in images.all} == {"1.0.4", "1.0.3", "1.0.2", "1.0.1"}
    assert told.check("verified_versions_retained").status is Status.PASS
    assert told.check("revisions_retained").status is Status.PASS
    assert check_stable_retained(found.stable, told.tell).status is Status.PASS


@pytest.mark.parametrize("health", [Health.GONE, Health.INCOMPLETE, Health.DAMAGED])
def test_a_verified_version_that_is_not_whole_fails_and_is_named(
    registry: FakeRegistry, told: Told, health: Health
) -> None:
    registry.found[digest(1)] = health
    if health is Health.GONE:
        registry.digests.discard(digest(1))
    looked_at(wanted(known=ledger(1, 2, 3)), registry, told)
    check = told.check("verified_versions_retained")
    assert check.status is Status.FAIL
    assert digest(1) in check.observed
    assert f"(verified 2026-02-01T00:00:00Z by run-1): {health}" in check.observed
    assert digest(2) not in check.observed
    assert check.detail == "push it again"
    assert told.check("revisions_retained").status is Status.PASS


def test_what_a_registry_does_not_say_is_not_known(registry: FakeRegistry, told: Told) -> None:
    registry.away = True
    found = looked_at(wanted(revision(3), known=ledger(1, 2, 3)), registry, told)
    for name in ("verified_versions_retained", "revisions_retained"):
        assert told.check(name).status is Status.UNKNOWN
        assert told.check(name).detail
    assert check_stable_retained(found.stable, told.tell).status is Status.UNKNOWN


@pytest.mark.parametrize("known", [None, ledger(), ledger(1, 2)])
def test_a_ledger_that_knows_too_few_versions_is_a_warning(
    registry: FakeRegistry, told: Told, known: Ledger | None
) -> None:
    looked_at(wanted(known=known), registry, told)
    check = told.check("verified_versions_retained")
    assert check.status is Status.WARNING
    assert f"knows {len(known.entries) if known else 0} of 3" in check.observed
    assert "ledger add" in check.detail


def test_a_revisions_image_that_cannot_be_read_is_not_known(registry: FakeRegistry, told: Told) -> None:
    looked_at(wanted(revision(3), revision(2, "NOT\x1b AN IMAGE"), known=ledger(1, 2, 3)), registry, told)
    check = told.check("revisions_retained")
    assert check.status is Status.UNKNOWN
    assert "revision 2, replicaset/app-2: " in check.observed
    assert check.observed.isprintable()
    assert told.check("verified_versions_retained").status is Status.PASS


def test_only_as_many_revisions_are_looked_at_as_the_policy_says(registry: FakeRegistry, told: Told) -> None:
    policy = PolicyPlan(revisions=1)
    images = wanted(revision(4, current=True), revision(3), revision(2), policy=policy)
    assert [one.written.tag for one in images.revisions] == ["1.0.3"]
    looked_at(wanted(revision(4, current=True)), registry, told)
    assert told.check("revisions_retained").observed == "no earlier revision is kept"


def test_tags_that_moved_or_were_deleted_are_a_warning_with_both_digests(registry: FakeRegistry, told: Told) -> None:
    registry.tagged |= {"1.0.1": digest(3)}
    del registry.tagged["1.0.2"]
    seen = check_tags(wanted(known=ledger(1, 2, 3)).verified, registry, told.tell)
    check = told.check("tags_have_not_moved")
    assert check.status is Status.WARNING
    assert f":1.0.1: the tag has moved to {digest(3)}; it named {digest(1)}" in check.observed
    assert f":1.0.2: the tag was deleted; it named {digest(2)}" in check.observed
    assert f"{REPOSITORY}:1.0.3 and {REPOSITORY}:1.0.1 are one image ({digest(3)})" in check.observed
    assert "by digest" in check.detail
    assert [one.now for one in seen] == [digest(3), None, digest(3)]


def test_two_tags_of_one_image_are_no_fault(registry: FakeRegistry, told: Told) -> None:
    entry = ledger(1).entries[0]
    other = replace(entry, reference=f"{REPOSITORY}:1.0.2", digest=digest(2))
    check_tags(wanted(known=Ledger("file", (entry, other))).verified, registry, told.tell)
    assert told.check("tags_have_not_moved").status is Status.PASS
    assert "2 tags name what they named" in told.check("tags_have_not_moved").observed


def test_tags_of_a_registry_that_is_away_are_not_known(registry: FakeRegistry, told: Told) -> None:
    registry.away = True
    seen = check_tags(wanted(known=ledger(1, 2, 3)).verified, registry, told.tell)
    assert told.check("tags_have_not_moved").status is Status.UNKNOWN
    assert [(one.now, bool(one.problem)) for one in seen] == [(None, True)] * 3


@pytest.mark.parametrize(
    ("image", "nodes", "status"),
    [
        (("linux/amd64",), ("linux/amd64",), Status.PASS),
        (("linux/amd64", "linux/arm64/v8"), ("linux/amd64", "linux/arm64"), Status.PASS),
        (("linux/amd64",), ("linux/amd64", "linux/arm64"), Status.FAIL),
        (("linux/arm64",), ("linux/amd64",), Status.FAIL),
        (("linux/amd64",), None, Status.WARNING),
        ((), ("linux/amd64",), Status.UNKNOWN),
    ],
)
def test_the_image_must_be_for_the_platform_of_every_node(
    registry: FakeRegistry, told: Told, image: tuple[str, ...], nodes: tuple[str, ...] | None, status: Status
) -> None:
    registry.platforms = image
    (health,) = registry.examine([parse_image_reference(f"{REPOSITORY}:1.0.1")], Tier.COMPLETE)
    check = check_platforms(health, nodes, told.tell)
    assert (check.name, check.status) == ("stable_image_platforms", status)
    if status is Status.FAIL:
        assert "no image for" in check.observed
        assert check.detail


@pytest.mark.parametrize(
    ("cached", "status", "said"),
    [
        (frozenset({digest(1)}), Status.FAIL, "only in a node's cache: any other node cannot start it"),
        (frozenset({digest(9)}), Status.PASS, "no node has either"),
        (None, Status.WARNING, "caches are not known"),
    ],
)
def test_an_image_that_only_a_node_has_is_as_good_as_lost(
    registry: FakeRegistry, told: Told, cached: frozenset[str] | None, status: Status, said: str
) -> None:
    registry.digests.discard(digest(1))
    found = looked_at(wanted(known=ledger(1, 2, 3)), registry, told)
    check = check_not_only_cached(found.all, cached, told.tell)
    assert (check.name, check.status) == ("image_in_registry_not_only_cached", status)
    assert said in check.observed
    assert digest(1) in check.observed or status is not Status.FAIL


def test_images_in_the_registry_may_be_cached_and_those_not_looked_up_are_not_known(
    registry: FakeRegistry, told: Told
) -> None:
    found = looked_at(wanted(), registry, told)
    assert check_not_only_cached(found.all, {digest(4)}, told.tell).status is Status.PASS
    registry.away = True
    away = [LookedAt(found.stable.image, registry.examine([found.stable.image.reference], Tier.EXISTS)[0])]
    assert check_not_only_cached(away, {digest(4)}, told.tell).status is Status.UNKNOWN


WORKS = PullSecret("pull", json.dumps({"auths": {"registry.test": {"username": "u", "password": "p"}}}))
ABSENT = PullSecret("gone", None, "is not there")


@pytest.mark.parametrize(
    ("secrets", "wants_login", "status", "said"),
    [
        ((WORKS,), True, Status.PASS, "pulled with secret pull"),
        ((), False, Status.PASS, "pulled without a login"),
        ((WORKS, ABSENT), True, Status.WARNING, "secret gone: is not there"),
        ((ABSENT,), False, Status.WARNING, "secret gone: is not there"),
        ((ABSENT,), True, Status.FAIL, "refused: registry.test wants a login"),
        ((), True, Status.WARNING, "a login of the nodes' own"),
    ],
)
def test_the_workloads_pull_secrets_must_pull(
    registry: FakeRegistry, told: Told, secrets: tuple[PullSecret, ...], wants_login: bool, status: Status, said: str
) -> None:
    registry.wants_login = wants_login
    check_pull_secrets(parse_image_reference(f"{REPOSITORY}:1.0.1"), secrets, registry, told.tell)
    check = told.check("pull_secrets_work")
    assert (check.status, said in check.observed) == (status, True)
    assert bool(check.detail) is (status is not Status.PASS)


def test_a_pull_that_the_registry_does_not_answer_is_not_known(registry: FakeRegistry, told: Told) -> None:
    registry.away = True
    check_pull_secrets(parse_image_reference(f"{REPOSITORY}:1.0.1"), (WORKS,), registry, told.tell)
    assert told.check("pull_secrets_work").status is Status.UNKNOWN


def test_the_check_says_which_image_the_next_clean_up_would_take(registry: FakeRegistry, told: Told) -> None:
    registry.created = {digest(number): f"2026-0{number}-01T00:00:00Z" for number in range(1, 5)}
    known = ledger(2, 3, 4)
    found = looked_at(wanted(revision(1), known=known), registry, told)
    taken = check_next_clean_up(found.all, known, POLICY, NOW, told.tell, stable={digest(4)})
    assert taken is not None
    assert taken.version.digest == digest(1)
    check = told.check("next_clean_up")
    assert check.status is Status.WARNING
    assert (
        f"would take {digest(1)} (1.0.1), revision 1, replicaset/app-1, which it may do since 2026-01-31"
        in check.observed
    )


def test_a_clean_up_whose_day_has_not_come_is_named_with_its_day(registry: FakeRegistry, told: Told) -> None:
    registry.created = {digest(3): "2026-02-20T00:00:00Z"}
    found = looked_at(wanted(revision(3)), registry, told)
    check_next_clean_up(found.all, None, POLICY, NOW, told.tell, stable={digest(4)})
    check = told.check("next_clean_up")
    assert (check.status, "on 2026-03-22 (30 days after 2026-02-20)" in check.observed) == (Status.PASS, True)


def test_a_clean_up_that_takes_none_of_them_passes(registry: FakeRegistry, told: Told) -> None:
    found = looked_at(wanted(), registry, told)
    assert check_next_clean_up(found.all, None, POLICY, NOW, told.tell, stable={digest(4)}) is None
    assert told.check("next_clean_up").status is Status.PASS
