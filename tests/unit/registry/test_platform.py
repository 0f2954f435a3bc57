"""The platform of the cluster's nodes chooses from a multi-platform image, in a drill and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.errors import PlanError
from flowdrill.model.drill import RegistryAccess
from flowdrill.preparing.opening import open_images
from tests.unit.oci.image_building import FLOW, push_index
from tests.unit.oci.loopback_registry import LoopbackRegistry

PLATFORMS = ("amd64", "arm64")
FLOW_FILE = str(Path(__file__).parents[3] / "scenarios" / "flows" / "greeting.json")


def lowest_layer(registry: LoopbackRegistry, name: str) -> str:
    return str(json.loads(registry.manifests["app", name][1])["layers"][0]["digest"])


@pytest.mark.parametrize("architecture", PLATFORMS)
def test_a_drill_names_the_platform(registry: LoopbackRegistry, architecture: str) -> None:
    stable = push_index(registry, {"app/flows/a.json": FLOW})
    found = find_scenario("edge-missing")
    images = open_images(RegistryAccess(platform=f"linux/{architecture}"), found.read_source)
    prepared = images.prepare_broken(stable, found.scenario)
    images.close()
    assert json.loads(prepared.manifest)["layers"][0]["digest"] == lowest_layer(registry, architecture)


@pytest.mark.parametrize("architecture", PLATFORMS)
@pytest.mark.parametrize("command", ["derive", "flow"])
def test_the_image_commands_name_the_platform(
    registry: LoopbackRegistry, architecture: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    index = push_index(registry, {"app/flows/a.json": FLOW})
    to = ("--to", f"{registry.address}/app:made", "--runtime", "lfx")
    arguments = (
        ("derive", "edge-missing", "--from", str(index))
        if command == "derive"
        else ("flow", FLOW_FILE, "--base", str(index), *to)
    )
    assert main(["image", *arguments, "--platform", f"linux/{architecture}", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["digest"]
    assert lowest_layer(registry, made) == lowest_layer(registry, architecture)


def test_a_platform_that_the_image_does_not_have_is_answered_with_those_it_has(registry: LoopbackRegistry) -> None:
    found = find_scenario("edge-missing")
    images = open_images(RegistryAccess(platform="linux/s390x"), found.read_source)
    with pytest.raises(PlanError, match="no image for linux/s390x; it has: linux/amd64, linux/arm64") as caught:
        images.prepare_broken(push_index(registry), found.scenario)
    images.close()
    assert "--platform" in caught.value.remedy


def test_what_is_no_platform_is_one_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    stable = "127.0.0.1:1/a@sha256:" + "a" * 64
    assert main(["image", "derive", "edge-missing", "--from", stable, "--platform", "arm64"]) == 2
    assert capsys.readouterr().err.startswith("flowdrill: --platform arm64: is no platform")
