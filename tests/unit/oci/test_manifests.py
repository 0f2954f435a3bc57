"""Reading manifests and indexes, and choosing a platform."""

from __future__ import annotations

import json

import pytest

from flowdrill.errors import PlanError, RegistryError
from flowdrill.oci.manifests import (
    DOCKER_INDEX,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Index,
    Manifest,
    choose_platform,
    parse_manifest,
)

DIGEST = "sha256:" + "a" * 64


def _descriptor(character: str, **more: object) -> dict[str, object]:
    return {"mediaType": OCI_MANIFEST, "digest": "sha256:" + character * 64, "size": 7, **more}


def _index(*platforms: dict[str, str], media_type: str = OCI_INDEX) -> Index:
    entries = [_descriptor("0123456789"[number], platform=platform) for number, platform in enumerate(platforms)]
    parsed = parse_manifest(json.dumps({"manifests": entries}).encode(), media_type, DIGEST, "app:1")
    assert isinstance(parsed, Index)
    return parsed


def _manifest(media_type: str, content_type: str) -> Manifest:
    fields = {"config": _descriptor("c"), "layers": [_descriptor("1"), _descriptor("2")]}
    document = fields | ({"mediaType": media_type} if media_type else {})
    parsed = parse_manifest(json.dumps(document).encode(), content_type, DIGEST, "app:1")
    assert isinstance(parsed, Manifest)
    return parsed


@pytest.mark.parametrize(("media_type", "layer"), [(OCI_MANIFEST, OCI_LAYER), (DOCKER_MANIFEST, DOCKER_LAYER)])
def test_both_kinds_of_manifest_are_read_by_field_or_header(media_type: str, layer: str) -> None:
    for manifest in (_manifest(media_type, ""), _manifest("", f"{media_type}; charset=utf-8")):
        assert manifest.layer_media_type == layer
        assert [blob.digest[7] for blob in manifest.blobs] == ["c", "1", "2"]


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_INDEX])
def test_a_platform_is_chosen_and_attestations_are_not(media_type: str) -> None:
    index = _index(
        {"os": "unknown", "architecture": "unknown"},
        {"os": "linux", "architecture": "arm64", "variant": "v8"},
        {"os": "linux", "architecture": "amd64"},
        media_type=media_type,
    )
    assert [entry.platform for entry in index.platforms] == ["linux/arm64/v8", "linux/amd64"]
    assert choose_platform(index, "linux/arm64", "app:1").digest == "sha256:" + "1" * 64
    assert choose_platform(index, "linux/amd64", "app:1").digest == "sha256:" + "2" * 64


def test_the_only_platform_is_taken() -> None:
    index = _index({"os": "linux", "architecture": "mips64le"})
    assert choose_platform(index, None, "app:1").digest == "sha256:" + "0" * 64


def test_a_missing_platform_is_an_error_that_lists_what_there_is() -> None:
    index = _index({"os": "windows", "architecture": "amd64"}, {"os": "linux", "architecture": "s390x"})
    with pytest.raises(PlanError, match="app:1: has no image for linux/arm64; it has: windows/amd64, linux/s390x"):
        choose_platform(index, "linux/arm64", "app:1")


@pytest.mark.parametrize("media_type", ["application/vnd.docker.distribution.manifest.v1+prettyjws", "text/html", ""])
def test_other_kinds_of_manifest_are_refused_by_name(media_type: str) -> None:
    with pytest.raises(RegistryError, match="cannot read"):
        parse_manifest(b"{}", media_type, DIGEST, "app:1")


def test_a_list_of_absurd_length_is_refused() -> None:
    document = {"config": _descriptor("c"), "layers": [_descriptor("1")] * 1001}
    with pytest.raises(RegistryError, match="sensible length"):
        parse_manifest(json.dumps(document).encode(), OCI_MANIFEST, DIGEST, "app:1")
