"""A candidate's image: the candidate itself, with labels that name the run, and nobody else's to delete."""

from __future__ import annotations

import json

import pytest

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.scenario import Scenario
from tests.unit.oci.image_building import FLOW, push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry

STABLE = {"Env": ["A=1", "GONE=x", "API_KEY=s3cret-key"], "Cmd": ["serve"]}
CANDIDATE = {"Env": ["A=2", "API_KEY=s3cret-key-2"], "Cmd": ["serve", "--new"], "Labels": {"team": "x"}}
NEW_FLOW = json.dumps({**json.loads(FLOW), "name": "next"}).encode()


def images_of(registry: LoopbackRegistry) -> ImageRegistry:
    return ImageRegistry(lambda _: registry.client(), {"next.json": NEW_FLOW}.__getitem__)


def scenario_of(candidate: dict[str, str]) -> Scenario:
    plan = {
        "scenario": "candidate", "story": "x", "symptom": "nothing", "seen_by_users": "x",
        "changes": {"candidate": candidate},
    }  # fmt: skip
    return Scenario.model_validate_json(json.dumps(plan))


def pushed(registry: LoopbackRegistry) -> tuple[ImageReference, ImageReference]:
    """The stable image, and a candidate with another layer and configuration."""
    stable = push_image(registry, {"app/flows/a.json": FLOW}, config=STABLE)
    candidate = push_image(registry, {"app/flows/a.json": NEW_FLOW}, config=CANDIDATE, repository="next")
    return stable, candidate


def test_it_is_the_candidate_with_labels_and_pushed_beside_it(registry: LoopbackRegistry) -> None:
    stable, candidate = pushed(registry)
    prepared = images_of(registry).prepare_broken(stable, scenario_of({"image": str(candidate)}), "run-1")
    before = json.loads(registry.manifests["next", str(candidate.digest)][1])
    assert json.loads(prepared.manifest)["layers"] == before["layers"]
    (config,) = prepared.new_blobs
    assert json.loads(config)["config"] == CANDIDATE | {
        "Labels": {
            "team": "x",
            "dev.flowdrill.drill": "candidate",
            "dev.flowdrill.stable": candidate.digest,
            "dev.flowdrill.run": "run-1",
        }
    }
    assert prepared.image.reference.repository == "next"


def test_how_its_configuration_differs_is_told_without_secrets(registry: LoopbackRegistry) -> None:
    stable, candidate = pushed(registry)
    changes = images_of(registry).prepare_broken(stable, scenario_of({"image": str(candidate)}), "run-1").image.changes
    assert changes[0] == f"candidate {candidate}"
    assert "env A=2" in changes
    assert "env GONE: not set any more" in changes
    assert "command: serve --new (was: serve)" in changes
    assert "s3cret" not in " ".join(changes)


def test_deleting_it_leaves_the_candidate_and_the_stable_image(registry: LoopbackRegistry) -> None:
    stable, candidate = pushed(registry)
    before = dict(registry.manifests)
    images = images_of(registry)
    prepared = images.prepare_broken(stable, scenario_of({"image": str(candidate)}), "run-1")
    images.push(prepared)
    assert len(registry.manifests) > len(before)
    assert images.delete(prepared.image) == ()
    assert registry.manifests == before
    assert images.retained(candidate).reference.digest == candidate.digest


def test_a_flow_takes_the_place_of_the_stable_images_own(registry: LoopbackRegistry) -> None:
    stable, _ = pushed(registry)
    prepared = images_of(registry).prepare_broken(stable, scenario_of({"source": "next.json"}), "run-1")
    assert prepared.image.changes == (f"/app/flows/a.json: replaced by the candidate, {len(NEW_FLOW)} bytes",)
    assert any(NEW_FLOW in blob for blob in prepared.new_blobs)


def test_a_drills_own_image_is_nobodys_stable_one_for_a_candidate_either(registry: LoopbackRegistry) -> None:
    stable, candidate = pushed(registry)
    images = images_of(registry)
    drilled = images.prepare_broken(stable, scenario_of({"image": str(candidate)}), None)
    images.push(drilled)
    with pytest.raises(PlanError, match="is itself the broken image"):
        images.prepare_broken(drilled.image.reference, scenario_of({"image": str(candidate)}), None)


def test_a_candidate_that_is_gone_is_an_error(registry: LoopbackRegistry) -> None:
    stable, candidate = pushed(registry)
    gone = candidate.at_digest(f"sha256:{'0' * 64}")
    with pytest.raises(RegistryError, match="0000"):
        images_of(registry).prepare_broken(stable, scenario_of({"image": str(gone)}), "run-1")
