"""Which LangFlow is in an image: by its labels, its environment, its layers, its tag."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from flowdrill.cluster.base_image import push_base_image
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.registry.langflow_version import VersionFinder
from flowdrill.errors import ImageMissingError
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource, VersionUnknown
from flowdrill.oci.digest import digest_of
from flowdrill.oci.stored_image import stored_image
from tests.unit.oci.image_building import FLOW, FOLDER, push_image, push_index, tar_of
from tests.unit.oci.loopback_registry import LoopbackRegistry

SITE = "usr/lib/python3.12/site-packages"
LABEL = "dev.flowdrill.langflow-version"
OCI = "org.opencontainers.image"


def installed(*packages: str, site: str = SITE) -> dict[str, bytes | tuple[str, str]]:
    return {f"{site}/{package}.dist-info/METADATA": b"x" for package in packages}


def found(registry: LoopbackRegistry, reference: ImageReference) -> FoundVersion | VersionUnknown:
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    return images.langflow_version(reference)


def version(registry: LoopbackRegistry, reference: ImageReference) -> str:
    answer = found(registry, reference)
    assert isinstance(answer, FoundVersion), answer
    return f"{answer} {answer.source}"


def labelled(registry: LoopbackRegistry, labels: Mapping[str, str]) -> str:
    answer = found(registry, push_image(registry, {"a": b""}, config={"Labels": dict(labels)}))
    return str(answer) if isinstance(answer, FoundVersion) else ""


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({LABEL: "lfx 1.13.0"}, "lfx 1.13.0"),
        ({LABEL: "1.9.2"}, "langflow 1.9.2"),
        ({LABEL: "langflow-base 0.5.1"}, "langflow-base 0.5.1"),
        ({LABEL: "shop 7"}, ""),
        ({LABEL: "lfx \x1b[31m"}, ""),
        ({LABEL: "9" * 100_000}, ""),
        ({f"{OCI}.title": "LangFlow", f"{OCI}.version": "1.12.0"}, "langflow 1.12.0"),
        ({f"{OCI}.source": "https://github.com/langflow-ai/langflow", f"{OCI}.version": "v1.12.0"}, "langflow v1.12.0"),
        ({f"{OCI}.title": "shop", f"{OCI}.version": "2.4.1"}, ""),
        (
            {
                f"{OCI}.title": "langflow-shop",
                f"{OCI}.source": "https://github.com/langflow-ai/langflow",
                f"{OCI}.version": "2.4.1",
            },
            "",
        ),
        ({f"{OCI}.source": "https://git.test/team/langflow", f"{OCI}.version": "2.4.1"}, ""),
        ({f"{OCI}.version": "1.12.0"}, ""),
        ({f"{OCI}.title": "langflow", f"{OCI}.version": "main"}, ""),
    ],
)
def test_labels_name_a_langflow_and_not_the_version_of_what_a_team_built_with_it(
    registry: LoopbackRegistry, labels: Mapping[str, str], said: str
) -> None:
    assert labelled(registry, labels) == said


def test_the_environment_names_a_version(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"a": b""}, config={"Env": ["LANGFLOW_VERSION=1.12.3"]})
    assert version(registry, image) == "langflow 1.12.3 environment"


def test_an_installed_package_is_found_below_a_layer_with_a_flow(registry: LoopbackRegistry) -> None:
    image = push_image(
        registry, installed("langflow_sdk-0.4.0", "lfx-1.13.0", "urllib3-2.0"), {"app/flows/a.json": FLOW}
    )
    answer = found(registry, image)
    assert isinstance(answer, FoundVersion)
    assert (answer.product, answer.version, answer.source) == (Product.LFX, "1.13.0", VersionSource.LAYER)
    assert answer.where.startswith(f"/{SITE}/lfx-1.13.0.dist-info in layer sha256:")


def test_a_newer_layer_comes_before_an_older_one(registry: LoopbackRegistry) -> None:
    upgraded = {f"{SITE}/.wh.lfx-1.12.0.dist-info": b"", **installed("lfx-1.13.0")}
    assert version(registry, push_image(registry, installed("lfx-1.12.0"), upgraded)) == "lfx 1.13.0 layer"


def test_what_an_upper_layer_has_removed_is_not_installed(registry: LoopbackRegistry) -> None:
    lower = {**installed("lfx-1.12.0"), **installed("langflow_base-1.11.0", site="opt/v/site-packages")}
    for removal in (
        {f"{SITE}/.wh.lfx-1.12.0.dist-info": b""},
        {f"{SITE}/.wh..wh..opq": b""},
        {"usr/lib/.wh.python3.12": b""},
        {"usr/lib/python3.12": ("link", "python3.13")},
    ):
        assert version(registry, push_image(registry, lower, removal)) == "langflow-base 1.11.0 layer"


def test_a_folder_that_is_listed_alone_counts_and_a_package_cache_does_not(registry: LoopbackRegistry) -> None:
    cache = installed("lfx-1.0.0", site="root/.cache/uv/archive-v0/x")
    image = push_image(registry, {**cache, f"{SITE}/langflow_nightly-1.13.0.dev3.dist-info": FOLDER})
    assert version(registry, image) == "langflow 1.13.0.dev3 layer"


def test_an_lfx_with_numbers_of_its_own_gives_way_to_the_langflow_beside_it(registry: LoopbackRegistry) -> None:
    image = push_image(registry, installed("langflow_base-0.9.1"), installed("lfx-0.4.0"))
    assert version(registry, image) == "lfx 0.4.0 layer", "a newer layer may have replaced what is below"
    image = push_image(registry, installed("lfx-0.4.0", "langflow_base-0.9.1"))
    assert version(registry, image) == "langflow-base 0.9.1 layer"


def test_the_image_of_the_wanted_platform_is_read(registry: LoopbackRegistry) -> None:
    assert version(registry, push_index(registry, installed("lfx-1.13.0"))) == "lfx 1.13.0 layer"


def test_the_tag_of_a_repository_called_like_langflow_is_the_last_resort(registry: LoopbackRegistry) -> None:
    image = push_image(registry, {"a": b""}, repository="mirror/langflow", tag="1.12.0")
    assert version(registry, replace(image, tag="1.12.0")) == "langflow 1.12.0 tag"
    assert isinstance(found(registry, image), VersionUnknown), "nobody gave its tag"
    image = push_image(registry, {"a": b""}, repository="shop/langflow-flows", tag="20.1")
    answer = found(registry, replace(image, tag="20.1"))
    assert isinstance(answer, VersionUnknown)
    assert "no layer has langflow or lfx installed" in answer.why


@pytest.mark.parametrize(
    "content",
    [b"\x28\xb5\x2f\xfdzstd", b"no tar at all" * 100, gzip.compress(b"x")[:-3]],
    ids=[
        "broken zstd",
        "no archive",
        "cut gzip",
    ],  # two processes must call a test alike, and gzip writes the time
)
def test_a_layer_that_cannot_be_read_is_a_reason_and_no_error(registry: LoopbackRegistry, content: bytes) -> None:
    answer = found(registry, push_image(registry, installed("lfx-1.0.0"), content))
    assert isinstance(answer, VersionUnknown)
    assert "layer sha256:" in answer.why


def test_a_registry_that_sends_another_layer_is_not_believed(registry: LoopbackRegistry) -> None:
    true, lie = tar_of(installed("lfx-1.2.0")), tar_of(installed("lfx-1.3.0"))
    image = push_image(registry, true)
    registry.blobs["app", digest_of(true)] = lie
    answer = found(registry, image)
    assert isinstance(answer, VersionUnknown)
    assert "content whose digest is" in answer.why


def test_an_image_that_is_gone_is_an_error(registry: LoopbackRegistry) -> None:
    with pytest.raises(ImageMissingError):
        found(registry, ImageReference(registry.address, "app", None, "sha256:" + "0" * 64))


def test_a_layer_is_read_once_for_all_images_that_share_it(registry: LoopbackRegistry) -> None:
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    for number in range(3):
        flow = {"app/flows/a.json": FLOW, "x": b"%d" % number}
        image = push_image(registry, installed("lfx-1.13.0"), flow, tag=f"1.0.{number}")
        assert isinstance(images.langflow_version(image), FoundVersion)
    asked = [request.path for request in registry.asked("GET", "/blobs/")]
    assert len(asked) == 3 * 2 + 1, "a configuration and a flow for each, and the runtime's layer once"


def ticking(step_seconds: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step_seconds


@pytest.mark.parametrize(
    ("finder", "said"),
    [
        (VersionFinder(ticking(9.0).__next__, limit_seconds=4.0), "the 4 s that reading its layers may take were over"),
        (VersionFinder(limit_bytes=100), "so many bytes of its layers were read"),
    ],
)
def test_reading_layers_ends_when_a_preflight_has_no_time_for_more(
    registry: LoopbackRegistry, finder: VersionFinder, said: str
) -> None:
    image = push_image(registry, installed("lfx-1.13.0"))
    repository = registry.repository()
    answer = finder.find(repository, stored_image(repository, image, None))
    assert isinstance(answer, VersionUnknown)
    assert said in answer.why


def test_the_image_that_stands_for_this_machines_runtime_says_which_it_is(registry: LoopbackRegistry) -> None:
    pushed = parse_image_reference(push_base_image(registry.address, "1.13.0"))
    assert version(registry, pushed) == "lfx 1.13.0 label"
    assert len(registry.asked("GET", "/blobs/")) == 1, "its configuration, and no layer"
