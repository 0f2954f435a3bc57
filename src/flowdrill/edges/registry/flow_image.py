"""Laying a flow on a runtime image: what a user's Dockerfile with one COPY would do."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from enum import StrEnum

from flowdrill.edges.registry.find_flow import FLOW_FOLDER, FLOW_LABEL, LOAD_FLOWS_PATH, is_flow
from flowdrill.errors import PlanError
from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.digest import digest_of
from flowdrill.oci.image_config import ConfigEdit, ImageConfig
from flowdrill.oci.layer import make_layer
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage, image_with, publish

_FILE_NAME = re.compile(r"[\w][\w.-]*\.json", re.ASCII)
_PORT = "7860"


class FlowRuntime(StrEnum):
    """What serves the flow in the image."""

    LFX = "lfx"  # lfx serve FLOW.json
    LANGFLOW = "langflow"  # langflow run, which loads every flow of a folder


@dataclass(frozen=True, slots=True)
class FlowImage:
    """A flow image that has been pushed."""

    reference: ImageReference  # with tag and digest
    flow_path: str
    runtime: FlowRuntime
    pushed_bytes: int
    blobs: tuple[str, ...] = ()  # digests that the base does not have


def make_flow_image(
    flow: bytes, file_name: str, base: StoredImage, base_repository: Repository,
    target: Repository, to: ImageReference, runtime: FlowRuntime | None = None, note: str | None = None,
) -> FlowImage:  # fmt: skip
    """Push `base` plus one layer with the flow at /app/flows/<file_name> to `to` (a tag). None for `runtime` takes
    langflow where the base starts it, else lfx. `note` gives the image a digest of its own, which nobody else pushes or
    deletes. PlanError when the flow or the reference cannot be used."""
    if to.tag is None or to.digest is not None:
        raise PlanError(f"{to}: an image is pushed to a tag", "Write --to registry/repository:tag.")
    if not _FILE_NAME.fullmatch(posixpath.basename(file_name)):
        raise PlanError(f"{file_name}: cannot be a flow's name in an image", "Call the file something like flow.json.")
    if not is_flow(flow):
        raise PlanError(
            f"{file_name}: is no flow (a JSON object with data.nodes)", "Export the flow from LangFlow as JSON."
        )
    path = posixpath.join(FLOW_FOLDER, posixpath.basename(file_name))
    chosen = runtime or runtime_of(base.config)
    image = image_with(base, make_layer({path: flow}, note=note), _edit_for(chosen, path))
    sent = sum(target.take_blob(blob, base_repository) for blob in base.manifest.layers if blob.in_registry)
    sent += publish(image, target, to.tag)
    reference = ImageReference(to.registry, to.repository, to.tag, image.manifest.digest)
    shared = {blob.digest for blob in base.manifest.blobs}
    own = tuple(digest for digest in map(digest_of, image.blobs) if digest not in shared)
    return FlowImage(reference, path, chosen, sent, own)


def runtime_of(config: ImageConfig) -> FlowRuntime:
    """Return langflow when the image's command mentions it, else lfx."""
    command = " ".join((*config.entrypoint, *config.cmd))
    return FlowRuntime.LANGFLOW if "langflow" in command else FlowRuntime.LFX


def _edit_for(runtime: FlowRuntime, path: str) -> ConfigEdit:
    history, labels = f"flowdrill image flow {path}", {FLOW_LABEL: path}
    if runtime is FlowRuntime.LANGFLOW:
        return ConfigEdit(history, set_env={LOAD_FLOWS_PATH: FLOW_FOLDER}, labels=labels)
    command = ("lfx", "serve", path, "--host", "0.0.0.0", "--port", _PORT)
    return ConfigEdit(history, entrypoint=(), cmd=command, labels=labels)
