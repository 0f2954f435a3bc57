"""The stable image, deleted from its registry: what a retention rule does that nobody has thought through."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import ImageMissingError, RegistryError
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.json_shapes import as_texts
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.status import Status
from flowdrill.oci.manifests import Index, Manifest, parse_manifest
from flowdrill.oci.repository import Repository

_LARGEST = 100_000  # bytes of the manifest: the undo must fit on a Lease
_MOST_TAGS = 200  # of the repository, each of which is looked at


class StableImageDeleted:
    """The `Obstacle` of an image whose manifest, and every tag of it, the registry no longer has. Its blobs stay as
    they are: the registry's garbage collection must not run meanwhile."""

    name = ObstacleKind.STABLE_IMAGE_DELETED.value

    def __init__(self, registry: ImageRegistry, pull_policy: Callable[[], str | None]) -> None:
        """`pull_policy` returns the workload's."""
        self._registry, self._pull_policy = registry, pull_policy
        self._repository: Repository | None = None
        self._found: Manifest | Index | None = None
        self._tags: tuple[str, ...] = ()

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Read the manifest, which is kept, and find the tags; nothing is deleted."""
        reference = parse_image_reference(scene.stable)
        repository = self._repository = self._registry.repository_of(reference)
        found = self._found = repository.manifest(str(reference.digest))
        if len(found.document) > _LARGEST:
            return ObstacleLook(
                Status.FAIL,
                f"the manifest has {len(found.document)} bytes: too large to be written down before it is deleted",
                f"drill an image whose manifest has at most {_LARGEST} bytes",
            )
        tags = repository.tags()
        if len(tags) > _MOST_TAGS:
            return ObstacleLook(
                Status.FAIL,
                f"the repository has {len(tags)} tags: which of them would go with the image is not found out",
                f"drill an image of a repository with at most {_MOST_TAGS} tags",
            )
        self._tags = tuple(tag for tag in tags if repository.current_digest(tag) == found.digest)
        policy = self._pull_policy()
        pulls = policy == "Always"
        words = f"manifest of {len(found.document)} bytes kept, tags: {', '.join(self._tags) or 'none'}"
        return ObstacleLook(
            Status.PASS if pulls else Status.WARNING,
            words if pulls else f"imagePullPolicy is {policy}: a node that has the image will not notice",
            "switch the registry's garbage collection off meanwhile"
            if pulls
            else "set imagePullPolicy: Always for the drill, or drill on nodes that have never had the image",
            tuple(self._by_hand(found, name) for name in (found.digest, *self._tags)),
            {
                "image": scene.stable,
                "manifest": found.document.decode("utf-8"),
                "media_type": found.media_type,
                "tags": list(self._tags),
            },
        )

    def put(self) -> str:
        """Delete its tags and its manifest; RegistryError when the registry still has it."""
        repository, found = self._looked()
        now = tuple(tag for tag in repository.tags() if repository.current_digest(tag) == found.digest)
        if set(now) != set(self._tags):
            raise RegistryError(
                f"{repository.name}@{found.digest}: its tags have changed since preflight: {', '.join(now) or 'none'}",
                "drill when nobody pushes to the repository",
            )
        repository.delete_manifest(found.digest)
        for tag in self._tags:
            if repository.has_manifest(tag):  # most registries drop the tags with the manifest
                repository.delete_manifest(tag)
        if any(repository.has_manifest(name) for name in (found.digest, *self._tags)):
            raise RegistryError(
                f"{repository.name}@{found.digest}: the registry said that it was deleted, and still has it",
                "drill it where the registry allows deletes",
            )
        tags = ", ".join(self._tags) or "none"
        return f"{repository.client.host}/{repository.name}@{found.digest} deleted, tags: {tags}"

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know the manifest and its tags."""
        reference = parse_image_reference(str(memory.get("image")))
        document, tags = str(memory.get("manifest")).encode(), as_texts(memory.get("tags"))
        found = parse_manifest(document, str(memory.get("media_type")), str(reference.digest), str(reference))
        self._repository, self._found, self._tags = self._registry.repository_of(reference), found, tuple(tags)

    def take_away(self) -> str | None:
        """Put the manifest back under its digest and its tags; return what is missing, or None."""
        repository, found = self._looked()
        for name in (found.digest, *self._tags):
            if repository.current_digest(name) is None:
                repository.put_manifest(found.document, found.media_type, name)
        missing = [name for name in (found.digest, *self._tags) if repository.current_digest(name) is None]
        if missing:
            return f"the registry does not have {', '.join(missing)} of {repository.name} yet"
        try:
            self._registry.retained(parse_image_reference(f"{repository.client.host}/{repository.name}@{found.digest}"))
        except ImageMissingError as error:
            return f"what it consists of is gone: {error.problem}"
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return the manifest."""
        if self._found is None:
            return ()
        text = self._found.document.decode("utf-8", "replace")
        return (("obstacle-stable-image-manifest.json", "the stable image's manifest, deleted and put back", text),)

    def _looked(self) -> tuple[Repository, Manifest | Index]:
        assert self._repository is not None  # noqa: S101 - `look` comes first
        assert self._found is not None  # noqa: S101
        return self._repository, self._found

    def _by_hand(self, found: Manifest | Index, name: str) -> str:
        assert self._repository is not None  # noqa: S101
        url = self._repository.client.absolute(f"/v2/{self._repository.name}/manifests/{name}")
        curl = ["curl", "--fail", "--show-error", "-X", "PUT", "-H", f"Content-Type: {found.media_type}"]
        document = shlex.quote(found.document.decode("utf-8", "replace"))
        return f"printf %s {document} | {shlex.join([*curl, '--data-binary', '@-', url])}"
