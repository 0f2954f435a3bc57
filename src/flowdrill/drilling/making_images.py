"""Images for people: a flow on a runtime image, and a scenario's broken image."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.edges.registry.flow_image import FlowRuntime
from flowdrill.errors import PlanError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.preparing.opening import open_images


@dataclass(frozen=True, slots=True)
class MadeImage:
    """An image that was pushed, pinned, and what was done to make it."""

    reference: str
    digest: str
    new_bytes: int
    changes: tuple[str, ...]


def make_flow_image(flow_file: Path, *, base: str, to: str, runtime: str, access: RegistryAccess) -> MadeImage:
    """Lay a flow on a runtime image and push it; PlanError when the file or a reference cannot be used."""
    try:
        flow = flow_file.read_bytes()
    except OSError as error:
        raise PlanError(f"{flow_file}: {error.strerror}", "name a flow that LangFlow exported as JSON") from error
    base_reference, target = _reference(base, "--base"), _reference(to, "--to")
    if target.tag is None or target.digest is not None:
        raise PlanError(f"--to {to}: an image is pushed to a tag", "write --to registry/repository:tag")
    chosen = None if runtime == "auto" else FlowRuntime(runtime)
    with closing(open_images(access, _no_source)) as images:
        made = images.make_flow_image(flow, flow_file.name, base_reference, target, chosen)
    changes = (f"{made.flow_path}: added, served by {made.runtime}",)
    return MadeImage(str(made.reference), str(made.reference.digest), made.pushed_bytes, changes)


def derive_image(scenario: str, *, stable: str, access: RegistryAccess) -> MadeImage:
    """Make and push a scenario's broken image; PlanError when it cannot be made."""
    found = find_scenario(scenario)
    with closing(open_images(access, found.read_source)) as images:
        prepared = images.prepare_broken(_reference(stable, "--from"), found.scenario)
        images.push(prepared)
    image = prepared.image
    return MadeImage(str(image.reference), str(image.reference.digest), image.new_bytes, image.changes)


def _reference(text: str, option: str) -> ImageReference:
    try:
        return parse_image_reference(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}", "write it as docker pull does") from error


def _no_source(name: str) -> bytes:
    raise PlanError(f"{name}: no scenario is at hand to read it from", "name a scenario")
