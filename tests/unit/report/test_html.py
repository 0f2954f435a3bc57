"""`report.html` is one calm page that nothing written by others can take over."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from flowdrill.report.html import evidence_link, render_html, unbroken_quantities
from tests.unit.report import sample_reports
from tests.unit.report.sample_reports import SAMPLES, changed

VOID = {"meta", "br", "img", "link", "input", "hr"}
SHAPES = {"svg", "desc", "path", "circle", "rect", "line", "text", "tspan"}
TABLES = {"table", "thead", "tbody", "tr", "th", "td"}
PROSE = {"header", "section", "div", "p", "span", "time", "h1", "h2", "h3", "dl", "dt", "dd", "ul", "li", "a", "nav"}
PROSE |= {"pre", "details", "summary"}
EXPECTED_TAGS = SHAPES | TABLES | PROSE | {"html", "head", "meta", "title", "style", "body", "main"}
INVISIBLE = "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufffe]"


class Page(HTMLParser):
    """What a browser would make of the page: its elements, and whether they nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]


@pytest.fixture(params=SAMPLES, name="page")
def _page(request: pytest.FixtureRequest) -> Page:
    return Page(render_html(SAMPLES[request.param]()))


def test_the_page_has_only_the_elements_of_its_template_and_every_one_is_closed(page: Page) -> None:
    assert {tag for tag, _ in page.elements} <= EXPECTED_TAGS
    assert page.open == []


def test_nothing_in_the_page_runs_or_loads(page: Page) -> None:
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"src", "srcset", "action", "formaction", "background", "poster", "xlink:href", "style"}
    assert all(re.fullmatch(r"\./[\w./%~-]+|#[a-z_]+", link) for link in page.attributes("href"))


def test_the_page_forbids_scripts_and_the_network_even_to_itself(page: Page) -> None:
    policies = [a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'")


def test_ids_are_unique_and_every_picture_is_named_by_its_title_and_description(page: Page) -> None:
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    pictures = [a for tag, a in page.elements if tag == "svg" and a.get("role") == "img"]
    named = [name for picture in pictures for name in picture["aria-labelledby"].split()]
    sections = [a["id"] for tag, a in page.elements if tag == "section" and "id" in a]
    assert sorted([*named, *sections]) == sorted(ids)
    assert [f"#{section}" for section in sections] == [link for link in page.attributes("href") if link[0] == "#"]
    others = [a for tag, a in page.elements if tag == "svg" and a.get("role") != "img"]
    assert all(a["aria-hidden"] == "true" for a in others)


def test_table_heads_have_a_scope_and_the_page_a_language(page: Page) -> None:
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in page.elements if tag == "th")
    assert page.elements[0] == ("html", {"lang": "en"})


def test_no_coordinate_is_negative_in_length_or_no_number(page: Page) -> None:
    lengths = page.attributes("height") + page.attributes("d") + [w for w in page.attributes("width") if w]
    assert not any("nan" in value or "inf" in value for value in lengths)
    assert all(float(value) >= 0 for value in page.attributes("height"))


def test_invisible_characters_never_reach_the_page() -> None:
    html = render_html(sample_reports.hostile())
    assert not re.search(INVISIBLE, html)
    assert "⟨U+202E⟩" in html
    assert "{{ 7*7 }}" in html


def test_a_huge_text_is_cut_and_says_so() -> None:
    html = render_html(sample_reports.hostile())
    assert len(html) < 300_000
    assert "(998000 characters more)" in html


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    assert render_html(SAMPLES[name]()) == render_html(SAMPLES[name]())


def test_the_order_in_which_reasons_were_counted_does_not_show() -> None:
    report = sample_reports.passing()
    requests = report.result.requests
    reversed_ = requests.model_copy(update={"by_reason": dict(reversed(requests.by_reason.items()))})
    assert render_html(changed(report, requests=reversed_)) == render_html(report)


@pytest.mark.parametrize(("name", "word"), [("passing", "Pass"), ("unsteady", "Inconclusive"), ("refused", "Fail")])
def test_the_verdict_is_the_first_heading(name: str, word: str) -> None:
    assert re.search(r"<h\d>(.*?)</h\d>", render_html(SAMPLES[name]()))[1] == word  # type: ignore[index]


def test_a_measure_that_is_missing_says_why() -> None:
    assert html_text("never_recovered").count(">\u00a05 min") == 0
    assert html_text("never_recovered").count("> 5\u00a0min\u00a000\u00a0s\nnever recovered") == 2
    assert html_text("cut_off").count("the run ended before this could be seen") == 4


@pytest.mark.parametrize(("name", "words"), [("unsteady", "nothing was broken"), ("refused", "nothing was touched")])
def test_a_run_that_broke_nothing_shows_no_times_and_no_timeline(name: str, words: str) -> None:
    html = render_html(SAMPLES[name]())
    assert 'class="figure"' not in html
    assert 'id="timeline' not in html
    assert words in html


def html_text(name: str) -> str:
    return "".join(Page(render_html(SAMPLES[name]())).text)


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("evidence/a b.log", "./evidence/a%20b.log"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//evil.example/x", None),
        ("/etc/passwd", None),
        ("evidence/../../x", None),
        ("", None),
    ],
)
def test_evidence_links_stay_inside_the_run_folder(path: str, link: str | None) -> None:
    assert evidence_link(path) == link


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    assert unbroken_quantities("5 min 00 s, 1 h 05 min, 2 % of 3 silos") == (
        "5\u00a0min\u00a000\u00a0s, 1\u00a0h\u00a005\u00a0min, 2\u00a0% of 3 silos"
    )


def test_the_page_says_what_the_outage_cost_at_the_provider_where_its_log_was_read() -> None:
    text = " ".join(" ".join(Page(render_html(sample_reports.token_burn())).text).split())
    assert "A user's request cost 15 times the tokens it costs in the baseline." in text
    assert "984 14,760 29,520 + 59,040 90" in text
    assert "model provider" not in render_html(sample_reports.passing())
