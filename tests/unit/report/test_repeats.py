"""What several runs come to, as it is read: nothing in it is rounded up, and nothing written by others acts."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from flowdrill.analysis.repeats import PoolOrder, RecordedRun, repeats_of
from flowdrill.model.claim import Claim, Claimed
from flowdrill.model.repeats import Repeats
from flowdrill.report.repeats_html import render_repeats_html, report_link
from flowdrill.report.repeats_picture import render_repeats_picture
from flowdrill.report.repeats_text import render_repeats_markdown, render_repeats_text
from flowdrill.report.repeats_words import floor_percent
from tests.unit.analysis.test_repeats import INTERRUPTED, PASSED, run, took, within
from tests.unit.report import sample_reports
from tests.unit.report.test_html import EXPECTED_TAGS, INVISIBLE, Page

UNSTEADY = sample_reports.unsteady().result
NEVER = sample_reports.never_recovered().result
HOSTILE = sample_reports.hostile().result


def mixed() -> Repeats:
    """Runs of every kind."""
    runs = [run(n, took(within(17 + n / 4, 17.6 + n / 4))) for n in range(9)]
    order = PoolOrder((Claim(Claimed.REACTION, 0.5),), asked_for=20, stopped="the run was stopped by SIGINT")
    return repeats_of([*runs, run(9, NEVER), run(10, UNSTEADY), run(11, INTERRUPTED)], order)


def all_pass(runs: int = 10) -> Repeats:
    return repeats_of([run(n) for n in range(runs)], PoolOrder())


def hostile() -> Repeats:
    one = run(0, HOSTILE)
    return repeats_of([RecordedRun("<script>/\x1b[31m", one.drill, one.result)], PoolOrder())


SAMPLES = {"mixed": mixed, "all pass": all_pass, "59": lambda: all_pass(59), "hostile": hostile}


@pytest.fixture(params=SAMPLES, name="repeats")
def _repeats(request: pytest.FixtureRequest) -> Repeats:
    return SAMPLES[request.param]()


def test_the_page_has_only_the_elements_of_its_template_and_every_one_is_closed(repeats: Repeats) -> None:
    page = Page(render_repeats_html(repeats))
    assert {tag for tag, _ in page.elements} <= EXPECTED_TAGS
    assert page.open == []
    assert len(page.attributes("id")) == len(set(page.attributes("id")))


def test_pictures_are_xml_and_stay_within_their_width(repeats: Repeats) -> None:
    for width in (1000.0, 330.0):
        drawn = render_repeats_picture(repeats, width)
        if not drawn:
            continue
        for one in ET.fromstring(drawn).iter():
            for name in ("x", "x1", "x2", "cx"):
                assert 0 <= float(one.get(name, "0")) <= width


def test_the_label_of_a_limit_that_is_far_to_the_left_stands_right_of_it() -> None:
    slow = repeats_of([run(0, took(within(900, 901)))], PoolOrder((Claim(Claimed.TIME_TO_RECOVER, 9.0),)))
    drawn = ET.fromstring(render_repeats_picture(slow, 330.0))
    anchors = {one.text: one.get("text-anchor") for one in drawn.iter() if (one.text or "").startswith("at most")}
    assert (anchors["at most 9.00 s"], anchors["at most 1 min 30 s"]) == ("start", "end")


def test_nothing_invisible_is_in_any_text(repeats: Repeats) -> None:
    for text in (render_repeats_html(repeats), render_repeats_text(repeats)):
        assert re.search(INVISIBLE, text) is None
    assert "<script" not in render_repeats_markdown(repeats)


def test_every_kind_of_run_is_told_as_what_it_counts() -> None:
    text = render_repeats_text(mixed())
    assert "12 of 20 runs: 9 pass, 1 fail, 2 inconclusive; 11 of them count." in text
    assert "Stopped after 12: the run was stopped by SIGINT." in text
    assert "1 run is no drill" in text
    assert (
        "with 9 of 11 you may claim at least 52.9 % of drills (95 % confidence); 47.2 % had each that is no drill"
        in text
    )
    assert "95 % needs 122 of 124, if so many were settled before" in " ".join(text.split())


def test_59_of_59_are_told_to_be_enough() -> None:
    assert (
        "with 59 of 59 you may claim at least 95.0 % of drills (95 % confidence); 95 % is supported"
        in render_repeats_text(all_pass(59))
    )


def test_no_percentile_is_told_of_few_runs() -> None:
    repeats = mixed()
    assert "p95" not in render_repeats_text(repeats)
    assert not any("p95" in name or "percentile" in name for name in Repeats.model_json_schema()["$defs"])


def test_markdown_is_a_table_and_a_list() -> None:
    text = render_repeats_markdown(mixed())
    assert text.startswith("## edge-missing: 12 of 20 runs")
    assert "| time to recover |" in text
    assert text.endswith("\n")


@pytest.mark.parametrize(("share", "told"), [(0.74113, "74.1 %"), (0.949999, "94.9 %"), (0.05, "5.0 %"), (0, "0.0 %")])
def test_what_may_be_claimed_is_never_rounded_up(share: float, told: str) -> None:
    assert floor_percent(share) == told


@pytest.mark.parametrize(
    ("folder", "link"),
    [
        ("../run", "./../run/report.html"),
        ("/abs/run", None),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29/report.html"),
        ("a b?#", "./a%20b%3F%23/report.html"),
    ],
)
def test_a_link_leads_to_a_file_beside_the_page(folder: str, link: str | None) -> None:
    assert report_link(folder) == link


def test_the_same_runs_give_the_same_bytes() -> None:
    assert render_repeats_html(mixed()) == render_repeats_html(mixed())
    assert PASSED.run.drill in render_repeats_html(mixed())
