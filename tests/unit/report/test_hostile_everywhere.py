"""Whatever text a cluster, an image or an answer puts into a result: reports show it, and run nothing of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from pydantic import ValidationError

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.model.result import Report, Result
from flowdrill.report.html import render_html
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import render_markdown
from flowdrill.report.openmetrics import render_openmetrics
from flowdrill.report.pdf_page import pdf_page

GOLDEN = Path(__file__).parents[2] / "golden"
OWN = "document.title='owned'"
MARKUP = (
    f'<script>{OWN}</script><img src=x onerror="{OWN}"><svg onload="{OWN}"/>--></title></style></script>'
    f'<a href="javascript:{OWN}">x</a>]]> [x](javascript:alert) ![x](https://evil.test/x.png) `</code>` | | " \''
)
ESCAPES = "\x1b[31m\x1b]8;;https://evil.test\x07\x1b]52;c;eA==\x07\u202e\u2066\x9b2J"
HOSTILE = MARKUP + ESCAPES
_OURS = "\n\t\xa0\u202f\u2009\u2060"  # spaces that reports have themselves
_LEAST_PLACES = 40
_TITLE = re.compile(r"<title>([^<]*)</title>")


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is a text."""
    if isinstance(value, str):
        return [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in pairs for place in places_in(one, (*path, key))]


def with_hostile_text(document: Any, path: tuple[Any, ...]) -> Any:
    copied = json.loads(json.dumps(document))
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = f"{holder[path[-1]]}{HOSTILE}"
    return copied


@pytest.fixture(scope="module", params=["image-gone", "statefulset", "audited"])
def hostile(request: pytest.FixtureRequest) -> Report:
    """A report of a real run with such a text in every place that may have one."""
    report = report_of(read_run(GOLDEN / request.param))
    document, changed = json.loads(report.result.model_dump_json(by_alias=True)), 0
    for path in places_in(document):
        tried = with_hostile_text(document, path)
        try:
            Result.model_validate_json(json.dumps(tried))
        except ValidationError:
            continue  # one of few words, or a digest
        document, changed = tried, changed + 1
    assert changed > _LEAST_PLACES, "hardly a place was found: nothing is shown"
    return report.model_copy(update={"result": Result.model_validate_json(json.dumps(document))})


def test_html_markdown_and_junit_show_it_as_text(hostile: Report) -> None:
    html, markdown, junit = render_html(hostile), render_markdown(hostile), render_junit(hostile)
    assert escape(f"<script>{OWN}</script>", quote=False) in html.replace("&#39;", "'"), "it is not in the report"
    for raw in (f"<script>{OWN}", "<img src=x", "<svg onload", "</title></style>", '<a href="javascript:'):
        assert raw not in html
        assert raw not in markdown
    assert "](javascript:" not in markdown
    assert "![x](" not in markdown
    ET.fromstring(junit)
    for text in (html, markdown, junit):
        assert not [one for one in text if not one.isprintable() and one not in _OURS]


def test_metrics_stay_lines_of_their_own_with_it_in_their_labels(hostile: Report) -> None:
    text = render_openmetrics(hostile)
    (info,) = [one for one in read_openmetrics(text) if one.name == "flowdrill_run_info"]
    assert f"<script>{OWN}</script>" in info.samples[0].labels["drill"]
    assert all(
        line.startswith(("# ", "flowdrill_")) and (line[0] == "#" or line.isprintable()) for line in text.splitlines()
    )


def test_paper_has_it_as_text(hostile: Report) -> None:
    page = _Elements()
    page.feed(pdf_page(hostile).html)
    assert "script" not in page.names
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert [value for name, value in page.attributes if name == "content" and OWN in (value or "")]


def test_a_terminal_gets_no_escape(hostile: Report) -> None:
    said = visible(summary_of(hostile.result))
    assert "owned" in said
    assert not [one for one in said if not one.isprintable() and one != "\n"]


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_a_browser_runs_nothing_of_it(hostile: Report, tmp_path: Path) -> None:
    owned, page = tmp_path / "owned.html", tmp_path / "report.html"
    owned.write_text(f'<title>mine</title><img src=x onerror="{OWN}">')
    assert _title(_dumped(owned, tmp_path)) == "owned", "this browser would not show it"
    page.write_text(render_html(hostile), encoding="utf-8")
    written, dumped = _title(page.read_text("utf-8")), _dumped(page, tmp_path)
    assert _title(dumped) == written, "its own title is all that it has"
    seen = _Elements()
    seen.feed(dumped)
    assert len(seen.attributes) > _LEAST_PLACES
    assert not [name for name, _ in seen.attributes if name.startswith("on")], "an element has a handler"
    assert not [value for _, value in seen.attributes if (value or "").strip().startswith("javascript:")]
    assert "script" not in seen.names


class _Elements(HTMLParser):
    """The elements of a page, and all their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes += attrs


def _title(html: str) -> str | None:
    found = _TITLE.search(html)
    return None if found is None else unescape(found[1])


def _dumped(page: Path, folder: Path) -> str:
    """The page as the browser has it once everything has run."""
    return subprocess.run(
        [
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={folder / 'profile'}", "--virtual-time-budget=2000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    ).stdout  # fmt: skip
