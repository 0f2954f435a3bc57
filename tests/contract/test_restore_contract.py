"""`flowdrill restore` on every Kubernetes: a drill died after its break, and nothing but its Lease tells of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.lease import DrillLease
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import RestorePorts
from flowdrill.engine.preflight import preflight
from flowdrill.engine.release_setting import break_release
from flowdrill.engine.undo_making import undo_of
from flowdrill.errors import DrillRefusedError, NothingToRestoreError, TargetMissingError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.events import Event
from flowdrill.model.undo import Undo, undo_digest
from flowdrill.preparing.opening import open_book, open_images
from flowdrill.standing_in.restoring_by_hand import RestoredByHand, Theirs, restore_workload
from flowdrill.standing_in.statuses import Standing, drills_on
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, order_of_drill, stand_on
from tests.contract.playground import Json
from tests.fakes.world import KeptEvidence

pytestmark = pytest.mark.drills

LEASE_SECONDS = 5
MERGE = "application/merge-patch+json"


@dataclass(frozen=True)
class DeadDrill:
    """A drill that ended directly after its break, with its guard."""

    stand: Stand
    undo: Undo
    template: Json  # from before
    tags: dict[str, str]

    @property
    def lease_path(self) -> str:
        space = f"/apis/coordination.k8s.io/v1/namespaces/{self.stand.play.namespace}"
        return f"{space}/leases/flowdrill-{self.stand.kind}-{NAME}"

    def restore(self, accepted: str | None = None, theirs: Theirs = Theirs.ASK) -> RestoredByHand:
        play, target = self.stand.play, self.stand.drill().target
        access = RegistryAccess(plain_http=True)

        def quiet(_: object) -> None:
            pass

        return restore_workload(play.context, play.kubeconfig, target, accepted, theirs, access, quiet, quiet)

    def standing(self) -> Standing:
        play = self.stand.play
        (found,) = drills_on(play.context, play.kubeconfig, play.namespace)
        return found.standing

    def write_undo(self, **changes: object) -> None:
        """Somebody changes what the Lease tells."""
        text = json.dumps(json.loads(self._undo_text()) | changes)
        self._annotate(text)

    def _undo_text(self) -> str:
        return str(self.stand.play.raw("GET", self.lease_path)["metadata"]["annotations"]["flowdrill.dev/undo"])

    def _annotate(self, text: str) -> None:
        body = {"metadata": {"annotations": {"flowdrill.dev/undo": text}}}
        self.stand.play.raw("PATCH", self.lease_path, body, content_type=MERGE)

    def assert_restored(self) -> None:
        assert self.stand.template() == self.template
        assert self.stand.tags() == self.tags
        leases = self.stand.play.raw("GET", self.lease_path.rpartition("/")[0])["items"]
        assert leases == []


@contextmanager
def dead_drill(stand: Stand, **guard: Json) -> Iterator[DeadDrill]:
    play, drill = stand.play, stand.drill(guard={"lease": f"{LEASE_SECONDS}s", **guard})
    template, tags, events = stand.template(), stand.tags(), list[Event]()
    clock = MonotonicClock()
    with ExitStack() as stack:
        workload = stack.enter_context(open_workload(play.context, drill.target, kubeconfig=play.kubeconfig))
        images = stack.enter_context(closing(open_images(drill.registry, lambda name: name.encode())))
        book = stack.enter_context(open_book(drill, Path(), play.context, play.kubeconfig))
        ports = RestorePorts(clock=clock, workload=workload, registry=images, ledger=book, evidence=KeptEvidence())
        tell, order = Narrator(clock, events.append), order_of_drill(drill, workload.container)
        cleared = preflight(order, ports, tell)
        undo = undo_of(order, cleared)
        workload.lock(undo)
        images.push(cleared.broken)
        break_release(str(cleared.broken.image.reference), "broken", cleared, ports, tell)
    yield DeadDrill(stand, undo, template, tags)


@pytest.fixture
def dead(place: Place) -> Iterator[DeadDrill]:
    with stand_on(place) as stand, dead_drill(stand) as found:
        yield found


def test_what_a_dead_drill_has_broken_is_put_back_by_its_lease_alone_and_again_there_is_nothing_to_do(
    dead: DeadDrill,
) -> None:
    assert dead.standing() is Standing.BROKEN
    restored = dead.restore()
    assert (restored.done.error, restored.done.theirs, restored.done.left) == (None, None, ())
    dead.assert_restored()
    play = dead.stand.play
    with pytest.raises(NothingToRestoreError, match="it was never broken, or is put back"):
        dead.restore()
    play.delete(dead.stand.collection, NAME)
    with pytest.raises(TargetMissingError):
        dead.restore()


def test_an_undo_that_somebody_has_changed_is_not_done_unless_its_digest_is_given(dead: DeadDrill) -> None:
    before = dead.stand.template()
    for changes in (
        {"image": "registry.test/other@sha256:" + "0" * 64},
        {"beside": {"configmap/flows": {"data": {"a": "b"}}}},
        {"fields": {"command": ["sh", "-c", "id"]}},
        {"broken": json.loads(json.dumps({**json.loads(dead._undo_text())["broken"], "reference": {
            "registry": "registry.test", "repository": "other", "tag": None, "digest": "sha256:" + "0" * 64}}))},
        {"workload": "deployment/other"},
        {"run_id": "another"},
        {"image": None},
    ):  # fmt: skip
        original = dead._undo_text()
        dead.write_undo(**changes)
        with pytest.raises(NothingToRestoreError, match="is not believed"):
            dead.restore()
        with pytest.raises(NothingToRestoreError, match="is not believed"):
            dead.restore(accepted=undo_digest(dead.undo))
        dead._annotate(original)
    assert dead.stand.template() == before, "nothing was touched"
    assert dead.restore(accepted=undo_digest(dead.undo)).done.error is None
    dead.assert_restored()


def test_a_drill_that_still_renews_its_lease_is_left_alone(dead: DeadDrill) -> None:
    play, over = dead.stand.play, threading.Event()
    with open_workload(play.context, dead.stand.drill().target, kubeconfig=play.kubeconfig) as workload:
        lease: DrillLease = workload.lease

        def renew() -> None:
            while not over.wait(0.5):
                assert lease.renew(dead.undo.run_id) is None

        thread = threading.Thread(target=renew)
        thread.start()
        try:
            assert dead.standing() is Standing.IN_PROGRESS
            with pytest.raises(DrillRefusedError, match="is already running"):
                dead.restore()
        finally:
            over.set()
            thread.join()
    assert dead.stand.template() != dead.template
    dead.restore()
    dead.assert_restored()


def test_what_somebody_else_has_deployed_stays_until_people_say_what_is_to_run(dead: DeadDrill) -> None:
    play, theirs = dead.stand.play, f"{dead.stand.registry}/{dead.stand.repository}:1.0.0"
    container = dead.undo.container
    patch = {"spec": {"template": {"spec": {"containers": [{"name": container, "image": f"{theirs}-other"}]}}}}
    play.patch(dead.stand.collection, NAME, patch)
    asked = dead.restore()
    assert asked.done.theirs is not None
    assert dead.stand.template()["spec"]["containers"][0]["image"] == f"{theirs}-other"
    assert dead.standing() is Standing.ASKS
    assert dead.restore(theirs=Theirs.OVERWRITE).done.theirs is None
    dead.assert_restored()
