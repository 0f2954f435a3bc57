"""Which tags stay where they are."""

from __future__ import annotations

import pytest

from flowdrill.analysis.tag_policy import tag_problem
from flowdrill.model.image_reference import parse_image_reference

DIGEST = "sha256:" + "a" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "tag",
    ["1.2.3", "v1.2.3", "10.20.30", "1.2.3-rc.1", "1.2.3-alpine", "1.2.3-rc.1_build.5", "1.2.3.4", "2026.01.05",
     "1.2.3-5-gabc1234", "1.2.3-nightly.20260105", "abc1234", COMMIT, "sha-abc1234", f"git-{COMMIT}", "1234567",
     "a" * 63 + "1"],
)  # fmt: skip
def test_whole_versions_and_commits_stay(tag: str) -> None:
    assert tag_problem(parse_image_reference(f"registry.example/app:{tag}")) is None


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("latest", "moves"), ("Latest", "moves"), ("main", "moves"), ("stable", "moves"), ("prod", "moves"),
        ("1", "only a part of a version"), ("v1", "only a part"), ("1.2", "only a part"), ("1.2-alpine", "only a part"),
        ("1.2.3-latest", "ends in a name that moves"), ("1.2.3-SNAPSHOT", "ends in a name that moves"),
        ("facade", "no whole version"), ("defaced", "no whole version"), ("abc123", "no whole version"),
        ("feature-x", "no whole version"), ("1.2.3foo", "no whole version"), ("ABC1234", "no whole version"),
    ],
)  # fmt: skip
def test_names_words_and_parts_of_versions_do_not(tag: str, said: str) -> None:
    problem = tag_problem(parse_image_reference(f"registry.example/app:{tag}"))
    assert problem is not None
    assert said in problem
    assert repr(tag) in problem


def test_a_digest_stays_whatever_the_tag() -> None:
    assert tag_problem(parse_image_reference(f"registry.example/app:latest@{DIGEST}")) is None
    assert "no tag and no digest" in str(tag_problem(parse_image_reference("registry.example/app")))


def test_a_teams_own_tags_are_matched_as_a_whole_and_latest_is_never_one() -> None:
    pattern = r"build-\d+"
    assert tag_problem(parse_image_reference("registry.example/app:build-17"), pattern) is None
    assert tag_problem(parse_image_reference("registry.example/app:build-17-x"), pattern)
    assert tag_problem(parse_image_reference("registry.example/app:latest"), ".*")
