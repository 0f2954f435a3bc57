"""The registry port over a registry on loopback: retained images, broken images, and what is left of them."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import ImageMissingError, PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program
from flowdrill.model.scenario import Scenario
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import DOCKER_LAYER, DOCKER_MANIFEST, OCI_INDEX, OCI_LAYER
from tests.unit.oci.image_building import FLOW, push_image, push_index
from tests.unit.oci.loopback_registry import LoopbackRegistry

EDGE_MISSING = {"flow": [{"remove_edges": {"into": {"place": "output"}}}]}
CONFIG = {"Env": ["A=1", "API_KEY=s3cret-key"], "Cmd": ["lfx", "serve", "/app/flows/a.json"], "Labels": {"team": "x"}}
LAYERS = ({"usr/lib/a.py": b"a", "usr/lib/b.py": b"b"}, {"app/flows/a.json": FLOW})


def _images(registry: LoopbackRegistry, platform: str | None = None) -> ImageRegistry:
    return ImageRegistry(lambda _: registry.client(), {"wrong.py": b"import nothing"}.__getitem__, platform)


def _scenario(changes: dict[str, Any]) -> Scenario:
    fields = {
        "scenario": "edge-missing", "story": "x", "symptom": "bad-answers", "seen_by_users": "x", "changes": changes,
    }  # fmt: skip
    return Scenario.model_validate_json(json.dumps(fields))


def _prepared(
    registry: LoopbackRegistry, stable: ImageReference, changes: dict[str, Any], run_id: str | None = None
) -> PreparedImage:
    return _images(registry).prepare_broken(stable, _scenario(changes), run_id)


def _pushed(registry: LoopbackRegistry, stable: ImageReference, run_id: str | None = None) -> BrokenImage:
    prepared = _prepared(registry, stable, EDGE_MISSING, run_id)
    _images(registry).push(prepared)
    return prepared.image


def _parts(prepared: PreparedImage) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """Manifest, configuration, and the layer's files."""
    manifest = json.loads(prepared.manifest)
    blobs = {digest_of(blob): blob for blob in prepared.new_blobs}
    layer = blobs.get(manifest["layers"][-1]["digest"], b"")
    with tarfile.open(fileobj=io.BytesIO(layer or bytes(1024))) as tar:
        files = {member.name: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
    return manifest, json.loads(blobs[manifest["config"]["digest"]]), files


def test_the_broken_image_is_the_stable_one_plus_a_layer_and_its_labels(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    before = json.loads(registry.manifests["app", "1"][1])
    prepared = _prepared(registry, stable, EDGE_MISSING)
    manifest, config, files = _parts(prepared)
    assert manifest["layers"][:-1] == before["layers"]
    assert manifest["layers"][-1]["mediaType"] == OCI_LAYER
    assert manifest["annotations"] == before["annotations"]
    assert json.loads(files["app/flows/a.json"])["data"]["edges"] == []
    assert config["config"] == CONFIG | {
        "Labels": {"team": "x", "dev.flowdrill.drill": "edge-missing", "dev.flowdrill.stable": stable.digest}
    }
    assert config["x-of-the-builder"] == {"kept": True}
    assert config["created"] == "2026-01-02T03:04:05Z"
    assert config["rootfs"]["diff_ids"][-1] == manifest["layers"][-1]["digest"]
    assert len(config["history"]) == len(config["rootfs"]["diff_ids"]) == 3
    assert prepared.image.changes == ("/app/flows/a.json: removed edge In-1 -> Out-1",)
    assert registry.asked("POST") == registry.asked("PUT") == []


def test_the_same_input_gives_the_same_digest_and_a_run_gets_its_own(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    first, again = (_prepared(registry, stable, EDGE_MISSING) for _ in range(2))
    assert first == again
    assert first.image.reference.digest == digest_of(first.manifest)
    assert first.image.reference.tag == f"drill-edge-missing-{digest_of(first.manifest)[7:19]}"
    one, two = (_prepared(registry, stable, EDGE_MISSING, run_id) for run_id in ("run-1", "run-2"))
    assert not set(one.image.blobs) & set(two.image.blobs)


def test_a_docker_image_gets_a_docker_layer(registry: LoopbackRegistry) -> None:
    prepared = _prepared(registry, push_image(registry, *LAYERS, config=CONFIG, docker=True), EDGE_MISSING)
    assert prepared.media_type == DOCKER_MANIFEST
    assert _parts(prepared)[0]["layers"][-1]["mediaType"] == DOCKER_LAYER


def test_files_environment_and_command_are_changed(registry: LoopbackRegistry) -> None:
    changes = {
        "files": {
            "add": [{"path": "/app/x.py", "source": "wrong.py"}, {"path": "/etc/t", "text": "text"}],
            "remove": ["/usr/lib/a.py", "/app/flows"],
        },
        "env": {"set": {"OPENAI_API_KEY": "sk-0123456789abcdef", "B": "2"}, "unset": ["A"]},
        "command": ["sleep", "infinity"],
    }
    prepared = _prepared(registry, push_image(registry, *LAYERS, config=CONFIG), changes)
    _, config, files = _parts(prepared)
    assert files == {
        "app/x.py": b"import nothing", "etc/t": b"text", "usr/lib/.wh.a.py": b"", "app/.wh.flows": b"",
    }  # fmt: skip
    assert config["config"]["Entrypoint"] == ["sleep", "infinity"]
    assert "Cmd" not in config["config"]
    assert config["config"]["Env"] == ["API_KEY=s3cret-key", "OPENAI_API_KEY=sk-0123456789abcdef", "B=2"]
    assert prepared.image.changes == (
        "/app/x.py: added, 14 bytes",
        "/etc/t: added, 4 bytes",
        "/usr/lib/a.py: removed",
        "/app/flows: removed",
        "env OPENAI_API_KEY=[redacted]",
        "env B=2",
        "env A: unset",
        "command: sleep infinity (was: lfx serve /app/flows/a.json)",
    )


def test_a_change_of_the_configuration_alone_needs_no_layer(registry: LoopbackRegistry) -> None:
    prepared = _prepared(registry, push_image(registry, *LAYERS, config=CONFIG), {"env": {"unset": ["A"]}})
    manifest, config, _ = _parts(prepared)
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == 2
    assert config["history"][-1]["empty_layer"] is True
    assert len(prepared.new_blobs) == len(prepared.image.blobs) == 1


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"files": {"remove": ["/usr/lib/aa.py"]}}, r"/usr/lib/aa.py is to be removed.*there is: /usr/lib/a.py, "),
        ({"files": {"remove": ["/nowhere/x"]}}, "/nowhere has no files"),
        ({"files": {"remove": ["/"]}}, "no file of an image"),
        ({"files": {"add": [{"path": "/a/../b", "text": ""}]}}, "no file of an image"),
        ({"files": {"add": [{"path": "/a/.wh.b", "text": ""}]}}, "no file of an image"),
        ({"files": {"add": [{"path": "/a", "text": ""}, {"path": "//a", "text": "x"}]}}, "changes /a twice"),
        ({"files": {"add": [{"path": "/usr/lib/a.py", "text": ""}], "remove": ["/usr/lib/a.py"]}}, "a.py twice"),
        (EDGE_MISSING | {"files": {"add": [{"path": "/app/flows/a.json", "text": ""}]}}, "a.json twice"),
        ({"env": {"unset": ["NOPE"]}}, r"NOPE is not in its environment \(A, API_KEY\)"),
        ({"env": {"set": {"A": "1"}}}, "A already has the value"),
        ({"flow": [{"remove_components": {"id": "None-1"}}]}, "/app/flows/a.json in "),
    ],
)
def test_a_change_that_changes_nothing_is_refused(
    registry: LoopbackRegistry, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(PlanError, match=problem):
        _prepared(registry, push_image(registry, *LAYERS, config=CONFIG), changes)


def test_a_broken_image_is_no_stable_one(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    broken = _pushed(registry, stable).reference
    with pytest.raises(PlanError, match="is itself the broken image of scenario edge-missing") as caught:
        _prepared(registry, broken, {"env": {"unset": ["A"]}})
    assert "Put the real stable image back first" in caught.value.remedy
    assert str(stable.digest) in caught.value.remedy


def test_the_stable_image_must_be_named_by_digest(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG).at_tag("1")
    with pytest.raises(PlanError, match="by digest"):
        _prepared(registry, stable, EDGE_MISSING)


def test_only_new_blobs_are_pushed(registry: LoopbackRegistry) -> None:
    image = _pushed(registry, push_image(registry, *LAYERS, config=CONFIG))
    sent = registry.asked("PUT")
    assert sum(len(request.body) for request in sent) == image.new_bytes < 20_000
    assert [request.path.split("/")[3] for request in sent] == ["blobs", "blobs", "manifests"]
    assert registry.manifests["app", str(image.reference.tag)] == registry.manifests["app", str(image.reference.digest)]


def test_an_index_is_broken_for_one_platform(registry: LoopbackRegistry) -> None:
    reference = push_index(registry, *LAYERS[1:], config=CONFIG)
    images = _images(registry, "linux/arm64")
    retained = images.retained(reference)
    assert (retained.media_type, retained.reference.digest) == (OCI_INDEX, reference.digest)
    assert len(retained.platform_digests) == 2
    prepared = images.prepare_broken(reference, _scenario(EDGE_MISSING))
    assert _parts(prepared)[0]["layers"][0]["digest"] in registry.manifests["app", "arm64"][1].decode()
    assert prepared.image.stable == reference
    images.push(prepared)
    assert images.delete(prepared.image) == ()
    assert images.retained(reference) == retained


def test_a_tag_resolves_to_its_digest(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    retained = _images(registry).retained(stable.at_tag("1"))
    assert (retained.reference.tag, retained.reference.digest) == ("1", stable.digest)
    assert retained.manifest_bytes == len(registry.manifests["app", "1"][1])


def test_an_image_with_a_missing_blob_is_not_retained(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    for digest in _stable_blobs(registry):
        content = registry.blobs.pop(("app", digest))
        with pytest.raises(ImageMissingError, match=digest) as caught:
            _images(registry).retained(stable)
        assert caught.value.remedy
        registry.blobs["app", digest] = content
    _images(registry).retained(stable)


def test_a_layer_of_another_size_is_not_retained(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    registry.blobs["app", _stable_blobs(registry)[-1]] += b"x"
    with pytest.raises(ImageMissingError, match="bytes instead of"):
        _images(registry).retained(stable)


def test_an_artifact_that_is_no_container_image_is_refused(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS)
    media_type, document = registry.manifests["app", "1"]
    fields = json.loads(document)
    chart = registry.put_blob("app", b'{"name": "chart"}')
    fields["config"] |= {"digest": chart, "size": 17}
    digest = registry.put_manifest("app", media_type, json.dumps(fields).encode())
    with pytest.raises(RegistryError, match="not a container image's"):
        _images(registry).retained(stable.at_digest(digest))


def test_deleting_leaves_exactly_what_was_there_before(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    before = dict(registry.blobs), dict(registry.manifests)
    broken = _pushed(registry, stable)
    assert (registry.blobs, registry.manifests) != before
    assert _images(registry).delete(broken) == ()
    assert (registry.blobs, registry.manifests) == before
    assert _images(registry).delete(broken) == ()


def test_two_runs_do_not_delete_each_others_images(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    one, two = _pushed(registry, stable, "run-1"), _pushed(registry, stable, "run-2")
    assert _images(registry).delete(one) == ()
    _images(registry).retained(two.reference)


def test_a_tag_that_outlives_its_manifest_is_deleted_too(registry: LoopbackRegistry) -> None:
    registry.tags_outlive_manifests = True
    broken = _pushed(registry, push_image(registry, *LAYERS, config=CONFIG))
    assert _images(registry).delete(broken) == ()
    assert ("app", broken.reference.tag) not in registry.manifests


def test_a_registry_without_deletes_leaves_the_image_behind_and_says_why(registry: LoopbackRegistry) -> None:
    broken = _pushed(registry, push_image(registry, *LAYERS, config=CONFIG))
    registry.deletes_allowed = False
    (left,) = _images(registry).delete(broken)
    assert str(broken.reference) in left
    assert "HTTP 405: UNSUPPORTED" in left
    _images(registry).retained(broken.reference)  # its blobs were left alone, so that it is no half image


def test_blobs_that_wait_for_the_registrys_garbage_collection_are_not_left_behind(registry: LoopbackRegistry) -> None:
    broken = _pushed(registry, push_image(registry, *LAYERS, config=CONFIG))
    registry.blob_deletes_allowed = False
    assert _images(registry).delete(broken) == ()
    assert (broken.reference.repository, str(broken.reference.digest)) not in registry.manifests


def test_nothing_of_the_stable_image_is_ever_deleted(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    broken = _pushed(registry, stable)
    claims = BrokenImage(broken.reference, stable, (), 0, tuple(_stable_blobs(registry)))
    assert _images(registry).delete(claims) == ()
    _images(registry).retained(stable)
    itself = BrokenImage(stable, stable, (), 0, ())
    assert "not the drill's own image" in _images(registry).delete(itself)[0]
    _images(registry).retained(stable)


def _stable_blobs(registry: LoopbackRegistry) -> list[str]:
    fields = json.loads(registry.manifests["app", "1"][1])
    return [fields["config"]["digest"], *(layer["digest"] for layer in fields["layers"])]


PROGRAM = Program("provider", "/opt/p.py", b"print()", ("python3", "-u", "/opt/p.py"))


def test_a_program_is_run_on_the_stable_image_with_its_environment_and_its_labels_say_whose_it_is(
    registry: LoopbackRegistry,
) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    prepared = _images(registry).prepare_program(stable, PROGRAM, "run-1")
    manifest, config, files = _parts(prepared)
    assert manifest["layers"][:-1] == json.loads(registry.manifests["app", "1"][1])["layers"]
    assert files == {"opt/p.py": b"print()"}
    assert config["config"]["Entrypoint"] == ["python3", "-u", "/opt/p.py"]
    assert "Cmd" not in config["config"]
    assert config["config"]["Env"] == CONFIG["Env"]
    assert config["config"]["Labels"] == {
        "team": "x", "dev.flowdrill.drill": "provider", "dev.flowdrill.stable": stable.digest,
        "dev.flowdrill.run": "run-1",
    }  # fmt: skip
    assert prepared.image.reference.tag == f"drill-provider-{digest_of(prepared.manifest)[7:19]}"
    assert registry.asked("POST") == registry.asked("PUT") == []


def test_a_programs_image_is_pushed_and_deleted_as_a_broken_one_is_beside_that_of_another_run(
    registry: LoopbackRegistry,
) -> None:
    stable, images = push_image(registry, *LAYERS, config=CONFIG), _images(registry)
    one, two = (images.prepare_program(stable, PROGRAM, run_id) for run_id in ("run-1", "run-2"))
    for prepared in (one, two):
        images.push(prepared)
    assert images.delete(one.image) == ()
    assert images.retained(two.image.reference).reference.digest == two.image.reference.digest
    assert images.retained(stable).reference.digest == stable.digest


def test_no_program_is_laid_on_an_image_that_a_drill_has_made(registry: LoopbackRegistry) -> None:
    stable = push_image(registry, *LAYERS, config=CONFIG)
    broken = _pushed(registry, stable)
    with pytest.raises(PlanError, match="is itself the broken image of scenario edge-missing"):
        _images(registry).prepare_program(broken.reference, PROGRAM, "run-1")
    with pytest.raises(PlanError, match="must be named by digest"):
        _images(registry).prepare_program(ImageReference("r", "app", "1", None), PROGRAM, "run-1")
