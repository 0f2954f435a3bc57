"""The node's images: pulled, unpacked once, copied for every container."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from flowdrill.cluster.node.unpacking import UNPACKING_ERRORS, Unpacker
from flowdrill.errors import FlowdrillError, RegistryError
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.oci.client import open_registry
from flowdrill.oci.image_config import ImageConfig, parse_config
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import stored_image

_LOCAL = ("127.0.0.1", "localhost")


class PullError(Exception):
    """An image could not be pulled; the message is for an event."""


class InvalidImageNameError(PullError):
    """What is named cannot be an image."""


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image on this node."""

    reference: str
    image_id: str  # registry/repository@sha256:…
    size_bytes: int
    config: ImageConfig
    root: Path  # its files, unpacked: shared, not to be changed


class ImageStore:
    """A folder of images. What runs here runs as this user: so only trusted registries are asked at all."""

    def __init__(self, folder: Path, own_registry: str, trusted: frozenset[str]) -> None:
        self._folder, self._own, self._trusted = folder, own_registry, trusted
        self._locks: dict[str, asyncio.Lock] = {}
        self._known: dict[str, PulledImage] = {}
        self._index = folder / "index.json"
        for left in folder.glob("unpacking-*"):  # by a cluster that was killed
            shutil.rmtree(left, ignore_errors=True)
        try:
            self._known = dict(self._listed())
        except (OSError, ValueError, TypeError, AttributeError, RegistryError):
            self._known = {}  # damaged by what killed an earlier cluster: images are pulled again

    def present(self, reference: str) -> PulledImage | None:
        """Return an image that was pulled by this name before, None when none was."""
        return self._known.get(reference)

    def images(self) -> tuple[PulledImage, ...]:
        """Return every image by every name."""
        return tuple(self._known.values())

    async def pull(self, reference: str) -> PulledImage:
        """Return an image, pulled anew: PullError says why it cannot be had. Several pulls of one image do the work
        once."""
        parsed = self._parsed(reference)
        async with self._locks.setdefault(reference, asyncio.Lock()):
            image = await asyncio.to_thread(self._pull, parsed, reference)
        self._known[reference] = image
        entries = {name: (one.image_id, one.size_bytes) for name, one in self._known.items()}
        part = self._index.with_suffix(".part")
        part.write_text(json.dumps(entries))
        part.replace(self._index)
        return image

    async def make_root(self, image: PulledImage, folder: Path) -> None:
        """Copy an image's files for one container; OSError."""
        await asyncio.to_thread(shutil.copytree, image.root, folder, symlinks=True, dirs_exist_ok=True)

    def _listed(self) -> Iterator[tuple[str, PulledImage]]:
        listed = json.loads(self._index.read_text()) if self._index.exists() else {}
        for name, (image_id, size) in listed.items():
            root = self._root_of(image_id.rpartition("@")[2])
            config = root.with_suffix(".config")
            if root.is_dir() and config.exists():
                yield name, PulledImage(name, image_id, size, parse_config(config.read_bytes(), name), root)

    def _parsed(self, reference: str) -> ImageReference:
        try:
            parsed = parse_image_reference(reference)
        except ValueError as error:
            raise InvalidImageNameError(f'Failed to apply default image tag "{reference}": {error}') from error
        host, _, port = parsed.registry.partition(":")
        own_port = self._own.partition(":")[2]
        if parsed.registry not in self._trusted and not (host in _LOCAL and port == own_port):
            raise PullError(
                f'failed to pull image "{reference}": the registry {parsed.registry} is not trusted by this cluster: '
                "its images would run as processes of this user; start the cluster with --trust-registry "
                f"{parsed.registry}"
            )
        return parsed if parsed.tag or parsed.digest else parsed.at_tag("latest")

    def _pull(self, parsed: ImageReference, reference: str) -> PulledImage:
        try:
            with closing(open_registry(parsed.registry, pause_seconds=lambda _: None)) as client:
                return self._fetched(Repository(client, parsed.repository), parsed, reference)
        except UNPACKING_ERRORS as error:
            reason = error.problem if isinstance(error, FlowdrillError) else str(error)
            raise PullError(f'failed to pull and unpack image "{reference}": {reason}') from error

    def _fetched(self, repository: Repository, parsed: ImageReference, reference: str) -> PulledImage:
        image = stored_image(repository, parsed, None)
        digest, root = image.found.digest, self._root_of(image.found.digest)
        size = sum(layer.size for layer in image.manifest.layers)
        if not root.is_dir():
            # In a folder of its own first: nobody ever sees an image that is unpacked in part.
            with tempfile.TemporaryDirectory(dir=self._folder, prefix="unpacking-") as part:
                unpacked = Path(part) / "root"
                unpacked.mkdir()
                unpacker = Unpacker(unpacked)
                for layer in image.manifest.layers:
                    unpacker.lay(repository.blob_pieces(layer), f"layer {layer.digest}")
                root.with_suffix(".config").write_bytes(image.config.document)
                try:
                    unpacked.rename(root)
                except OSError:
                    if not root.is_dir():  # else it was pulled by another name in the meantime
                        raise
        image_id = f"{parsed.name}@{digest}"
        return PulledImage(reference, image_id, size, image.config, root)

    def _root_of(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")
