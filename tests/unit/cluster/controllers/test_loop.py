"""The loop that all controllers share goes on, whatever one of them meets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import pytest

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, PODS, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Controller, ControllerLoop, Key
from flowdrill.cluster.controllers.supporting import supporting_controllers
from flowdrill.cluster.controllers.workloads import workload_controllers
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named, put_odd
from tests.unit.cluster.controllers.workload_world import workload_spec


class Counting:
    """A controller of ConfigMaps that counts its looks, and meets what a test wants it to."""

    name = "counting"

    def __init__(self, meet: Callable[[Key], float | None] = lambda _: None) -> None:
        self.watches = {CONFIG_MAPS: own_key}
        self.looks: list[str] = []
        self._meet = meet

    def sync(self, key: Key) -> float | None:
        self.looks.append(key[1])
        return self._meet(key)


@pytest.fixture
def objects() -> Objects:
    return fresh_objects(Clock())


def config(objects: Objects, name: str, **data: str) -> None:
    if objects.find(CONFIG_MAPS, "shop", name) is None:
        objects.create(CONFIG_MAPS, named(CONFIG_MAPS, name, data=data))
    else:
        objects.change(CONFIG_MAPS, "shop", name, lambda one: one.update(data=data))


def run(objects: Objects, *controllers: Controller, act: Callable[[], None], until: Callable[[], bool]) -> None:
    """Run the loop, act once it looks, and end when a condition holds; fails when the loop ends first."""

    async def both() -> None:
        loop = asyncio.create_task(ControllerLoop(objects.store, controllers).run())
        await asyncio.sleep(0)
        act()
        async with asyncio.timeout(20):
            while not until():
                await asyncio.sleep(0)
                assert not loop.done(), loop.exception()
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop

    asyncio.run(both())


def refuse(_key: Key) -> float | None:
    raise StatusError(409, "Conflict", "not now")


def break_down(key: Key) -> float | None:
    if key[1] == "bad":
        raise ValueError(key)
    return None


def test_what_was_there_before_is_looked_at_and_what_changes_again(objects: Objects) -> None:
    config(objects, "a")
    counting = Counting()
    run(objects, counting, act=lambda: config(objects, "b"), until=lambda: counting.looks == ["a", "b"])


def test_many_changes_are_one_look(objects: Objects) -> None:
    counting = Counting()

    def act() -> None:
        for number in range(100):
            config(objects, "a", number=str(number))

    run(objects, counting, act=act, until=lambda: bool(counting.looks))
    assert counting.looks == ["a"]


def test_what_was_refused_is_tried_again(objects: Objects) -> None:
    counting = Counting(refuse)
    run(objects, counting, act=lambda: config(objects, "a"), until=lambda: len(counting.looks) == 3)


def test_a_key_may_be_refused_for_ever(objects: Objects) -> None:
    counting = Counting(refuse)
    loop = ControllerLoop(objects.store, [counting])

    async def fail_often() -> None:
        for _ in range(1100):
            loop._sync(("counting", ("shop", "a")))

    asyncio.run(fail_often())
    assert len(counting.looks) == 1100


def test_an_object_that_a_controller_cannot_bear_does_not_stop_the_others(
    objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    counting = Counting(break_down)

    def act() -> None:
        for name in ("bad", "good"):
            config(objects, name)

    with caplog.at_level(logging.ERROR):
        run(objects, counting, act=act, until=lambda: "good" in counting.looks)
    assert counting.looks == ["bad", "good"]
    assert "'bad'" in caplog.text


def test_a_controller_may_ask_to_look_again(objects: Objects) -> None:
    counting = Counting(lambda _: 0.0)
    run(objects, counting, act=lambda: config(objects, "a"), until=lambda: len(counting.looks) > 2)


ODD_OWNERS: list[Json | None] = [None, {}, {"controller": True}, {"uid": "x", "controller": True}, {"kind": "Pod"}]


def test_all_controllers_start_and_go_on_beside_odd_owners(objects: Objects, caplog: pytest.LogCaptureFixture) -> None:
    def odd(name: str) -> None:
        spec = workload_spec("one")["template"]["spec"]
        for number, owner in enumerate(ODD_OWNERS):
            objects.create(PODS, named(PODS, f"{name}-{number}", spec=spec))
            objects.create(CONFIG_MAPS, named(CONFIG_MAPS, f"{name}-{number}"))
            for resource in (PODS, CONFIG_MAPS):
                put_odd(objects, resource, f"{name}-{number}", ownerReferences=[owner])

    odd("before")
    counting = Counting()
    controllers = [*workload_controllers(objects), *supporting_controllers(objects, lambda *_: "token"), counting]
    run(objects, *controllers, act=lambda: odd("after"), until=lambda: "after-4" in counting.looks)
    assert "Traceback" not in caplog.text
