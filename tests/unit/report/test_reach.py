"""A workload's reach for a terminal, a pull request, programs, and as a picture."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from flowdrill.analysis.reach import SeenImage, reach_of
from flowdrill.analysis.safety import Judged
from flowdrill.model.image_health import Health
from flowdrill.model.ledger import Ledger
from flowdrill.model.reach import Reach
from flowdrill.model.status import Status
from flowdrill.report.reach_picture import render_reach_picture
from flowdrill.report.reach_text import (
    reach_sentence,
    render_reach_json,
    render_reach_markdown,
    render_reach_text,
)
from tests.unit.analysis.reaches import NAME, digest, facts, image, revision

WELL = facts()
SVG = "{http://www.w3.org/2000/svg}"
NASTY = "\x1b[2J<script>|`x`&\u202e@team"


def mixed() -> Reach:
    """b is incomplete, c holds with a warning, and what its tag was nobody knows."""
    return reach_of(
        facts(
            images={**WELL.images, digest("b"): image("b", Health.INCOMPLETE, tags=(), day=15)},
            revisions=(
                revision("a", 5, current=True),
                revision("b", 4),
                revision("c", 3, differences=("env MODE: new -> old",)),
                revision("d", 2, image=f"{NAME}:gone"),
            ),
        )
    )


def nasty() -> Reach:
    seen = image("b", Health.DAMAGED, tags=(NASTY,))
    hostile = SeenImage(replace(seen.health, problem=NASTY, created=NASTY), seen.tags)
    return reach_of(
        facts(
            images={**WELL.images, digest("b"): hostile},
            revisions=(revision("b", 4, name=NASTY, differences=(NASTY,)), revision("e", 3, image=NASTY)),
            safety={digest("c"): (Judged(Status.FAIL, NASTY),)},
        )
    )


def test_the_sentence_gives_the_brakes_length() -> None:
    assert reach_sentence(reach_of(WELL)) == (
        f"1 version back: 1.15.0 ({NAME}@{digest('b')}), verified stable since 2026-11-09T09:00:00Z"
    )
    assert reach_sentence(mixed()).startswith("2 versions back: 1.10.0")
    assert "; but replicaset/app-3 (revision 3) differs by more than the image" in reach_sentence(mixed())


def test_the_sentence_says_why_nothing_can_be_rolled_back_to() -> None:
    said = reach_sentence(reach_of(facts(ledger=Ledger("configmap/ledger"))))
    assert said.startswith("nothing to roll back to: 1.15.0: verified: it is not in the ledger (configmap/ledger)")
    assert "; 1.10.0: verified:" in said


def test_the_sentence_of_many_versions_is_bounded() -> None:
    images = {f"sha256:{number:064x}": image("b", tags=(f"0.{number}",)) for number in range(500)}
    reach = reach_of(facts(images=images, ledger=Ledger("file"), revisions=()))
    assert reach_sentence(reach).endswith("; and 495 more")
    assert len(reach_sentence(reach)) < 3000


def test_a_workload_with_one_version_has_nothing_behind_it() -> None:
    alone = facts(revisions=(revision("a", 5, current=True),), images={}, ledger=Ledger("file"))
    assert "no earlier version is kept" in reach_sentence(reach_of(alone))


def test_the_table_puts_the_answer_first_and_what_does_not_hold_last() -> None:
    text = render_reach_text(mixed())
    lines = text.splitlines()
    assert lines[0] == "deployment/app in namespace demo, 2026-11-26T10:00:00+00:00"
    assert lines[1].startswith("2 versions back:")
    assert lines[3].split() == [
        "version",
        "created",
        "retained",
        "verified",
        "revision",
        "permitted",
        "safe",
        "kept",
        "until",
    ]
    assert lines[4].split() == ["now", "1.20.0", "2026-11-20", "yes", "2026-11-20", "5", "yes", "yes", "always"]
    assert lines[5].split() == ["b" * 12, "2026-11-15", "no", "2026-11-09", "4", "yes", "yes", "always"]
    assert lines[6].split() == [
        "->",
        "1.10.0",
        "2026-11-10",
        "yes",
        "2026-11-05",
        "3",
        "differs",
        "yes",
        "yes",
        "2026-12-24",
    ]
    assert (
        f"{'b' * 12}  {NAME}@{digest('b')}\n  fail     retained: incomplete: its layer sha256:123 is not there\n"
        in text
    )
    assert "\n  warning  revision: replicaset/app-3" in text
    assert "nobody knows which image its tag was" in text


def test_markdown_has_the_same_answer() -> None:
    text = render_reach_markdown(mixed())
    assert text.startswith("## ✅ deployment/app in namespace demo\n\n2 versions back:")
    assert "| &#45;&#62; | 1.10.0 | 2026-11-10 | yes | 2026-11-05 | 3 differs | yes | yes | 2026-12-24 |" in text
    assert render_reach_markdown(reach_of(facts(permissions={}))).startswith("## ❌")


def test_json_has_every_fact() -> None:
    document = json.loads(render_reach_json(mixed()))
    assert (document["schema"], document["versions_back"]) == ("flowdrill.dev/reach/v1", 2)
    assert document["nearest"] == f"{NAME}@{digest('c')}"
    now, broken, nearest, gone = document["rows"]
    assert (now["current"], now["holds"], broken["retained"], broken["holds"]) == (True, True, "incomplete", False)
    assert nearest["verified"] == {"at": "2026-11-05T09:00:00Z", "by": "run-1"}
    assert (nearest["differences"], nearest["archived_on"]) == (["env MODE: new -> old"], "2026-12-24")
    assert (gone["digest"], gone["retained"], gone["permitted"], gone["safe"]) == (None, None, None, None)
    assert [one["aspect"] for one in now["findings"]] == [
        "retained", "verified", "revision", "permitted", "safe", "clean-up",
    ]  # fmt: skip


def signs(reach: Reach, width: float = 700) -> list[str]:
    drawn = ET.fromstring(render_reach_picture(reach, width))
    return [str(one.get("class")).rpartition("-")[2] for one in drawn.iter(f"{SVG}path")]


def test_the_picture_has_a_sign_for_every_version_and_green_up_to_the_nearest() -> None:
    assert signs(mixed()) == ["now", "fail", "warning", "fail"]
    assert signs(reach_of(WELL)) == ["now", "pass", "pass"]
    assert signs(reach_of(facts(permissions={}))) == ["now", "unknown", "unknown"]
    drawn = ET.fromstring(render_reach_picture(mixed(), 700))
    (good,) = [one for one in drawn.iter(f"{SVG}line") if one.get("class") == "reach-good"]
    assert [float(good.get(end) or 0) for end in ("y1", "y2")] == [22, 22 + 2 * 44]
    assert drawn.findtext(f"{SVG}desc") == reach_sentence(mixed())


def test_the_picture_of_a_brake_that_reaches_nothing_has_no_green() -> None:
    assert 'class="reach-good"' not in render_reach_picture(reach_of(facts(permissions={})), 700)


def test_every_status_has_a_shape_of_its_own() -> None:
    def shape(reach: Reach) -> str:
        paths = list(ET.fromstring(render_reach_picture(reach, 700)).iter(f"{SVG}path"))
        return str(paths[1].get("d"))

    judged = {one: reach_of(facts(safety={digest("b"): (Judged(one, "x"),)})) for one in Status}
    assert len({shape(reach) for reach in judged.values()}) == len(Status)


def test_the_picture_of_many_versions_ends_and_says_so() -> None:
    images = {f"sha256:{number:064x}": image("b", tags=(f"0.{number}",)) for number in range(500)}
    reach = reach_of(facts(images=images, ledger=Ledger("file"), revisions=()))
    assert len(signs(reach)) == 30
    assert "… and 471 older" in render_reach_picture(reach, 700)
    assert len(render_reach_markdown(reach)) < 60_000


@pytest.mark.parametrize("width", [330.0, 1000.0])
def test_nothing_hostile_gets_into_the_picture(width: float) -> None:
    svg = render_reach_picture(nasty(), width)
    ET.fromstring(svg)
    assert "<script" not in svg
    assert "\x1b" not in svg
    assert "\u202e" not in svg


@pytest.mark.parametrize("render", [render_reach_text, render_reach_markdown, render_reach_json])
def test_nothing_hostile_gets_into_a_text(render: Any) -> None:
    text = render(nasty())
    assert "\x1b" not in text
    assert "\u202e" not in text
    if render is render_reach_markdown:
        assert "<script" not in text
        assert "@team" not in text
        assert {line.count("|") for line in text.splitlines() if line.startswith("|")} == {11}
