"""The pages of a site: what is missing is shown as missing, what is drawn is to scale, and many runs stay small."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from flowdrill.analysis.trends import trends_of
from flowdrill.model.history import HistoryRun, UnreadableRun
from flowdrill.model.result import Verdict
from flowdrill.report import site
from flowdrill.report.site import render_site
from flowdrill.report.site_words import filtered_href, report_href, trend_page
from flowdrill.report.trend_picture import release_numbers, render_trend
from tests.unit.report.sample_history import digest, history, run, times

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "input", "br", "path", "circle", "rect", "line", "use"}


def drawn(*runs: HistoryRun, width: float = 1000.0) -> ET.Element:
    (trend,) = trends_of(runs)[0].targets
    return ET.fromstring(render_trend(trend, release_numbers(trend), "t", width))


def of_class(picture: ET.Element, name: str) -> list[ET.Element]:
    return [one for one in picture.iter() if name in (one.get("class") or "").split()]


def days(count: int, **changes: object) -> list[HistoryRun]:
    return [run(f"2026-{1 + at // 28:02d}-{1 + at % 28:02d}", **changes) for at in range(count)]


def test_a_time_that_was_not_measured_is_a_cross_and_never_a_mark_at_zero() -> None:
    picture = drawn(run("2026-11-01"), run("2026-11-02", times=times(1.0, 0.02, None, 18.0)))
    assert len(of_class(picture, "mark")) == 7
    (missing,) = of_class(picture, "missing")
    assert "not measured" in (missing.findtext(f"{SVG}title") or "")
    assert "measured in 1 of 2 runs" in (picture.findtext(f"{SVG}desc") or "")
    pages = render_site(history(run(times=times())), "..")
    assert pages["index.html"].count("<td>–") == 4
    assert "0 ms" not in pages["index.html"]


def test_a_picture_in_which_nothing_was_measured_is_one() -> None:
    assert len(of_class(drawn(run(times=times(at_most=None))), "missing")) == 4


def test_the_verdict_is_a_shape_and_not_a_colour_alone() -> None:
    runs = [run(f"2026-11-0{at}", verdict=verdict) for at, verdict in enumerate(Verdict, 1)]
    marks = of_class(drawn(*runs), "mark")
    assert {(one.tag.removeprefix(SVG), (one.get("class") or "").split()[1]) for one in marks} == {
        ("circle", "mark-pass"),
        ("rect", "mark-fail"),
        ("path", "mark-inconclusive"),
    }


def test_bounds_and_the_objective_are_drawn_on_the_same_scale() -> None:
    picture = drawn(run("2026-11-01", times=times(30.0, at_most=33.0)))
    limit = float(of_class(picture, "limit")[0].get("y1", ""))
    whisker = of_class(picture, "whisker")[0]
    assert (float(whisker.get("y1", "")), float(whisker.get("y2", ""))) == (
        pytest.approx(picture_y(picture, 27)),
        limit,
    )


def picture_y(picture: ET.Element, seconds: float) -> float:
    """Where a value is, by the first strip's first two ticks."""
    ticks = [one for one in of_class(picture, "tick") if one.get("text-anchor") == "end"][:2]
    values = [float((one.text or "").removesuffix(" s")) for one in ticks]
    (low, high), (low_y, high_y) = values, [float(one.get("y", "")) - 4 for one in ticks]
    return low_y + (seconds - low) / (high - low) * (high_y - low_y)


def test_an_objective_that_changed_is_two_lines_and_one_far_away_is_told() -> None:
    runs = [run("2026-11-01", times=times(30.0, at_most=40.0)), run("2026-11-02", times=times(30.0, at_most=50.0))]
    assert len(of_class(drawn(*runs), "limit")) > len(of_class(drawn(runs[0]), "limit"))
    far = drawn(run(times=times(1.0, at_most=900.0)))
    assert "↑ at most 15 min 00 s" in [one.text for one in of_class(far, "limit-ink")]


def test_a_release_is_a_line_with_the_number_of_its_row() -> None:
    runs = [run("2026-11-01"), run("2026-11-02", stable_digest=digest(2)), run("2026-11-03", stable_digest=digest(2))]
    picture = drawn(*runs)
    assert len(of_class(picture, "release")) == 1
    assert [one.text for one in of_class(picture, "release-ink")] == ["1"]
    page = render_site(history(*runs), "..")[trend_page("edge-missing")]
    assert re.search(r'<tr><th scope="row">1</th><td[^>]*>2026-11-02 09:30</td>', page)


def test_many_runs_are_cut_to_the_newest_and_the_page_says_so() -> None:
    runs = days(300)
    page = render_site(history(*runs), "..")[trend_page("edge-missing")]
    assert "The newest 160 of 300 runs" in page
    assert "A narrow screen shows the newest 40." in page
    assert len(of_class(drawn(*runs, width=330.0), "mark")) == 40 * 4


def test_the_numbers_of_releases_are_the_same_in_both_pictures() -> None:
    runs = [run(one.day, stable_digest=digest(at // 20)) for at, one in enumerate(days(100))]
    wide, narrow = drawn(*runs), drawn(*runs, width=330.0)
    assert [one.text for one in of_class(wide, "release-ink")] == ["1", "2", "3", "4"]
    assert [one.text for one in of_class(narrow, "release-ink")] == ["3", "4"]


def test_every_page_is_whole_and_asks_for_nothing() -> None:
    unreadable = (UnreadableRun(folder="x", reason="why", remedy="do"),)
    runs = (run("2026-11-01"), run("2026-11-02", verdict=Verdict.FAIL, reason="x", has_report=False))
    for name, text in render_site(history(*runs, unreadable=unreadable), "..").items():
        page = _Page()
        page.feed(text)
        assert page.open == [], name
        assert not page.loads, name
        assert len(page.ids) == len(set(page.ids)), f"{name} has an id twice"
        assert text.count("<h1>") == 1


def test_the_one_script_is_the_one_that_the_policy_allows() -> None:
    pages = render_site(history(run()), "..")
    (script,) = re.findall(r"(?s)<script>(.*?)</script>", pages["index.html"])
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{allowed}'" in pages["index.html"]
    assert [name for name, text in pages.items() if "<script" in text or "script-src" in text] == ["index.html"]


def test_5000_runs_fit_into_an_index_of_3_megabytes() -> None:
    one = run(
        drill="a-drill-with-a-name-as-long-as-they-get",
        scenario="a-scenario-with-a-long-name",
        verdict=Verdict.FAIL,
        reason="x" * 300,
    )
    (index,) = dict(site._index_pages(site._environment(history(one), "../.."), history(*[one] * 5000))).values()
    assert len(index.encode()) < 4_000_000  # all of them failed, for long reasons
    usual = run(drill="edge-missing", scenario="edge-missing")
    (index,) = dict(site._index_pages(site._environment(history(usual), "../.."), history(*[usual] * 5000))).values()
    assert len(index.encode()) < 2_500_000


def test_more_runs_than_one_page_takes_are_on_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MOST_ROWS", 2)
    pages = render_site(history(*days(5)), "..")
    assert [name for name in pages if name.startswith("index")] == ["index.html", "index-2.html", "index-3.html"]
    assert "part 1 of 3" in pages["index.html"]
    assert 'href="index-3.html"' in pages["index.html"]
    assert sum(text.count('/report.html">2026') for name, text in pages.items() if name.startswith("index")) == 5


@pytest.mark.parametrize(
    ("folder", "runs_from", "href"),
    [
        ("a", "..", "../a/report.html"),
        ("javascript:alert(1)", ".", "./javascript%3Aalert%281%29/report.html"),
        ("a", "javascript:x", "./javascript%3Ax/a/report.html"),
        ('a" onload="x', "../r s", "../r%20s/a%22%20onload%3D%22x/report.html"),
        ("a\udcff", "..", "../a%FF/report.html"),
    ],
)
def test_a_link_leads_to_the_run_whatever_its_name_is(folder: str, runs_from: str, href: str) -> None:
    assert report_href(run(folder=folder), runs_from) == href


def test_a_run_without_a_report_has_no_link() -> None:
    assert report_href(run(has_report=False), "..") is None


def test_drills_whose_names_look_alike_have_pages_of_their_own() -> None:
    names = ["a b", "a-b", "A-B", "ä", "../x", "", "x" * 300, "x" * 301, "\ud800"]
    pages = [trend_page(name) for name in names]
    assert len(set(pages)) == len(names)
    assert all(re.fullmatch(r"trend-[a-z0-9-]+\.html", page) for page in pages)


def test_a_link_to_some_runs_says_which() -> None:
    assert filtered_href(drill="a&b", target="x/y on z") == "index.html#drill=a%26b&target=x%2Fy%20on%20z"


class _Page(HTMLParser):
    """What is open at the end of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID and tag not in ("tr", "td"):  # whose ends the index leaves out, as HTML allows
            self.open.append(tag)
        found = dict(attrs)
        self.ids += [found["id"] or ""] if "id" in found else []
        self.loads += [str(found[name]) for name in ("src", "data", "poster", "srcset") if name in found]
        self.loads += [tag] if tag in ("link", "iframe", "object", "img") else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and tag not in ("tr", "td"):
            assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-3:]}"
            self.open.pop()
