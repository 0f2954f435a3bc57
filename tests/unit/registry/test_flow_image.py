"""Laying a flow on a runtime image."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.edges.registry.flow_image import FlowImage, FlowRuntime
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from tests.unit.oci.image_building import FLOW, push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry, loopback_registry

BASE = {"usr/bin/lfx": b"runtime" * 1000}


def _made(
    registry: LoopbackRegistry, base: ImageReference, runtime: FlowRuntime | None = None
) -> tuple[FlowImage, dict[str, Any]]:
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    to = ImageReference(registry.address, "team/flow", "1.0.0", None)
    made = images.make_flow_image(FLOW, "greeting.json", base, to, runtime)
    manifest = json.loads(registry.manifests["team/flow", "1.0.0"][1])
    return made, json.loads(registry.blobs["team/flow", manifest["config"]["digest"]])["config"]


def test_lfx_serves_the_flow_and_the_label_says_where_it_is(registry: LoopbackRegistry) -> None:
    made, config = _made(registry, push_image(registry, BASE, config={"Entrypoint": ["/bin/tini"], "Cmd": ["bash"]}))
    assert made.runtime is FlowRuntime.LFX
    assert config == {
        "Cmd": ["lfx", "serve", "/app/flows/greeting.json", "--host", "0.0.0.0", "--port", "7860"],
        "Labels": {"dev.flowdrill.flow": "/app/flows/greeting.json"},
    }


def test_langflow_loads_the_folder_and_keeps_its_command(registry: LoopbackRegistry) -> None:
    made, config = _made(registry, push_image(registry, BASE, config={"Cmd": ["langflow", "run"], "Env": ["A=1"]}))
    assert made.runtime is FlowRuntime.LANGFLOW
    assert config["Cmd"] == ["langflow", "run"]
    assert config["Env"] == ["A=1", "LANGFLOW_LOAD_FLOWS_PATH=/app/flows"]


def test_the_runtime_can_be_said(registry: LoopbackRegistry) -> None:
    assert _made(registry, push_image(registry, BASE), FlowRuntime.LANGFLOW)[0].runtime is FlowRuntime.LANGFLOW


def test_the_same_flow_gives_the_same_digest_and_nothing_is_sent_twice(registry: LoopbackRegistry) -> None:
    base = push_image(registry, BASE)
    first, second = _made(registry, base)[0], _made(registry, base)[0]
    assert first.reference == second.reference
    assert second.pushed_bytes < first.pushed_bytes < 20_000


def test_the_base_is_copied_from_another_registry(registry: LoopbackRegistry) -> None:
    with loopback_registry() as other:
        base = push_image(other, BASE)
        clients = {registry.address: registry.client(), other.address: other.client()}
        images = ImageRegistry(clients.__getitem__, {}.__getitem__)
        made = images.make_flow_image(FLOW, "a.json", base, ImageReference(registry.address, "flow", "1", None))
        assert images.retained(made.reference).reference.digest == made.reference.digest


@pytest.mark.parametrize(
    ("flow", "name", "tag", "problem"),
    [
        (b"{}", "a.json", "1", "a.json: is no flow"),
        (b"not json", "a.json", "1", "is no flow"),
        (FLOW, "flow.yaml", "1", "cannot be a flow's name"),
        (FLOW, ".wh.a.json", "1", "cannot be a flow's name"),
        (FLOW, "a b;c.json", "1", "cannot be a flow's name"),
        (FLOW, "a.json", None, "pushed to a tag"),
    ],
)
def test_what_cannot_be_laid_on_an_image_is_refused_before_anything_is_sent(
    registry: LoopbackRegistry, flow: bytes, name: str, tag: str | None, problem: str
) -> None:
    base = push_image(registry, BASE)
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    with pytest.raises(PlanError, match=problem):
        images.make_flow_image(flow, name, base, ImageReference(registry.address, "flow", tag, None))
    assert registry.asked("POST") == registry.asked("PUT") == []


def test_an_image_with_a_note_has_a_digest_of_its_own_and_goes_without_its_base(registry: LoopbackRegistry) -> None:
    base = push_image(registry, BASE)
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    made = [
        images.make_flow_image(
            FLOW, "f.json", base, ImageReference(base.registry, base.repository, note, None), note=note
        )
        for note in ("try-1", "try-2")
    ]
    assert made[0].reference.digest != made[1].reference.digest
    assert not set(made[0].blobs) & set(made[1].blobs)
    assert images.flow_of(made[0].reference).text == FLOW.decode()
    assert images.flow_of(made[0].reference).runtime is FlowRuntime.LFX
    assert images.delete_flow_image(made[0], base) == ()
    with pytest.raises(RegistryError):
        images.retained(made[0].reference)
    assert images.retained(made[1].reference).reference.digest == made[1].reference.digest
    assert images.retained(base).reference.digest
