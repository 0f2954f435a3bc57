"""Whoever rolls back may do that and no more, and is never silently the harness."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.access_needs import excess, harness_needs, on_call_needs
from flowdrill.analysis.report_data import report_of
from flowdrill.errors import ClusterAwayError, ClusterError, DrillRefusedError
from flowdrill.model.events import BrakeSeen, Check, Checked, End
from flowdrill.model.readiness import Readiness
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.report.readiness_words import access_status
from tests.fakes.world import SCENARIO, World, drill_of

ON_CALL = "on-call"


def world(**rollback: Any) -> World:
    return World(drill=drill_of(rollback={"as": ON_CALL, **rollback}))


def checks(made: World) -> dict[str, Check]:
    return {event.check.name: event.check for event in made.all_of(Checked)}


def readiness(made: World) -> Readiness:
    (seen,) = made.all_of(BrakeSeen)
    return seen.readiness


def failed(made: World) -> set[str]:
    return {name for name, check in checks(made).items() if check.status is Status.FAIL}


def test_a_drill_that_names_nobody_warns_that_the_harness_rolls_back() -> None:
    made = World()
    assert made.run().end is End.COMPLETED
    assert checks(made)["rollback_identity"].status is Status.WARNING
    assert readiness(made).responder == "the harness itself"
    assert "responder_bounded" not in checks(made)


def test_a_named_responder_with_all_it_needs_and_no_more_passes() -> None:
    made = world()
    assert made.run().end is End.COMPLETED
    for name in ("rollback_identity", "responder_may_roll_back", "responder_bounded", "harness_may_drill"):
        assert checks(made)[name].status is Status.PASS
    (image_set,) = [patch for patch in made.workload.patches if patch[2] is not None]
    assert image_set[2] == ON_CALL


@pytest.mark.parametrize("need", on_call_needs(drill_of().target), ids=lambda need: need.question.full_resource)
def test_each_verb_that_the_responder_lacks_is_the_one_finding_and_nothing_is_touched(need: Any) -> None:
    made = world()
    made.workload.denied = {(ON_CALL, need.question.verb, need.question.full_resource)}
    outcome = made.run()
    assert outcome.end is End.REFUSED
    assert failed(made) == {"responder_may_roll_back"}
    check = checks(made)["responder_may_roll_back"]
    assert check.observed.startswith(f"{ON_CALL} must not {need.question.verb} {need.question.full_resource}")
    assert "flowdrill rbac --for on-call" in check.detail
    assert made.workload.patches == []


@pytest.mark.parametrize(
    "need", harness_needs(drill_of(rollback={"as": ON_CALL}), SCENARIO), ids=lambda need: need.question.full_resource
)
def test_each_verb_that_the_harness_lacks_is_the_one_finding(need: Any) -> None:
    made = world()
    denied = (None, need.question.verb, need.question.full_resource)
    made.workload.denied = {denied}
    made.run()
    needs = harness_needs(made.drill, SCENARIO)
    denies = [one for one in needs if (None, one.question.verb, one.question.full_resource) == denied]
    optional = all(one.optional for one in denies)  # who may list no workloads may not list the target either
    assert checks(made)["harness_may_drill"].status is (Status.WARNING if optional else Status.FAIL)
    assert failed(made) == (set() if optional else {"harness_may_drill"})


def test_an_answer_that_is_not_known_is_no_pass() -> None:
    made = world()
    made.workload.unanswerable = {"replicasets.apps"}
    made.run()
    assert checks(made)["responder_may_roll_back"].status is Status.UNKNOWN


def test_a_responder_that_may_do_too_much_is_a_warning_that_names_the_binding() -> None:
    made = world()
    made.workload.too_much = {(one.verb, one.full_resource) for one in excess("demo") if one.verb == "delete"}
    assert made.run().end is End.COMPLETED
    check = checks(made)["responder_bounded"]
    assert (check.status, "RoleBinding" in check.detail) == (Status.WARNING, True)
    assert check.observed == "it may delete namespaces demo in namespace demo"


def test_somebody_else_who_may_patch_refuses_the_drill() -> None:
    made = world(not_by=["eve", "group:interns"])
    made.workload.denied = {("group:interns", verb, "deployments.apps") for verb in ("patch", "update")}
    assert made.run().end is End.REFUSED
    assert failed(made) == {"nobody_else_may_patch"}
    assert checks(made)["nobody_else_may_patch"].observed == "eve may"


def test_an_unknown_service_account_ends_preflight_with_its_name() -> None:
    made = world()
    made.workload.no_such_responder = "namespace demo has no service account on-call"
    outcome = made.run()
    assert isinstance(outcome.error, DrillRefusedError)
    assert "has no service account on-call" in outcome.error.problem
    assert failed(made) == {"rollback_identity"}


def test_a_pod_that_a_quota_refuses_is_the_finding() -> None:
    made = world()
    made.workload.pod_refusal = ClusterError("exceeded quota: pods", "make room")
    assert made.run().end is End.REFUSED
    assert failed(made) == {"pod_admitted"}


def test_a_harness_that_may_not_create_pods_cannot_try_one_and_says_so() -> None:
    made = world()
    made.workload.denied = {(None, "create", "pods")}
    assert made.run().end is End.COMPLETED
    assert checks(made)["pod_admitted"].status is Status.WARNING


def test_a_quota_that_may_leave_room_and_a_cluster_in_doubt_are_said() -> None:
    made = world()
    made.workload.pod_unseen = "exceeded quota (its rollout may take a pod away first)"
    made.workload.responder_doubt = "it is not known whether the kubeconfig leads to the drill's cluster"
    made.run()
    assert checks(made)["pod_admitted"].status is Status.WARNING
    assert checks(made)["rollback_identity"].status is Status.UNKNOWN


@pytest.mark.parametrize(("stands", "status"), [(True, Status.WARNING), (False, Status.FAIL)])
def test_a_provider_that_the_drill_must_start_is_not_started_by_who_cannot_take_it_away(
    stands: bool, status: Status
) -> None:
    plan = {"workload": "deployment/provider"}
    made = World(drill=drill_of(provider=plan), stands=stands)
    made.workload.denied = {(None, "delete", "deployments.apps")}
    made.run()
    assert checks(made)["harness_may_drill"].status is status
    assert "to start the model provider" in {row.needed_for.split(" where")[0] for row in readiness(made).access}


def test_what_is_not_known_of_a_thing_to_look_at_is_not_said_to_be_forbidden() -> None:
    made = world()
    made.workload.unanswerable = {"nodes"}
    made.run()
    check = checks(made)["harness_may_drill"]
    assert (check.status, check.detail) == (Status.WARNING, "not found out: no answer")
    assert check.observed == "not found out: list, watch nodes in the cluster"


def test_a_server_that_is_too_busy_for_the_dry_run_of_a_pod_has_refused_nothing() -> None:
    made = world()
    made.workload.pod_refusal = ClusterAwayError("answered 429", "try again")
    made.run()
    assert checks(made)["pod_admitted"].status is Status.UNKNOWN


@pytest.mark.parametrize("name", ["rollback_permitted", "break_permitted", "restore_permitted"])
def test_a_patch_that_nobody_answers_is_not_known_and_no_drill_begins(name: str) -> None:
    made = world()
    accept = made.workload.would_accept
    tried: list[str] = []

    def busy(image: str, **more: Any) -> None:
        tried.append(image)
        if len(tried) == ["rollback_permitted", "break_permitted", "restore_permitted"].index(name) + 1:
            raise ClusterAwayError("answered 503", "try again")
        accept(image, **more)

    made.workload.would_accept = busy  # type: ignore[method-assign]
    outcome = made.run()
    assert (outcome.end, made.workload.patches) == (End.REFUSED, [])
    assert isinstance(outcome.error, ClusterAwayError)
    assert checks(made)[name].status is Status.UNKNOWN
    assert failed(made) == set()
    assert readiness(made).images
    result = report_of(made.record()).result
    assert (result.verdict, result.reasons[0]) == (Verdict.INCONCLUSIVE, "answered 503")


def test_the_table_shows_what_the_drill_runs_without_as_no_failure() -> None:
    made = world()
    made.workload.denied = {(None, "list", "nodes"), (None, "list", "pods")}
    made.run()
    shown = {(row.verb, row.resource): access_status(row) for row in readiness(made).access if row.who == "the harness"}
    assert shown["list", "nodes"] is Status.WARNING
    assert shown["list", "pods"] is Status.FAIL
    assert shown["watch", "pods"] is Status.PASS
