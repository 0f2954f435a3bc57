"""Looking at many images at once, over a registry on loopback that loses, damages and refuses things."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from flowdrill.edges.registry.blob_looks import Sample
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import PlanError
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.client import RegistryClient
from flowdrill.oci.digest import digest_of
from flowdrill.oci.transport import ATTEMPTS
from tests.unit.oci.image_building import push_image, push_index
from tests.unit.oci.loopback_registry import LoopbackRegistry, Scripted, basic, loopback_registry

SHARED = {"usr/lib/a.py": b"shared by all"}
ALL_TIERS = (Tier.EXISTS, Tier.COMPLETE, Tier.BYTES)


def _images(registry: LoopbackRegistry, environ: dict[str, str] | None = None) -> ImageRegistry:
    return ImageRegistry(lambda _: registry.client(environ), {}.__getitem__)


def _health(registry: LoopbackRegistry, reference: ImageReference, tier: Tier = Tier.COMPLETE) -> ImageHealth:
    (health,) = _images(registry).examine([reference], tier)
    return health


def _manifest(registry: LoopbackRegistry, reference: ImageReference) -> dict[str, list[dict[str, str]]]:
    return json.loads(registry.manifests[reference.repository, str(reference.digest)][1])


def _layer(registry: LoopbackRegistry, reference: ImageReference, number: int = 0) -> str:
    return str(_manifest(registry, reference)["layers"][number]["digest"])


def _pushed(registry: LoopbackRegistry, count: int, repositories: int = 1) -> list[ImageReference]:
    return [
        push_image(
            registry, SHARED, {"number": b"%d" % number}, repository=f"app{number % repositories}", tag=f"1.0.{number}"
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_a_whole_image_is_retained_at_every_tier(registry: LoopbackRegistry, tier: Tier) -> None:
    reference = push_image(registry, SHARED, config={"Labels": {"team": "x"}})
    found = _health(registry, reference.at_tag("1"), tier)
    assert (found.health, found.problem, found.tier) == (Health.RETAINED, "", tier)
    assert found.reference.digest == reference.digest
    if tier is Tier.EXISTS:
        assert (found.platforms, found.created, found.size_bytes) == ((), None, None)
        assert [(seen.method, seen.path.split("/")[3]) for seen in registry.seen] == [("HEAD", "manifests")]
        return
    sizes = [len(blob) for blob in registry.blobs.values()]
    assert (found.platforms, found.created, found.size_bytes) == (("linux/amd64",), "2026-01-02T03:04:05Z", sum(sizes))
    assert found.labels == (("team", "x"),)


@pytest.mark.parametrize("tier", ALL_TIERS)
def test_a_deleted_manifest_is_gone_at_every_tier(registry: LoopbackRegistry, tier: Tier) -> None:
    reference = push_image(registry, SHARED)
    del registry.manifests["app", str(reference.digest)]
    found = _health(registry, reference, tier)
    assert found.health is Health.GONE
    assert str(reference.digest) in found.problem
    assert found.remedy


def test_a_head_without_a_digest_is_no_proof_and_the_manifest_is_read(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED)
    registry.script.append(Scripted("HEAD", "/v2/app/manifests", 200))
    assert _health(registry, reference, Tier.EXISTS).health is Health.RETAINED
    assert [seen.method for seen in registry.seen] == ["HEAD", "GET"]


@pytest.mark.parametrize("said", [{}, {"Docker-Content-Digest": digest_of(b"other")}, {"Docker-Content-Digest": "x"}])
def test_a_manifest_with_other_content_is_damaged(registry: LoopbackRegistry, said: dict[str, str]) -> None:
    reference = push_image(registry, SHARED)
    media_type, document = registry.manifests["app", str(reference.digest)]
    registry.manifests["app", str(reference.digest)] = (media_type, document + b" ")
    registry.script.append(Scripted("HEAD", "/v2/app/manifests", 200, said))
    found = _health(registry, reference, Tier.EXISTS)
    assert found.health is Health.DAMAGED
    assert _health(registry, reference).health is Health.DAMAGED


@pytest.mark.parametrize("kind", ["config", "layers"])
def test_an_image_without_one_of_its_blobs_is_incomplete_and_the_blob_is_named(
    registry: LoopbackRegistry, kind: str
) -> None:
    reference = push_image(registry, SHARED, {"b": b"2"})
    named = _manifest(registry, reference)[kind]
    blob = named["digest"] if isinstance(named, dict) else named[0]["digest"]
    del registry.blobs["app", blob]
    assert _health(registry, reference, Tier.EXISTS).health is Health.RETAINED
    found = _health(registry, reference)
    assert found.health is Health.INCOMPLETE
    assert blob in found.problem
    assert "garbage collection" in found.remedy


def test_what_is_known_to_be_wrong_is_said_before_what_is_not_known(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED, {"b": b"2"}, {"c": b"3"})
    unknown, missing, short = (_layer(registry, reference, number) for number in range(3))
    registry.script += [Scripted("HEAD", f"/v2/app/blobs/{unknown}", 403)]
    del registry.blobs["app", missing]
    registry.blobs["app", short] += b"more"
    found = _health(registry, reference)
    assert found.health is Health.INCOMPLETE
    assert missing in found.problem
    assert "2 more" in found.problem


def test_a_layer_of_another_size_is_damaged(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED)
    registry.blobs["app", _layer(registry, reference)] += b"x"
    found = _health(registry, reference)
    assert found.health is Health.DAMAGED
    assert "bytes instead of" in found.problem


def test_a_registry_that_does_not_say_how_large_a_layer_is_is_believed(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED)
    registry.script.append(Scripted("HEAD", "/v2/app/blobs", 200, {"Content-Length": "?"}))
    assert _health(registry, reference).health is Health.RETAINED


def test_a_corrupted_layer_is_found_by_tier_bytes_alone(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED, {"b": b"2"})
    layer = _layer(registry, reference)
    registry.blobs["app", layer] = bytes(len(registry.blobs["app", layer]))
    healths = {tier: _health(registry, reference, tier).health for tier in ALL_TIERS}
    assert healths == {Tier.EXISTS: Health.RETAINED, Tier.COMPLETE: Health.RETAINED, Tier.BYTES: Health.DAMAGED}


def test_a_download_that_breaks_off_is_begun_again_and_then_not_known(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED)
    layer = _layer(registry, reference)
    cut = Scripted("GET", f"/v2/app/blobs/{layer}", 200, {"Content-Length": "999", "Connection": "close"}, b"x")
    registry.script.append(cut)
    assert _health(registry, reference, Tier.BYTES).health is Health.RETAINED
    registry.script += [cut] * 2
    found = _health(registry, reference, Tier.BYTES)
    assert (found.health, "broke" in found.problem) == (Health.UNKNOWN, True)


def test_each_blob_is_asked_once_however_many_images_share_it(registry: LoopbackRegistry) -> None:
    references = _pushed(registry, 30, repositories=2)
    found = _images(registry).examine(references, Tier.COMPLETE)
    assert {one.health for one in found} == {Health.RETAINED}
    asked = Counter(seen.path for seen in registry.seen)
    assert set(asked.values()) == {1}
    layers = {_layer(registry, reference) for reference in references}
    assert len([path for path in asked if next(iter(layers)) in path]) == len({r.repository for r in references}) == 2
    assert (
        len(asked) == 30 + 30 + 30 + 2
    )  # manifests, configurations, own layers, and the shared one in each repository


def test_a_sample_is_a_part_of_the_blobs_that_the_seed_chooses(registry: LoopbackRegistry) -> None:
    references = _pushed(registry, 12)
    images = _images(registry)

    def downloaded(seed: str) -> set[str]:
        del registry.seen[:]
        images.examine(references, Tier.BYTES, sample=0.5, seed=seed)
        layers = {_layer(registry, reference, number) for reference in references for number in (0, 1)}
        return {seen.path for seen in registry.asked("GET", "/blobs/") if seen.path.rpartition("/")[2] in layers}

    runs = [downloaded(f"run-{number}") for number in range(8)]
    assert downloaded("run-0") == runs[0]
    assert len({frozenset(run) for run in runs}) > 1
    assert len(set.union(*runs)) == 13  # over time every one
    assert all(len(run) < 13 for run in runs)


def test_a_sample_has_about_the_wanted_size() -> None:
    digests = [digest_of(b"%d" % number) for number in range(1000)]
    assert 200 < sum(Sample(0.25, "x").holds(digest) for digest in digests) < 300
    assert all(Sample(1.0).holds(digest) for digest in digests)
    assert not any(Sample(0.0).holds(digest) for digest in digests)


def test_an_index_is_looked_at_for_every_wanted_platform(registry: LoopbackRegistry) -> None:
    reference = push_index(registry, SHARED)
    images = _images(registry)
    (found,) = images.examine([reference], Tier.COMPLETE, platforms=("linux/amd64", "linux/arm64"))
    assert (found.health, found.platforms) == (Health.RETAINED, ("linux/amd64", "linux/arm64"))
    arm = registry.manifests["app", "arm64"][1]
    del registry.blobs["app", json.loads(arm)["layers"][0]["digest"]]
    healths = [
        images.examine([reference], Tier.COMPLETE, platforms=(f"linux/{p}",))[0].health for p in ("amd64", "arm64")
    ]
    assert healths == [Health.RETAINED, Health.INCOMPLETE]


def test_a_platform_that_an_index_has_not_makes_it_incomplete(registry: LoopbackRegistry) -> None:
    (found,) = _images(registry).examine(
        [push_index(registry)], Tier.COMPLETE, platforms=("linux/amd64", "linux/s390x")
    )
    assert found.health is Health.INCOMPLETE
    assert "no image for linux/s390x; it has: linux/amd64, linux/arm64" in found.problem
    assert found.platforms == ("linux/amd64", "linux/arm64")


def test_a_platforms_manifest_that_is_gone_makes_the_index_incomplete(registry: LoopbackRegistry) -> None:
    reference = push_index(registry)
    digest = digest_of(registry.manifests["app", "amd64"][1])
    del registry.manifests["app", digest]
    found = _health(registry, reference)
    assert (found.health, digest in found.problem) == (Health.INCOMPLETE, True)


def test_layers_that_lie_elsewhere_by_design_are_not_asked_for(registry: LoopbackRegistry) -> None:
    reference = push_image(registry, SHARED, {"b": b"2"})
    media_type, document = registry.manifests["app", str(reference.digest)]
    fields = json.loads(document)
    fields["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    foreign = fields["layers"][0]["digest"]
    del registry.blobs["app", foreign]
    digest = registry.put_manifest("app", media_type, json.dumps(fields).encode())
    assert _health(registry, reference.at_digest(digest), Tier.BYTES).health is Health.RETAINED
    assert registry.asked("HEAD", foreign) == registry.asked("GET", foreign) == []


def test_healths_come_in_the_order_given_and_progress_is_told(registry: LoopbackRegistry) -> None:
    references = _pushed(registry, 9, repositories=3)
    del registry.manifests["app1", str(references[4].digest)]
    told: list[tuple[int, int]] = []
    given = [*references, references[4]]
    found = _images(registry).examine(given, Tier.EXISTS, told=lambda done, total: told.append((done, total)))
    assert [one.reference for one in found] == given
    assert [one.health is Health.GONE for one in found] == [number in (4, 9) for number in range(10)]
    assert told == [(number, 9) for number in range(1, 10)]
    assert _images(registry).examine([], Tier.BYTES) == ()


def test_a_reference_without_tag_and_digest_is_not_known(registry: LoopbackRegistry) -> None:
    found = _health(registry, ImageReference(registry.address, "app", None, None), Tier.EXISTS)
    assert (found.health, "neither tag nor digest" in found.problem) == (Health.UNKNOWN, True)
    with pytest.raises(PlanError, match="neither tag nor digest"):
        _images(registry).retained(ImageReference(registry.address, "app", None, None))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_that_fails_now_and_then_is_asked_again(registry: LoopbackRegistry, status: int) -> None:
    references = _pushed(registry, 6)
    registry.script += [Scripted("HEAD", "/v2/app0/manifests", status, {"Retry-After": "3"})] * (ATTEMPTS - 1)
    found = _images(registry).examine(references, Tier.EXISTS)
    assert {one.health for one in found} == {Health.RETAINED}
    assert registry.pauses == [3.0] * (ATTEMPTS - 1)


@pytest.mark.parametrize("tier", ALL_TIERS)
@pytest.mark.parametrize("status", [429, 500])
def test_a_registry_that_keeps_failing_leaves_nothing_known_and_is_soon_left_alone(
    registry: LoopbackRegistry, tier: Tier, status: int
) -> None:
    references = _pushed(registry, 100, repositories=4)
    registry.script += [Scripted(method, "/v2/", status) for method in ("HEAD", "GET") for _ in range(2000)]
    found = _images(registry).examine(references, tier)
    assert {one.health for one in found} == {Health.UNKNOWN}
    assert f"HTTP {status}" in found[0].problem
    assert "not asked again" in found[-1].problem
    assert len(registry.seen) < ATTEMPTS * 60  # of 100 images; what is under way when it is given up comes to its end


def test_one_image_that_makes_its_registry_fail_says_nothing_of_the_others(registry: LoopbackRegistry) -> None:
    references = _pushed(registry, 30)
    registry.script += [Scripted("HEAD", f"/v2/app0/manifests/{references[0].digest}", 500)] * ATTEMPTS
    found = _images(registry).examine(references, Tier.EXISTS)
    assert (found[0].health, {one.health for one in found[1:]}) == (Health.UNKNOWN, {Health.RETAINED})


def test_a_registry_that_begins_to_fail_is_left_alone_after_a_few_images(registry: LoopbackRegistry) -> None:
    references = _pushed(registry, 200)
    images = _images(registry)
    images.examine(references[:1], Tier.EXISTS)
    registry.script += [
        Scripted("HEAD", f"/v2/app0/manifests/{one.digest}", 500) for one in references[1:] for _ in range(9)
    ]
    found = images.examine(references, Tier.EXISTS)
    assert (found[0].health, {one.health for one in found[1:]}) == (Health.RETAINED, {Health.UNKNOWN})
    assert len(registry.seen) < ATTEMPTS * 40


def test_a_registry_without_a_route_is_tried_once_and_not_once_for_every_image(registry: LoopbackRegistry) -> None:
    with loopback_registry() as gone:
        address = gone.address

    def connect(host: str) -> RegistryClient:
        return registry.client() if host == registry.address else gone.client()

    here = _pushed(registry, 3)
    there = [ImageReference(address, f"app{number % 5}", None, digest_of(b"%d" % number)) for number in range(200)]
    found = ImageRegistry(connect, {}.__getitem__).examine([*there, *here], Tier.COMPLETE)
    assert {one.health for one in found[:200]} == {Health.UNKNOWN}
    assert {one.health for one in found[200:]} == {Health.RETAINED}
    assert "cannot be reached" in found[0].problem
    assert "Check the registry's name and port" in found[0].remedy
    assert len(gone.pauses) <= (ATTEMPTS - 1) * 5


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_login_is_not_known_and_is_tried_once_for_each_repository(
    registry: LoopbackRegistry, status: int
) -> None:
    references = _pushed(registry, 60, repositories=3)
    if status == 401:
        registry.challenge = 'Basic realm="x"'
    else:
        registry.script += [Scripted("HEAD", "/v2/", 403)] * 60
    found = _images(registry).examine(references, Tier.EXISTS)
    assert {one.health for one in found} == {Health.UNKNOWN}
    assert "docker login" in found[0].remedy
    assert len(registry.seen) == 3


def test_many_images_need_one_login_for_each_repository(
    registry: LoopbackRegistry, tmp_path_factory: pytest.TempPathFactory
) -> None:
    references = _pushed(registry, 80, repositories=4)
    folder = tmp_path_factory.mktemp("docker")
    (folder / "config.json").write_text(json.dumps({"auths": {registry.address: {"username": "u", "password": "p"}}}))
    registry.challenge = f'Bearer realm="http://{registry.address}/token",service="registry.test"'
    registry.accepted_authorizations = {"Bearer t0ken"}
    registry.script += [Scripted("GET", "/token", 200, {}, b'{"token": "t0ken"}')] * 80
    found = _images(registry, {"DOCKER_CONFIG": str(folder)}).examine(references, Tier.COMPLETE)
    assert {one.health for one in found} == {Health.RETAINED}
    tokens = registry.asked("GET", "/token")
    assert len(tokens) == 4
    assert {seen.authorization for seen in tokens} == {basic("u", "p")}


def test_what_a_hostile_configuration_says_is_bounded_and_nobodys_terminal_is_written_to(
    registry: LoopbackRegistry,
) -> None:
    labels = {f"label-{number}": "v" * 5000 for number in range(500)}
    found = _health(registry, push_image(registry, SHARED, config={"Labels": labels}))
    assert (len(found.labels), len(found.labels[0][1])) == (100, 1000)
    reference = push_image(registry, {"x": b"1"})
    registry.script += [
        Scripted("GET", "/v2/app/manifests", 400, {}, b'{"errors": [{"code": "\\u001b[2J", "message": "\\n"}]}')
    ]
    found = _health(registry, reference)
    assert (found.health, found.problem.isprintable()) == (Health.UNKNOWN, True)


@pytest.mark.parametrize(
    ("written", "created"),
    [
        ("2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:05Z"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
        ("0001-01-01T00:00:00Z", None), ("1970-01-01T00:00:00Z", None), ("9999-12-31T23:59:59-23:59", None),
        ("yesterday", None), (5, None), (None, None),
    ],
)  # fmt: skip
def test_when_an_image_was_created_is_known_where_it_says_so(
    registry: LoopbackRegistry, written: object, created: str | None
) -> None:
    reference = push_image(registry, SHARED)
    fields = json.loads(registry.manifests["app", "1"][1])
    config = json.loads(registry.blobs["app", fields["config"]["digest"]]) | {"created": written, "os": "\x1b[2J"}
    document = json.dumps(config).encode()
    fields["config"] |= {"digest": registry.put_blob("app", document), "size": len(document)}
    digest = registry.put_manifest("app", fields["mediaType"], json.dumps(fields).encode())
    found = _health(registry, reference.at_digest(digest))
    assert (found.health, found.created, found.platforms) == (Health.RETAINED, created, ("unknown/amd64",))


def test_what_a_tag_names_now_is_a_digest_or_nothing(registry: LoopbackRegistry) -> None:
    reference, images = push_image(registry, SHARED, tag="1.0.0"), _images(registry)
    assert images.resolve(reference.at_tag("1.0.0")) == reference.digest
    assert images.resolve(reference) == reference.digest
    assert images.resolve(reference.at_tag("2.0.0")) is None
    assert images.tags(reference) == ("1.0.0",)
    registry.script.append(Scripted("HEAD", "/v2/app/manifests", 200))
    assert images.resolve(reference.at_tag("1.0.0")) == reference.digest
