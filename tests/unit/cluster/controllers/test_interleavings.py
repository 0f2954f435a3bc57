"""Controllers share one loop in no order that anybody promises: whichever looks next, and whichever pod becomes ready
meanwhile, a rollout keeps its limits and ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import DEPLOYMENTS, PODS, STATEFUL_SETS, Json, ResourceType
from tests.unit.cluster.controllers.workload_world import WorkloadWorld, image_of, is_ready, workload_spec

MOST_STEPS = 2_000
READY = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


class Rollout:
    """A rollout of which every single step is chosen from outside."""

    def __init__(self, world: WorkloadWorld, choices: list[int]) -> None:
        self.world, self._choices = world, choices

    def _choice(self, of: int) -> int:
        return self._choices.pop() % of if self._choices else 0

    def step(self) -> bool:
        """Let a pod become ready, or a controller look; return whether there was something to do."""
        waiting = [pod for pod in self.world.pods() if not is_ready(pod) and image_of(pod) != "broken"]
        if waiting and self._choice(3) == 0:
            name = waiting[self._choice(len(waiting))]["metadata"]["name"]
            self.world.objects.change(PODS, "shop", name, lambda pod: pod["status"].update(READY), part=Part.STATUS)
            return True
        return self.world.driven.step(self._choice(1000)) or bool(waiting)

    def ready(self) -> int:
        return sum(is_ready(pod) for pod in self.world.pods())


def changed(world: WorkloadWorld, resource: ResourceType, image: str) -> None:
    """Change the template; no controller has seen it yet."""
    template = workload_spec(image)["template"]
    world.objects.change(resource, "shop", "web", lambda one: one["spec"].update(template=template))


CHOICES = st.lists(st.integers(0, 999), max_size=300)


@settings(max_examples=80, deadline=None)
@given(choices=CHOICES, surge=st.integers(0, 3), unavailable=st.integers(0, 2), through=st.sampled_from(["", "broken"]))
def test_a_rolling_update_keeps_its_limits_at_every_step_and_ends(
    choices: list[int], surge: int, unavailable: int, through: str
) -> None:
    world, wanted = WorkloadWorld(), 4
    unavailable = unavailable if surge else max(1, unavailable)
    rolling: Json = {"maxSurge": surge, "maxUnavailable": unavailable}
    world.create(DEPLOYMENTS, replicas=wanted, strategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    world.all_ready()
    if through:
        world.roll(DEPLOYMENTS, through)
    changed(world, DEPLOYMENTS, "two")
    rollout = Rollout(world, choices)
    for _ in range(MOST_STEPS):
        if not rollout.step():
            break
        assert sum(world.sizes().values()) <= wanted + surge
        assert rollout.ready() >= wanted - unavailable
    assert {image: size for image, size in world.sizes().items() if size} == {"two": wanted}
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable")


@settings(max_examples=25, deadline=None)
@given(choices=CHOICES)
def test_a_stateful_set_never_has_two_pods_away_and_ends(choices: list[int]) -> None:
    world = WorkloadWorld()
    world.create(STATEFUL_SETS, replicas=3)
    world.all_ready()
    changed(world, STATEFUL_SETS, "two")
    rollout = Rollout(world, choices)
    for _ in range(MOST_STEPS):
        if not rollout.step():
            break
        assert rollout.ready() >= 2
    assert set(world.images().values()) == {"two"}
    status = world.status(STATEFUL_SETS)
    assert status["currentRevision"] == status["updateRevision"]
