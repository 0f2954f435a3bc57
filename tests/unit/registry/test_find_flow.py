"""Finding the flow in an image, from the top layer down."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from flowdrill.edges.registry.find_flow import FoundFlow, find_flow
from flowdrill.errors import PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.stored_image import stored_image
from tests.unit.oci.image_building import FLOW, FOLDER, push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry

BASE = {"usr": FOLDER, "usr/lib/python": b"runtime", "app/config.json": b'{"no": "flow"}'}
OTHER = json.dumps({"data": {"nodes": []}}).encode()
SERVE = ["lfx", "serve", "flows/a.json", "--host", "0.0.0.0"]
Layer = dict[str, Any]


def _found(registry: LoopbackRegistry, reference: ImageReference, flow_file: str | None = None) -> FoundFlow:
    repository = registry.repository()
    return find_flow(repository, stored_image(repository, reference, None), flow_file)


def _layers_read(registry: LoopbackRegistry) -> int:
    return len(registry.asked("GET", "/blobs/")) - 1  # one is the configuration


@pytest.mark.parametrize(
    ("path", "config", "flow_file"),
    [
        ("/x/y.json", {}, "/x/y.json"),
        ("/x/y.json", {"Labels": {"dev.flowdrill.flow": "/x/y.json"}}, None),
        ("/x/y.json", {"Env": ["A=b", "LANGFLOW_LOAD_FLOWS_PATH=/x"]}, None),
        ("/x/y.json", {"Env": ["LANGFLOW_LOAD_FLOWS_PATH=x/"], "WorkingDir": "/"}, None),
        ("/x/y.json", {"Cmd": ["lfx", "serve", "/x/y.json"]}, None),
        ("/app/x/y.json", {"Cmd": ["lfx", "serve", "./x/y.json"], "WorkingDir": "/app"}, None),
        ("/x/y.json", {"Entrypoint": ["/bin/sh", "-c", "exec lfx serve '/x/y.json' --port 7860"]}, None),
        ("/x/y.json", {"Entrypoint": ["langflow"], "Cmd": ["run", "--flow=/x/y.json"]}, None),
        ("/app/flows/y.json", {}, None),
    ],
)
def test_the_flow_is_found_where_scenario_image_or_langflow_say(
    registry: LoopbackRegistry, path: str, config: dict[str, Any], flow_file: str | None
) -> None:
    image = push_image(registry, BASE, {path.removeprefix("/"): FLOW}, config=config)
    assert _found(registry, image, flow_file) == FoundFlow(path, FLOW.decode())


def test_the_scenario_wins_over_the_label_and_the_label_over_the_folder(registry: LoopbackRegistry) -> None:
    files = dict.fromkeys(("app/flows/a.json", "b.json", "c.json"), OTHER)
    image = push_image(registry, files, config={"Labels": {"dev.flowdrill.flow": "/b.json"}})
    assert _found(registry, image, "/c.json").path == "/c.json"
    assert _found(registry, image).path == "/b.json"


def test_layers_below_the_flow_are_not_read(registry: LoopbackRegistry) -> None:
    image = push_image(registry, BASE, {"flows/a.json": FLOW}, config={"Cmd": SERVE})
    assert _found(registry, image).path == "/flows/a.json"
    assert _layers_read(registry) == 1


def test_the_upper_layer_wins(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"flows/a.json": OTHER}, {"flows/a.json": FLOW}, config={"Cmd": SERVE})
    assert _found(registry, image).text == FLOW.decode()


def test_a_large_layer_is_read_for_a_folder_only_when_the_upper_ones_have_no_flow(registry: LoopbackRegistry) -> None:
    noise = random.Random(1).randbytes(17 << 20)
    large = {"noise": noise, "app/flows/b.json": OTHER}
    image = push_image(registry, large, {"app/flows/a.json": FLOW})
    assert _found(registry, image).path == "/app/flows/a.json"
    assert _layers_read(registry) == 1
    assert _found(registry, push_image(registry, large, {"etc/x": b""})).path == "/app/flows/b.json"


def test_two_flows_in_the_folder_are_an_error_that_names_them(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"app/flows/a.json": FLOW}, {"app/flows/b.json": OTHER, "app/flows/no.json": b"{}"})
    with pytest.raises(PlanError, match=r"2 flows in .*: /app/flows/a.json, /app/flows/b.json") as caught:
        _found(registry, image)
    assert "flow_file" in caught.value.remedy


@pytest.mark.parametrize(
    "upper",
    [{"app/flows/.wh.a.json": b""}, {"app/.wh.flows": b""}, {"app/flows/.wh..wh..opq": b""}, {".wh.app": b""},
     {"app/flows": b"now a file"}],
)  # fmt: skip
def test_what_an_upper_layer_removed_is_not_found(registry: LoopbackRegistry, upper: Layer) -> None:
    lower = {"app/flows/a.json": FLOW, "spare.json": OTHER}
    with pytest.raises(PlanError, match="no flow in"):
        _found(registry, push_image(registry, lower, upper))


def test_a_whiteout_counts_only_for_the_layers_below(registry: LoopbackRegistry) -> None:
    upper = {"app/flows/.wh..wh..opq": b"", "app/flows/b.json": FLOW}
    image = push_image(registry, {"app/flows/a.json": OTHER}, upper)
    assert _found(registry, image).path == "/app/flows/b.json"


def test_not_found_says_where_it_looked_and_what_there_was(registry: LoopbackRegistry) -> None:
    files = {"flows/a.json": b'{"nodes": []}', "flows/c.json": FLOW}
    image = push_image(registry, files, config={"Cmd": SERVE, "Env": ["LANGFLOW_LOAD_FLOWS_PATH=/none"]})
    with pytest.raises(PlanError) as caught:
        _found(registry, image)
    assert "no flow in LANGFLOW_LOAD_FLOWS_PATH=/none, nor in the image's command, nor in" in caught.value.problem
    assert "/flows/a.json: no flow (a JSON object with data.nodes)" in caught.value.problem
    assert "beside it: /flows/c.json" in caught.value.problem


def test_a_link_is_not_followed_and_is_named(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"data/a.json": FLOW, "flows": ("link", "data")}, config={"Cmd": SERVE})
    with pytest.raises(PlanError, match="'/flows' is a link to 'data'"):
        _found(registry, image)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"data": []}', b'{"data": {"nodes": {}}}', b"[" * 100_000, b"\xff", b"not json"]
)
def test_a_file_that_is_no_flow_is_none(registry: LoopbackRegistry, content: bytes) -> None:
    with pytest.raises(PlanError, match="no flow"):
        _found(registry, push_image(registry, {"app/flows/a.json": content}))


def test_an_oversized_flow_is_refused(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"app/flows/a.json": b" " * ((16 << 20) + 1)})
    with pytest.raises(PlanError, match=r"/app/flows/a.json in the image has 16777217 bytes"):
        _found(registry, image)


def test_a_flow_from_a_layer_with_the_wrong_digest_is_not_used(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"app/flows/a.json": FLOW, "z": b"z" * 100_000})
    (key,) = [key for key, blob in registry.blobs.items() if blob.startswith(b"\x1f\x8b")]
    registry.blobs[key] = registry.blobs[key][:-9] + bytes([registry.blobs[key][-9] ^ 1]) + registry.blobs[key][-8:]
    with pytest.raises(RegistryError, match=r"digest|readable"):
        _found(registry, image, "/app/flows/a.json")


def test_zstd_layers_matter_only_when_they_must_be_read(registry: LoopbackRegistry) -> None:
    packed = b"\x28\xb5\x2f\xfd" + b"\0" * 100
    image = push_image(registry, packed, {"flows/a.json": FLOW}, config={"Cmd": SERVE})
    assert _found(registry, image).path == "/flows/a.json"
    with pytest.raises(PlanError, match="zstd"):
        _found(registry, push_image(registry, packed, {"etc/x": b""}, config={"Cmd": SERVE}))
