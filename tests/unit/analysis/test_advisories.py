"""Which known vulnerabilities a version still has."""

from __future__ import annotations

import pytest

from flowdrill.analysis.advisories import advisories_of, langflow_release, safe_from
from flowdrill.model.advisories import Advisory
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource

LIST = (
    Advisory(id="A-1", fixed_in="1.3.0", what="x"),
    Advisory(id="A-2", fixed_in="1.9.2", what="x", exploited=True),
    Advisory(id="A-3", fixed_in="1.12.5", what="x"),
)


def ids(version: str) -> list[str]:
    return [one.id for one in advisories_of(version, LIST)]


@pytest.mark.parametrize(
    ("version", "still"),
    [
        ("1.2.9", ["A-2", "A-1", "A-3"]),
        ("1.3.0", ["A-2", "A-3"]),
        ("1.10.0", ["A-3"]),
        ("1.12.5", []),
        ("1.12.5rc1", ["A-3"]),
        ("1.12.5.dev20260101", ["A-3"]),
        ("1.12.5.post1", []),
        ("1.12.5+team.1", []),
        ("v1.13.0", []),
        ("1.13.0.dev3", []),
    ],
)
def test_a_version_below_the_fix_still_has_it_and_exploited_ones_come_first(version: str, still: list[str]) -> None:
    assert ids(version) == still


def test_the_safe_version_is_the_newest_fix_and_not_the_last_by_its_letters() -> None:
    assert safe_from(LIST) == "1.12.5"


@pytest.mark.parametrize(
    ("product", "version", "release", "exact"),
    [
        (Product.LANGFLOW, "1.13.0", "1.13.0", True),
        (Product.LFX, "1.12.4", "1.12.4", True),
        (Product.LANGFLOW_BASE, "1.12.4", "1.12.4", True),
        (Product.LANGFLOW_BASE, "0.11.6", "1.11.6", True),
        (Product.LANGFLOW_BASE, "0.5.0.post2", "1.5.0.post2", True),
        (Product.LANGFLOW_BASE, "0.8", "1.8.0", True),
        (Product.LANGFLOW_BASE, "0.9.0rc1.dev2", "1.9.0rc1.dev2", True),
        (Product.LANGFLOW_BASE, "0.0.99", "1.0", True),
        (Product.LFX, "0.4.6", "1.10.0.dev0", False),
    ],
)
def test_packages_with_numbers_of_their_own_are_compared_as_the_langflow_they_belong_to(
    product: Product, version: str, release: str, exact: bool
) -> None:
    found = langflow_release(FoundVersion(product, version, VersionSource.LAYER, "x"))
    assert (found.version, found.exact) == (release, exact)
    assert bool(found.words) == (product is not Product.LANGFLOW)
