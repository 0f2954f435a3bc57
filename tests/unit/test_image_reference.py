"""Image references are read as `docker pull` reads them."""

from __future__ import annotations

import pytest

from flowdrill.model.image_reference import parse_image_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("langflow:1.13", "docker.io/library/langflow:1.13"),
        ("langflowai/langflow", "docker.io/langflowai/langflow"),
        ("localhost/a", "localhost/a"),
        ("10.89.0.1:5000/a/b:v1", "10.89.0.1:5000/a/b:v1"),
        (f"ghcr.io/x/y:v1@{DIGEST}", f"ghcr.io/x/y:v1@{DIGEST}"),
        (f"registry:5000/y@{DIGEST}", f"registry:5000/y@{DIGEST}"),
        ("[::1]:5000/y:1", "[::1]:5000/y:1"),
        ("registry:65535/y:1", "registry:65535/y:1"),
    ],
)
def test_references_are_read_as_docker_pull_reads_them(text: str, expected: str) -> None:
    assert str(parse_image_reference(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UPPER",
        "a:b:c",
        "a@sha256:12",
        "a b",
        "/a",
        "a//b",
        "-a",
        "a:" + "x" * 200,
        "r:0/a",
        "r:65536/a",
        "r:123456/a",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no image reference"):
        parse_image_reference(text)
