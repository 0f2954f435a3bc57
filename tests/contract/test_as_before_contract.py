"""Restored means restored, on every Kubernetes: after a whole drill nothing differs, whatever is left is noticed, and
what somebody else has changed meanwhile is theirs and named."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import pytest

from flowdrill.analysis.as_before import Difference, differences, mending_of
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.rollback.over import Over
from flowdrill.engine.ports import Clock
from flowdrill.model.drill import Target
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage
from flowdrill.model.instant import Instant
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.standing import Standing, standing_from_json, standing_to_json
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, carry_out, stand_on
from tests.contract.playground import Json, Playground

pytestmark = pytest.mark.drills

CAUSE = "kubernetes.io/change-cause"


@dataclass
class Subject:
    """A workload with two revisions, of which nothing runs, and how it stood when the test began."""

    play: Playground
    workload: KubernetesWorkload
    kind: WorkloadKind
    undo: Undo
    before: Standing

    @property
    def name(self) -> str:
        return self.undo.workload.partition("/")[2]

    @property
    def revisions(self) -> str:
        return "replicasets" if self.kind is WorkloadKind.DEPLOYMENT else "controllerrevisions"

    def now(self) -> Standing:
        return self.workload.standing(self.undo)

    def found(self) -> tuple[Difference, ...]:
        return differences(self.before, self.now(), self.undo)

    def kubectl(self, *words: str) -> None:
        self.play.kubectl(*words[:1], self.undo.workload, *words[1:])

    def settled(self) -> None:
        self.play.until(lambda: self.play.complete(self.name, f"{self.kind}s"), f"{self.name} is settled")


def roll(play: Playground, kind: WorkloadKind, name: str, version: str, **meta: Json) -> None:
    """Another revision. The controllers must have seen it, and what is noted with it."""
    env = [{"name": "VERSION", "value": version}, {"name": "API_KEY", "value": "hunter2-and-more"}]
    spec = {"template": {"spec": {"containers": [{"name": "main", "env": env}]}}}
    play.patch(f"{kind}s", name, {"metadata": meta, "spec": spec}, fieldManager="release")
    play.until(lambda: play.complete(name, f"{kind}s"), f"{name} is at {version}")


@pytest.fixture
def subject(play: Playground, kind: WorkloadKind) -> Iterator[Subject]:
    name = f"stands-{secrets.token_hex(3)}"
    play.deploy(name, kind="Deployment" if kind is WorkloadKind.DEPLOYMENT else "StatefulSet", replicas=0)
    roll(play, kind, name, "1")
    roll(play, kind, name, "2", annotations={"team/note": "kept"})
    uid, image = play.read(f"{kind}s", name)["metadata"]["uid"], play.image
    stable = parse_image_reference(image).at_digest(f"sha256:{'1' * 64}")
    made = BrokenImage(parse_image_reference(f"{image.rpartition(':')[0]}:drill-x"), stable, (), 0, ())
    undo = Undo(f"run-{name}", f"{kind}/{name}", play.namespace, "main", image, None, "here", uid=uid, broken=made)
    target = Target(namespace=play.namespace, workload=undo.workload)
    with closing(open_workload(play.context, target, kubeconfig=play.kubeconfig)) as workload:
        yield Subject(play, workload, kind, undo, workload.standing(undo))
    play.delete(f"{kind}s", name)


def test_what_nobody_touches_stands_as_it_stood_also_once_it_was_kept_in_a_file(subject: Subject) -> None:
    kept = standing_from_json(standing_to_json(subject.before))
    assert differences(kept, subject.now(), subject.undo) == ()
    assert "hunter2" not in standing_to_json(subject.before)
    assert len(subject.before.revisions) == 3
    assert subject.before.current == subject.before.revisions[-1].name
    assert subject.before.unread == ()


def test_going_to_another_image_and_back_leaves_nothing_once_it_is_mended(subject: Subject) -> None:
    """What a drill does, and whoever sets the image back alone."""
    workload, broken = subject.workload, str(subject.undo.made[0].reference)
    workload.set_image(broken, f"flowdrill {subject.undo.run_id}: break")
    subject.settled()
    seen = subject.found()
    assert any(one.what.endswith("containers[main].image") and one.theirs is None for one in seen)
    subject.play.kubectl("set", "image", subject.undo.workload, f"main={subject.undo.image}")
    subject.settled()
    workload.set_image(subject.undo.image, None)
    subject.play.until(lambda: workload.forget_image(broken) == (), "the broken revision is gone")
    subject.settled()
    if subject.kind is WorkloadKind.DEPLOYMENT:
        (left,) = subject.found()
        assert left.what.endswith(f" metadata.annotations.{CAUSE}")
        assert left.what.startswith("replicaset/")
        assert left.theirs is None
    mend(subject)
    assert subject.found() == ()


def test_the_image_in_another_spelling_leaves_no_revision(subject: Subject) -> None:
    other = f"{subject.undo.image}@sha256:{'0' * 64}"
    undo = replace(subject.undo, pinned=other, digests=(f"sha256:{'0' * 64}",))
    subject.undo = undo
    subject.workload.set_image(other, None)
    subject.settled()
    subject.workload.set_image(undo.image, None)
    subject.settled()
    assert {one.theirs for one in subject.found()} == {None}
    assert any("`rollout undo`" in one.what for one in subject.found())
    mend(subject)
    assert subject.found() == ()


def test_a_revision_that_was_used_again_gets_its_place_back(subject: Subject) -> None:
    """`rollout undo` goes where it went before, although an older revision was the workload's for a while."""
    oldest, earlier, _ = subject.before.revisions
    assert subject.before.undo_goes_to == earlier
    subject.play.kubectl("rollout", "undo", subject.undo.workload, f"--to-revision={oldest.number}")
    subject.settled()
    roll(subject.play, subject.kind, subject.name, "2")
    assert subject.now().undo_goes_to != earlier
    mend(subject)
    assert [one.name for one in subject.now().revisions] == [one.name for one in subject.before.revisions]
    subject.play.kubectl("rollout", "undo", subject.undo.workload)
    subject.settled()
    assert subject.now().current == earlier.name


def mend(subject: Subject) -> None:
    mending = mending_of(subject.before, subject.now(), subject.undo)
    for name, texts in mending.annotations.items():
        subject.workload.annotate(name, texts)
    for name, number in mending.numbers.items():
        subject.workload.renumber(name, number)
    for name in mending.revisions:
        subject.play.until(lambda name=name: subject.workload.forget_revision(name) is None, f"{name} is gone")


def change_strategy(subject: Subject) -> None:
    of_set = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}}
    spec = of_set if subject.kind is WorkloadKind.STATEFULSET else {"strategy": {"rollingUpdate": {"maxSurge": 3}}}
    subject.play.patch(f"{subject.kind}s", subject.name, {"spec": spec}, fieldManager="people")


Change = Callable[[Subject], object]
THEIRS: list[tuple[Change, str, str]] = [
    (lambda one: one.kubectl("annotate", "team/look=here"), "metadata.annotations.team/look", "kubectl"),
    (lambda one: one.kubectl("annotate", "team/note-"), "metadata.annotations.team/note", "somebody else"),
    (lambda one: one.kubectl("label", "tier=gold"), "metadata.labels.tier", "kubectl"),
    (change_strategy, "the strategy", "people"),
    (
        lambda one: one.play.kubectl("set", "env", one.undo.workload, "VERSION=3"),
        "spec.template.spec.containers[main].env[VERSION].value",
        "kubectl",
    ),
    (
        lambda one: one.play.kubectl("set", "resources", one.undo.workload, "--limits=cpu=100m"),
        "spec.template.spec.containers[main].resources.limits.cpu",
        "kubectl",
    ),
]


STRATEGIES = {
    WorkloadKind.DEPLOYMENT: "spec.strategy.rollingUpdate.maxSurge",
    WorkloadKind.STATEFULSET: "spec.updateStrategy.rollingUpdate.partition",
}


@pytest.mark.parametrize(("change", "path", "who"), THEIRS, ids=[one[1] for one in THEIRS])
def test_what_somebody_else_changes_is_theirs_by_name(subject: Subject, change: Change, path: str, who: str) -> None:
    path = STRATEGIES[subject.kind] if path == "the strategy" else path
    change(subject)
    (of_it,) = (one for one in subject.found() if one.what == f"{subject.undo.workload} {path}")
    assert of_it.theirs is not None
    assert of_it.theirs.startswith(who)
    subject.settled()
    assert all(one.theirs for one in subject.found())


def test_what_a_drill_left_is_noticed_and_what_it_made(subject: Subject) -> None:
    play, broken = subject.play, str(subject.undo.made[0].reference)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{subject.name}-left", "labels": {"flowdrill.dev/run": subject.undo.run_id}},
        "spec": {**play.pod_spec(), "nodeSelector": {"no": "where"}},
    }
    play.raw("POST", play.core_path("pods"), pod)
    stray = {**pod, "metadata": {"name": f"{subject.name}-stray", "labels": {"app": subject.name}}}
    stray["spec"] = {**pod["spec"], "containers": [{**pod["spec"]["containers"][0], "image": broken}]}
    play.raw("POST", play.core_path("pods"), stray)
    found = {one.what: one for one in subject.found()}
    assert found[f"pod/{subject.name}-left"].theirs is None
    assert found[f"pod/{subject.name}-stray"].after == f"runs {broken}"
    for name in ("left", "stray"):
        play.raw("DELETE", play.core_path("pods", f"{subject.name}-{name}"))
    oldest = subject.before.revisions[0].name.partition("/")[2]
    play.delete(subject.revisions, oldest)
    gone = [one for one in subject.found() if one.after == "no longer kept"]
    assert [one.theirs for one in gone] == [None]


class ByKubectl:
    """The rollback of a team that sets the image alone; meanwhile somebody else does this and that."""

    def __init__(self, stand: Stand, clock: Clock, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._stand, self._clock, self._meanwhile = stand, clock, meanwhile

    def begin(self, request: RollbackRequest) -> Over:
        self._meanwhile()
        sent_ns = self._clock.now_ns()
        self._stand.play.kubectl("set", "image", f"{self._stand.kind}/{NAME}", f"main={request.image}")
        return Over(RollbackTaken("kubectl set image", sent_ns, Instant(sent_ns, self._clock.now_ns())))


def test_a_workload_by_tag_whose_image_somebody_sets_back_alone_is_as_before(place: Place) -> None:
    with stand_on(place) as stand:
        tagged = f"{stand.image.partition('@')[0]}:1.0.0"
        stand.play.kubectl("set", "image", f"deployment/{NAME}", f"main={tagged}")
        stand.play.patch("deployments", NAME, {"spec": {"revisionHistoryLimit": 2}})  # the drill adds two
        stand.play.until(lambda: stand.play.complete(NAME), "it runs by its tag")
        drilled = carry_out(stand, stand.drill(limit="60s"), lambda _, clock: ByKubectl(stand, clock))
        assert drilled.check("restored_as_before").observed == "no difference"
        assert drilled.evidence["restored-as-before.diff"].endswith("# no difference\n")
        sets = stand.play.replica_sets(NAME)
        assert len(sets) == 2
        assert not any(CAUSE in (one["metadata"].get("annotations") or {}) for one in sets)


def test_what_somebody_else_changes_in_mid_drill_survives_the_restore_and_is_named(place: Place) -> None:
    with stand_on(place, kind="statefulset") as stand:

        def meanwhile() -> None:
            play, workload = stand.play, f"statefulset/{NAME}"
            play.kubectl("annotate", workload, "team/look=here")
            play.kubectl("label", workload, "tier=gold")
            play.kubectl("set", "env", workload, "DEBUG=1")
            play.kubectl("scale", workload, "--replicas=2")

        drill = stand.drill(limit="60s")
        drilled = carry_out(stand, drill, lambda _, clock: ByKubectl(stand, clock, meanwhile), theirs=True)
        now = stand.play.read("statefulsets", NAME)
        assert now["spec"]["replicas"] == 2
        assert now["metadata"]["annotations"]["team/look"] == "here"
        assert now["metadata"]["labels"]["tier"] == "gold"
        (container,) = now["spec"]["template"]["spec"]["containers"]
        assert {"name": "DEBUG", "value": "1"} in container["env"]
        diff = drilled.evidence["restored-as-before.diff"]
        assert "left by the drill" not in diff
        for path in ("annotations.team/look", "labels.tier", "env[DEBUG].value"):
            assert f"{path} @@ changed by kubectl" in diff
        assert "spec.replicas @@ changed by " in diff
