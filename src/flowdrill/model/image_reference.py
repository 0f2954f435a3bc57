"""Image references as the OCI distribution specification and `docker pull` write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{{1,5}}))?"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:(?P<registry>{_DOMAIN})/)?(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)
DOCKER_HUB = "docker.io"


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Where an image is: `registry/repository[:tag][@digest]`. The registry is filled in as `docker pull` would."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """The reference without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def at_digest(self, digest: str) -> ImageReference:
        """Return the same repository pinned to `digest`, without a tag."""
        return replace(self, tag=None, digest=digest)

    def at_tag(self, tag: str) -> ImageReference:
        """Return the same repository at `tag`, without a digest."""
        return replace(self, tag=tag, digest=None)


def parse_image_reference(text: str) -> ImageReference:
    """Return the parsed reference; ValueError when `text` is none. A first part without dot, colon or `localhost` is
    no registry but a Docker Hub user, as everywhere else."""
    first, slash, _ = text.partition("/")
    explicit = bool(slash) and ("." in first or ":" in first or first == "localhost" or first != first.lower())
    match = _REFERENCE.fullmatch(text if explicit else f"{DOCKER_HUB}/{text}")
    if not match or not match["registry"] or not 0 < int(match["port"] or 1) < 65536:
        raise ValueError(f"{text!r} is no image reference (expected registry/repository:tag or …@sha256:…)")
    repository = match["repository"]
    if match["registry"] == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return ImageReference(match["registry"], repository, match["tag"], match["digest"])
