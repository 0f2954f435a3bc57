"""The whole of preflight on every Kubernetes there is: each finding alone, and nothing touched."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.access_needs import harness_needs, ledger_name, on_call_needs
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.ledger_map import KEY
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.engine.preflight import preflight, whole_reach
from flowdrill.errors import DrillRefusedError, FlowdrillError
from flowdrill.model.access import Actor
from flowdrill.model.drill import Drill
from flowdrill.model.events import Check, Checked, Event
from flowdrill.model.reach import Reach
from flowdrill.model.safety_plan import SafetyPlan
from flowdrill.model.scenario import Changes, EnvChanges, Scenario, Symptom
from flowdrill.model.status import Status
from flowdrill.oci.client import open_registry
from flowdrill.preparing.opening import open_book, open_images
from flowdrill.report.rbac_manifests import RoleManifest, roles_for
from tests.contract.bench import MANIFEST, ask_registry
from tests.contract.conftest import Place
from tests.contract.granting import applied, kubeconfig_of, without
from tests.contract.playground import Json
from tests.contract.site import NAME, NEVER_FEWER, ONE_LESS, Site, deleted, deployed, manifest_path, quota, site_on
from tests.contract.webhook import configured, denied, rule, webhook_server
from tests.fakes.world import OLD_ADVISORIES

SCENARIO = Scenario(
    scenario="setting-lost",
    story="s",
    changes=Changes(env=EnvChanges(set={"COLOUR": "none"})),
    symptom=Symptom.BAD_ANSWERS,
    seen_by_users="500",
)


@pytest.fixture(scope="module")
def site(place: Place) -> Iterator[Site]:
    with site_on(place) as found:
        yield found


@dataclass(frozen=True)
class Looked:
    """What preflight said."""

    checks: dict[str, Check]
    error: FlowdrillError | None

    def which(self, *statuses: Status) -> set[str]:
        return {name for name, check in self.checks.items() if check.status in statuses}

    @property
    def failed(self) -> set[str]:
        """What failed. Exactly then the drill is refused, and the refusal names the first finding."""
        found = self.which(Status.FAIL)
        assert isinstance(self.error, DrillRefusedError) == bool(found)
        assert not found or any(self.error.problem.startswith(f"preflight: {one}: ") for one in found)
        return found


def no_source(name: str) -> bytes:
    raise AssertionError(f"the scenario has no file {name}")


def opened(site: Site, drill: Drill, kubeconfig: Path | None = None) -> KubernetesWorkload:
    path, context = (site.play.kubeconfig, site.play.context) if kubeconfig is None else (str(kubeconfig), "own")
    return open_workload(context, drill.target, kubeconfig=path, rollback=drill.rollback)


@contextmanager
def connected(
    site: Site, drill: Drill, kubeconfig: Path | None = None, registry: ImageRegistry | None = None,
    labels: tuple[tuple[str, str], ...] = (),
) -> Iterator[tuple[RunOrder, LookPorts]]:  # fmt: skip
    """All that is real: the cluster, the registry and the ledger."""
    path, context = (site.play.kubeconfig, site.play.context) if kubeconfig is None else (str(kubeconfig), "own")
    with ExitStack() as stack:
        workload = stack.enter_context(opened(site, drill, kubeconfig))
        images = stack.enter_context(closing(registry or open_images(drill.registry, no_source)))
        book = stack.enter_context(open_book(drill, Path(), context, path))
        order = RunOrder(
            drill, SCENARIO, "run-1", "main", "test", "v1", "0", "sha256:0", "here", b"", OLD_ADVISORIES, labels
        )
        yield order, LookPorts(clock=MonotonicClock(), workload=workload, registry=images, ledger=book)


def look(site: Site, drill: Drill, **ways: Any) -> Looked:
    """Run the preflight, which leaves everything as it was."""
    checks: dict[str, Check] = {}
    error = None

    def emit(event: Event) -> None:
        if isinstance(event, Checked):
            assert event.check.name not in checks
            checks[event.check.name] = event.check

    with connected(site, drill, **ways) as (order, ports):
        before = site.seen()
        try:
            preflight(order, ports, Narrator(ports.clock, emit))
        except FlowdrillError as problem:
            error = problem
        assert site.seen() == before
    return Looked(checks, error)


def reach_of(site: Site, drill: Drill) -> Reach:
    """Look how far back it can be rolled, which leaves everything as it was."""
    with connected(site, drill) as (order, ports):
        before = site.seen()
        try:
            return whole_reach(order, ports, Narrator(ports.clock, lambda _: None))
        finally:
            assert site.seen() == before


def test_a_drill_is_allowed_by_a_label_of_the_namespace_unless_the_workload_says_otherwise(site: Site) -> None:
    drill, play = site.drill(), site.play
    wanted = tuple(SafetyPlan().require_labels.items())
    assert look(site, drill, labels=wanted).checks["drill_allowed"].status is Status.PASS
    play.patch("deployments", NAME, {"metadata": {"labels": {wanted[0][0]: "false"}}})
    try:
        refused = look(site, drill, labels=wanted)
        assert refused.failed == {"drill_allowed"}
        assert f"label --overwrite deployment/{NAME} {wanted[0][0]}=true" in refused.checks["drill_allowed"].detail
    finally:
        play.patch("deployments", NAME, {"metadata": {"labels": {wanted[0][0]: None}}})
    assert look(site, drill, labels=(("nobody/has", "it"),)).failed == {"drill_allowed"}


def someone() -> str:
    return f"on-call-{secrets.token_hex(3)}"


def on_call_role(drill: Drill) -> RoleManifest:
    (role,) = roles_for("on-call", drill.target, on_call_needs(drill.target))
    return replace(role, name=f"on-call-{secrets.token_hex(3)}")


def until_lacking(site: Site, drill: Drill, lacking: set[tuple[str, str]]) -> None:
    """API servers take a moment until they have seen a role."""
    questions = tuple(need.question for need in on_call_needs(drill.target))
    with opened(site, drill) as workload:

        def missing() -> set[tuple[str, str]]:
            answers = workload.may(Actor.RESPONDER, questions)
            return {(one.question.verb, one.question.full_resource) for one in answers if one.allowed is not True}

        site.play.until(lambda: missing() == lacking, f"the responder lacks {lacking}")


def permitted(site: Site) -> tuple[Drill, str]:
    """A drill whose responder may do everything that a rollback needs."""
    user = someone()
    drill = site.drill(**{"as": user})
    applied(site.play, (on_call_role(drill),), user)
    until_lacking(site, drill, set())
    return drill, user


@pytest.mark.parametrize(("verb", "resource"), [("patch", "deployments"), ("list", "replicasets")])
def test_one_permission_that_the_responder_lacks_is_the_only_finding(site: Site, verb: str, resource: str) -> None:
    user = someone()
    drill = site.drill(**{"as": user})
    role = on_call_role(drill)
    (lost,) = [one for one in role.rules if one.resource == resource and verb in one.verbs]
    applied(site.play, (replace(role, rules=tuple(without(role, lost, verb))),), user)
    until_lacking(site, drill, {(verb, f"{resource}.apps")})
    looked = look(site, drill)
    assert looked.failed == {"responder_may_roll_back"}
    assert looked.checks["responder_may_roll_back"].observed.startswith(f"{user} must not {verb} {resource}.apps")
    assert ("rollback_permitted" in looked.checks) == (verb != "patch")


def test_a_webhook_that_denies_the_responder_alone_is_met_in_the_dry_run(site: Site) -> None:
    drill, user = permitted(site)
    asked = rule("UPDATE", "deployments", "apps")
    with (
        webhook_server() as hook,
        configured(site.play.api, "ValidatingWebhookConfiguration", hook, site.play.namespace, asked) as webhook,
    ):
        refuse = denied("images are frozen", code=403, reason="Forbidden")
        hook.answer = lambda request: refuse(request) if request["userInfo"]["username"] == user else {"allowed": True}
        looked = look(site, drill)
        assert looked.failed == {"rollback_permitted"}
        assert f'admission webhook "{webhook}" denied the request' in looked.checks["rollback_permitted"].observed
        assert "images are frozen" in looked.checks["rollback_permitted"].observed
        assert {one["dryRun"] for one in hook.asked if one["userInfo"]["username"] == user} == {True}
        hook.answer = refuse
        assert look(site, drill).failed == {"rollback_permitted", "break_permitted", "restore_permitted"}


def test_with_the_printed_roles_and_nothing_else_the_preflight_passes(site: Site, tmp_path: Path) -> None:
    play, responder, account = site.play, someone(), f"harness-{secrets.token_hex(3)}"
    play.core.create_namespaced_service_account(play.namespace, {"metadata": {"name": responder}})
    users = {one: f"system:serviceaccount:{play.namespace}:{one}" for one in (responder, account)}
    drill = site.drill(**{"as": users[responder], "not_by": ["eve"]})
    harness = roles_for("harness", drill.target, harness_needs(drill, SCENARIO))
    on_call = roles_for("on-call", drill.target, on_call_needs(drill.target))
    try:
        applied(play, harness, users[account], makes_account=True)
        applied(play, on_call, users[responder])
        own = kubeconfig_of(play, account, tmp_path)
        needs = tuple(need.question for need in harness_needs(drill, SCENARIO))
        with opened(site, drill, own) as workload:
            play.until(lambda: all(one.allowed for one in workload.may(Actor.HARNESS, needs)), "all is granted")
        until_lacking(site, drill, set())
        looked = look(site, drill, kubeconfig=own)
    finally:
        for role in harness:
            if not role.namespace:
                play.kubectl("delete", "clusterrole,clusterrolebinding", role.name)
    assert looked.error is None
    assert looked.which(Status.FAIL, Status.UNKNOWN) == set()
    assert {"harness_may_drill", "responder_may_roll_back", "pod_admitted", "surroundings_seen", "rollback_permitted",
            "break_permitted", "restore_permitted"} <= looked.which(Status.PASS)  # fmt: skip


def test_a_revision_whose_image_was_deleted_is_the_only_finding(site: Site) -> None:
    with deleted(site, site.images[1]):
        looked = look(site, site.drill())
    assert looked.failed == {"revisions_retained"}
    assert site.images[1] in looked.checks["revisions_retained"].observed
    assert look(site, site.drill()).failed == set()


def verified(site: Site, drill: Drill, *images: str) -> None:
    """Write them into the drill's ledger, a ConfigMap."""
    with open_book(drill, Path(), site.play.context, site.play.kubeconfig) as book:
        for image in images:
            book.append(image.partition("@")[2], image, "run-0", "passed")


def test_a_verified_version_that_is_gone_is_the_only_finding(site: Site) -> None:
    gone = f"{site.registry}/{site.repository}@sha256:{'0' * 64}"
    drill = site.drill(ledger=f"ledger-{secrets.token_hex(3)}")
    verified(site, drill, gone, site.images[2])
    looked = look(site, drill)
    assert looked.failed == {"verified_versions_retained"}
    assert gone in looked.checks["verified_versions_retained"].observed


def test_a_ledger_whose_chain_is_broken_is_the_only_finding_and_names_its_first_bad_entry(site: Site) -> None:
    drill = site.drill(ledger=f"ledger-{secrets.token_hex(3)}")
    verified(site, drill, *site.images)
    path = site.play.core_path("configmaps", str(ledger_name(drill)))
    lines = site.play.raw("GET", path)["data"][KEY].splitlines()
    lines[1] = lines[1].replace('"note":"passed"', '"note":"failed"')
    text = "\n".join(lines) + "\n"
    site.play.raw("PATCH", path, {"data": {KEY: text}}, content_type="application/merge-patch+json")
    looked = look(site, drill)
    assert looked.failed == {"ledger_intact"}
    assert "entry 2" in looked.checks["ledger_intact"].observed
    with pytest.raises(DrillRefusedError, match=r"ledger_intact: .*entry 2"):
        reach_of(site, drill)


def test_a_tag_that_may_move_is_the_only_finding(site: Site) -> None:
    _, content = ask_registry(site.registry, "GET", manifest_path(site.images[2]), None, {"Accept": MANIFEST})
    ask_registry(site.registry, "PUT", f"{site.repository}/manifests/latest", content, {"Content-Type": MANIFEST})
    image = f"{site.registry}/{site.repository}:latest"
    with deployed(site, image) as name:
        site.play.until(lambda: site.play.complete(name), "it runs")
        looked = look(site, site.drill(name))
    assert looked.failed == {"stable_image_pinned"}
    assert image in looked.checks["stable_image_pinned"].observed


def test_an_image_that_is_no_reference_never_runs_and_has_no_reach(site: Site) -> None:
    """Kubernetes takes any text for an image, and then cannot start it."""
    with deployed(site, "Not/An/Image") as name:
        drill = site.drill(name)
        site.play.until(lambda: site.play.pods(name), "its pod")
        site.play.until(lambda: site.play.read("deployments", name)["status"].get("unavailableReplicas"), "its status")
        assert look(site, drill).failed == {"workload_healthy"}
        with pytest.raises(DrillRefusedError, match=r"stable_image_pinned: .*'Not/An/Image' is no image reference"):
            reach_of(site, drill)


def test_a_registry_that_is_not_reached_refuses_the_drill_with_its_address(site: Site) -> None:
    away = ImageRegistry(lambda _: open_registry("127.0.0.1:1", plain_http=True), no_source)
    looked = look(site, site.drill(), registry=away)
    assert looked.which(Status.FAIL) == set()
    assert {"stable_image_retained", "revisions_retained"} <= looked.which(Status.UNKNOWN)
    assert isinstance(looked.error, DrillRefusedError)
    assert "127.0.0.1:1" in looked.error.problem
    assert looked.error.remedy


def test_the_reach_is_the_nearest_version_that_is_verified_and_was_not_deleted(site: Site) -> None:
    drill = site.drill(ledger=f"ledger-{secrets.token_hex(3)}")
    first, second, third = (image.partition("@")[2] for image in site.images)
    verified(site, drill, site.images[0], site.images[1])
    with deleted(site, site.images[1]):
        reach = reach_of(site, drill)
    assert [row.digest for row in reach.rows] == [third, second, first]
    assert [row.holds for row in reach.rows] == [False, False, True]  # what runs now is not verified yet
    assert reach.nearest is not None
    assert (reach.nearest.digest, reach.versions_back, reach.nearest.tags) == (first, 2, ("1.0.0",))
    assert any("COLOUR" in one for one in reach.nearest.differences)


@pytest.mark.parametrize(
    ("strategy", "failed"),
    [(NEVER_FEWER, {"pod_admitted", "nothing_fights_the_rollback"}), (ONE_LESS, set())],
)
def test_a_full_quota_refuses_a_drill_whose_rollout_first_needs_one_pod_more(
    site: Site, strategy: Json, failed: set[str]
) -> None:
    play, (drill, _) = site.play, permitted(site)
    play.patch("deployments", NAME, {"spec": {"strategy": strategy}})
    play.until(lambda: play.complete(NAME))
    play.until(lambda: len(play.raw("GET", play.core_path("pods"))["items"]) == 1, "only its own pod is left")
    with quota(play, pods="1") as name:
        looked = look(site, drill)
    assert looked.failed == failed
    assert f"exceeded quota: {name}" in looked.checks["pod_admitted"].observed
    assert looked.checks["pod_admitted"].status is (Status.FAIL if failed else Status.WARNING)
    assert f"resourcequota/{name}" in looked.checks["nothing_fights_the_rollback"].observed
