"""What the node says of itself: its platform, and the images it has."""

from __future__ import annotations

from pathlib import Path

from flowdrill.cluster.api.resource_types import NODES
from flowdrill.cluster.node.images import PulledImage
from flowdrill.cluster.node.node_status import NODE_NAME, listed_images, register_node, show_images
from flowdrill.oci.image_config import parse_config
from tests.unit.cluster.controllers.driven import Clock, fresh_objects

CONFIG = parse_config(b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}', "x")
ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def pulled(reference: str, digest: str, size: int = 10, *, repository: str = "localhost:5000/flow") -> PulledImage:
    return PulledImage(reference, f"{repository}@{digest}", size, CONFIG, Path("/nowhere"))


def test_each_image_is_listed_once_by_its_digests_and_then_its_tags() -> None:
    listed = listed_images(
        [
            pulled("localhost:5000/flow:2", ONE),
            pulled("localhost:5000/flow", ONE),
            pulled(f"localhost:5000/flow@{ONE}", ONE),
            pulled("localhost:5000/other:1", ONE, repository="localhost:5000/other"),
            pulled(f"localhost:5000/flow:3@{TWO}", TWO, 99),
        ]
    )
    assert listed == [
        {"names": [f"localhost:5000/flow@{TWO}"], "sizeBytes": 99},
        {
            "names": [
                f"localhost:5000/flow@{ONE}", f"localhost:5000/other@{ONE}", "localhost:5000/flow:2",
                "localhost:5000/flow:latest", "localhost:5000/other:1",
            ],
            "sizeBytes": 10,
        },
    ]  # fmt: skip


def test_the_node_says_its_platform_and_what_it_has() -> None:
    objects = fresh_objects(Clock())
    register_node(objects, "v1.2.3")
    show_images(objects, (pulled("localhost:5000/flow:2", ONE),))
    status = objects.get(NODES, None, NODE_NAME)["status"]
    assert status["nodeInfo"]["operatingSystem"] == "linux"
    assert status["nodeInfo"]["architecture"] in ("amd64", "arm64")
    assert [one["names"][0] for one in status["images"]] == [f"localhost:5000/flow@{ONE}"]
