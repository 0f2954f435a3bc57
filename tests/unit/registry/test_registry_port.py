"""What the registry port promises of retained images: the fake that drills are tested with, and the real edge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.engine.image_ports import Registry
from flowdrill.model.image_health import Health, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.surroundings import PullSecret
from tests.fakes.fake_registry import FakeRegistry
from tests.unit.oci.image_building import push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry

DIGEST = "sha256:" + "a" * 64


@dataclass(frozen=True)
class Bench:
    port: Registry
    image: ImageReference  # by digest; its tag is 1.0.0
    lose_manifest: Callable[[], object]
    ask_for_login: Callable[[], object]


@pytest.fixture(params=["fake", "edge"])
def bench(request: pytest.FixtureRequest, registry: LoopbackRegistry) -> Bench:
    if request.param == "fake":
        fake = FakeRegistry("registry.test/app", {"1.0.0": DIGEST})
        image = ImageReference("registry.test", "app", None, DIGEST)
        return Bench(fake, image, fake.digests.clear, lambda: setattr(fake, "wants_login", True))
    image = push_image(registry, {"a": b"1"}, tag="1.0.0")
    edge = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    return Bench(edge, image, registry.manifests.clear, lambda: setattr(registry, "challenge", 'Basic realm="x"'))


def test_healths_come_in_the_order_given(bench: Bench) -> None:
    absent, told = bench.image.at_digest("sha256:" + "f" * 64), list[tuple[int, int]]()
    given = [absent, bench.image, absent]
    found = bench.port.examine(given, Tier.EXISTS, told=lambda done, total: told.append((done, total)))
    assert [one.health for one in found] == [Health.GONE, Health.RETAINED, Health.GONE]
    assert [one.reference for one in found] == given
    assert told == [(1, 2), (2, 2)]
    assert found[0].problem
    assert found[0].remedy


def test_a_complete_image_says_which_platforms_it_is_for(bench: Bench) -> None:
    (found,) = bench.port.examine([bench.image.at_tag("1.0.0")], Tier.COMPLETE, platforms=("linux/amd64",))
    assert (found.health, found.platforms) == (Health.RETAINED, ("linux/amd64",))
    assert found.reference == ImageReference(bench.image.registry, bench.image.repository, "1.0.0", bench.image.digest)
    assert found.size_bytes


def test_a_tag_names_a_digest_or_nothing(bench: Bench) -> None:
    assert bench.port.resolve(bench.image.at_tag("1.0.0")) == bench.port.resolve(bench.image) == bench.image.digest
    assert bench.port.resolve(bench.image.at_tag("2.0.0")) is None
    assert bench.port.tags(bench.image) == ("1.0.0",)


def test_a_lost_manifest_is_gone_for_whoever_pulls(bench: Bench) -> None:
    bench.lose_manifest()
    assert bench.port.pullable(bench.image, ()).health is Health.GONE
    assert bench.port.resolve(bench.image) is None


def test_a_registry_that_wants_a_login_refuses_whoever_has_none(bench: Bench) -> None:
    assert bench.port.pullable(bench.image, ()).health is Health.RETAINED
    bench.ask_for_login()
    found = bench.port.pullable(bench.image, (PullSecret("gone", None, "is not there"),))
    assert found.health is Health.REFUSED
    assert "wants a login" in found.problem
