"""What refers to an image: by the referrers API of the OCI distribution specification 1.1, and where a registry has
none, by the tag that the specification gives for it (`sha256-<hex>`), whose index every client keeps up itself."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flowdrill.errors import ImageMissingError, RegistryError
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.artifact import EMPTY, Artifact
from flowdrill.oci.client import Answer
from flowdrill.oci.digest import is_digest
from flowdrill.oci.manifests import OCI_INDEX, OCI_MANIFEST, Index
from flowdrill.oci.repository import Repository

_TRIES = 5
_MOST_PAGES, _MOST_ENTRIES = 100, 10_000
_MOST_ANNOTATIONS, _LONGEST = 50, 1000
_NO_TAG = re.compile(r"[^\w.-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest that names an image as its subject. Whoever may push there has written its annotations."""

    digest: str
    size: int
    artifact_type: str
    annotations: Mapping[str, str]


def push_artifact(repository: Repository, artifact: Artifact, subject: str) -> str:
    """Push an artifact, and make it a referrer of the digest `subject`; return how it is found: by the `referrers API`,
    or a tag. Doing it again changes nothing. RegistryError when it cannot be, or something else is at the tag."""
    repository.push_blob(EMPTY)
    for file, found in artifact.files:
        repository.push_file(file.path, found)
    if repository.put_manifest(artifact.document, OCI_MANIFEST, artifact.digest) == subject:
        return "referrers API"
    return _listed_at_tag(repository, artifact, subject)


def referrers_of(repository: Repository, subject: str, artifact_type: str) -> tuple[Referrer, ...]:
    """Return what refers to a digest and is of that type, in the registry's order. RegistryError for a bad list."""
    found = _by_api(repository, subject, artifact_type)
    if found is None:
        held = _index_at(repository, fallback_tag(subject))
        found = [] if held is None else held.entries
    if len(found) > _MOST_ENTRIES:
        raise RegistryError(
            f"{repository.where}: more than {_MOST_ENTRIES} artifacts refer to {subject}",
            "Half of them would be half an answer: take old ones away.",
        )
    parsed = (_referrer(one) for one in found)
    return tuple(one for one in parsed if one is not None and one.artifact_type == artifact_type)


def fallback_tag(digest: str) -> str:
    """Return the tag of the specification's referrers tag schema."""
    algorithm, _, encoded = digest.partition(":")
    return _NO_TAG.sub("-", f"{algorithm[:32]}-{encoded[:64]}")


@dataclass(frozen=True, slots=True)
class _Held:
    digest: str
    document: dict[str, Any]

    @property
    def entries(self) -> list[dict[str, Any]]:
        listed = self.document.get("manifests")
        return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _listed_at_tag(repository: Repository, artifact: Artifact, subject: str) -> str:
    """Add it to the index at the tag. A registry cannot compare before it puts, so it is looked at directly before, and
    again afterwards: whatever was seen in it at any time is in it at the end."""
    tag, seen = fallback_tag(subject), dict[str, dict[str, Any]]()
    for _ in range(_TRIES):
        held = _index_at(repository, tag)
        entries = [] if held is None else held.entries
        there = {str(one.get("digest")) for one in entries}
        if artifact.digest in there and seen.keys() <= there:
            return f"tag {tag}"
        seen |= {str(one.get("digest")): one for one in entries}
        seen.setdefault(artifact.digest, artifact.descriptor)
        missing = [one for digest, one in seen.items() if digest not in there]
        base = {"schemaVersion": 2, "mediaType": OCI_INDEX} if held is None else held.document
        document = {**base, "manifests": [*entries, *missing]}
        if repository.current_digest(tag) == (None if held is None else held.digest):
            repository.put_manifest(json.dumps(document, separators=(",", ":")).encode(), OCI_INDEX, tag)
    raise RegistryError(
        f"{repository.where}:{tag}: somebody else changes the list of referrers again and again",
        "Push again later: what is pushed already stays.",
    )


def _index_at(repository: Repository, tag: str) -> _Held | None:
    try:
        found = repository.manifest(tag)
    except ImageMissingError:
        return None
    document = parsed_json(found.document)
    if not isinstance(found, Index) or found.media_type != OCI_INDEX or not isinstance(document, dict):
        raise RegistryError(
            f"{repository.where}:{tag}: is no list of referrers, and is left as it is",
            "Somebody has given this tag to an image: the specification keeps it for referrers. Move that image.",
        )
    return _Held(found.digest, document)


def _by_api(repository: Repository, subject: str, artifact_type: str) -> list[dict[str, Any]] | None:
    """Every page of the list; None where the registry has no such API."""
    page, found = f"referrers/{subject}?{urlencode({'artifactType': artifact_type})}", list[dict[str, Any]]()
    what = f"{repository.where}: the list of what refers to {subject}"
    for _ in range(_MOST_PAGES):
        answer: Answer = repository.page(page, what, accepted=(200, 404))
        if answer.status == 404:
            return None
        try:
            listed = parsed_json(answer.body)["manifests"]
            found += [one for one in listed if isinstance(one, dict)]
        except (ValueError, LookupError, TypeError) as error:
            raise RegistryError(f"{what} is not the JSON the specification asks for", "Check the host.") from error
        following = repository.next_page(answer, what)
        if following is None or len(found) > _MOST_ENTRIES:
            return found
        page = following
    raise RegistryError(f"{what} does not end after {_MOST_PAGES} pages", "Ask the registry's operator.")


def _referrer(entry: Mapping[str, Any]) -> Referrer | None:
    digest, size, annotations = entry.get("digest"), entry.get("size"), entry.get("annotations")
    if not is_digest(digest) or not isinstance(size, int):
        return None
    pairs = list(annotations.items())[:_MOST_ANNOTATIONS] if isinstance(annotations, dict) else []
    texts = {str(key)[:_LONGEST]: value[:_LONGEST] for key, value in pairs if isinstance(value, str)}
    return Referrer(str(digest), size, str(entry.get("artifactType")), texts)
