"""Events are news: old ones go."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, EVENTS
from flowdrill.cluster.controllers.event_expiry import EventExpiry
from flowdrill.cluster.events import EventRecorder
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named

KEY = (None, "events")


def world() -> tuple[Clock, Objects, EventRecorder, EventExpiry]:
    clock = Clock()
    objects = fresh_objects(clock)
    objects.create(CONFIG_MAPS, named(CONFIG_MAPS, "c"))
    return clock, objects, EventRecorder(objects, "test"), EventExpiry(objects)


def test_an_event_goes_after_an_hour_without_being_repeated() -> None:
    clock, objects, recorder, expiry = world()
    about = objects.get(CONFIG_MAPS, "shop", "c")
    recorder.record(about, "Normal", "Once", "once")
    recorder.record(about, "Normal", "Again", "again")
    clock.pass_seconds(3000)
    recorder.record(about, "Normal", "Again", "again")
    clock.pass_seconds(601)
    expiry.sync(KEY)
    assert [one["reason"] for one in objects.select(EVENTS)] == ["Again"]
    clock.pass_seconds(3000)
    assert expiry.sync(KEY) is None
    assert objects.select(EVENTS) == []


def test_it_asks_to_be_called_again_while_there_are_events() -> None:
    clock, objects, recorder, expiry = world()
    recorder.record(objects.get(CONFIG_MAPS, "shop", "c"), "Normal", "Once", "once")
    assert expiry.sync(KEY) == 10
    clock.pass_seconds(4)
    assert expiry.sync(KEY) == 6


def test_of_too_many_events_the_oldest_go() -> None:
    clock, objects, _recorder, expiry = world()
    for number in range(5250):
        clock.pass_seconds(0.1)
        objects.create(EVENTS, named(EVENTS, f"e{number:04}", lastTimestamp=None, involvedObject={"namespace": "shop"}))
    assert expiry.sync(KEY) == 0
    expiry.sync(KEY)
    kept = [one["metadata"]["name"] for one in objects.select(EVENTS)]
    assert len(kept) == 5000
    assert kept[0] == "e0250"
