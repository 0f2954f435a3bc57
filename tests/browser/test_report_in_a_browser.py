"""The report as people see it: in a real Chromium, in light, dark, print and on a phone.

Set FLOWDRILL_SCREENSHOTS to a folder to look at what the tests saw.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.report.html import render_html
from tests.unit.report.sample_reports import SAMPLES

CHROMIUM = shutil.which("chromium")
GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = sorted(path.parent.name for path in GOLDEN.glob("*/events.jsonl"))
PAGES = [*SAMPLES, *RECORDED]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


@dataclass(frozen=True, slots=True)
class Look:
    """How a page is looked at."""

    name: str
    width: int
    scheme: Literal["light", "dark"] = "light"
    media: Literal["screen", "print"] = "screen"

    @property
    def axe_options(self) -> dict[str, object]:
        """Everything once; then only what another look changes."""
        return (
            {}
            if self.name == "light"
            else {"runOnly": ["color-contrast", "target-size", "scrollable-region-focusable"]}
        )


LOOKS = (
    Look("light", 1440),
    Look("dark", 1200, scheme="dark"),
    Look("phone", 390),
    Look("print", 718, media="print"),  # A4 less its margins, in CSS pixels
)
OUTSIDE = """() => {
  const width = document.documentElement.clientWidth, wrong = [];
  for (const one of document.body.querySelectorAll('*')) {
    if (one.closest('.stack thead, desc, title')) continue;  // heads that only screen readers get on a phone
    const box = one.getBoundingClientRect();
    if (box.width && box.height && (box.left < -1 || box.right > width + 1)) {
      wrong.push(`${one.tagName} ${one.className.baseVal ?? one.className}: ${one.textContent.slice(0, 60)}`);
    }
  }
  return wrong;
}"""


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every report as a file."""
    folder = tmp_path_factory.mktemp("reports")
    for name, made in SAMPLES.items():
        (folder / f"{name}.html").write_text(render_html(made()), encoding="utf-8")
    for name in RECORDED:
        html = render_html(report_of(read_run(GOLDEN / name)))
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return folder


@dataclass(frozen=True, slots=True)
class Opened:
    """A page, and what it asked for and complained of while it was opened."""

    page: Page
    asked: list[str]
    complaints: list[str]
    look: Look


@pytest.fixture(
    name="opened", params=[(name, look) for name in PAGES for look in LOOKS], ids=lambda p: f"{p[0]}-{p[1].name}"
)
def _opened(request: pytest.FixtureRequest, browser: Browser, folder: Path) -> Iterator[Opened]:
    name, look = request.param
    context = browser.new_context(viewport={"width": look.width, "height": 900}, color_scheme=look.scheme)
    page = context.new_page()
    opened = Opened(page, [], [], look)
    page.on("request", lambda asked: opened.asked.append(asked.url))
    page.on("console", lambda said: opened.complaints.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.emulate_media(media=look.media)
    page.goto((folder / f"{name}.html").as_uri())
    if kept := os.environ.get("FLOWDRILL_SCREENSHOTS"):
        page.screenshot(path=Path(kept) / f"{name}-{look.name}.png", full_page=True)
    yield opened
    context.close()


def test_a_report_asks_for_nothing_fits_and_can_be_read_by_everybody(opened: Opened) -> None:
    page = opened.page
    assert opened.asked == [page.url], "a request left the file"
    assert opened.complaints == []
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.evaluate(OUTSIDE) == []
    found = Axe().run(page, options=opened.look.axe_options).response["violations"]
    serious = [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert serious == []


def test_on_paper_nothing_is_folded_away_and_no_page_is_wasted(browser: Browser, folder: Path) -> None:
    page = browser.new_page()
    page.goto((folder / "passing.html").as_uri())
    shown_now = "[...document.querySelectorAll('details pre')].map(one => one.checkVisibility())"
    assert not any(page.evaluate(shown_now)), "on a screen they are folded until somebody asks"
    page.emulate_media(media="print")
    shown = page.evaluate(shown_now)
    assert shown
    assert all(shown)
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") in range(3, 9)
    page.close()


def test_the_first_screen_says_how_it_went_what_was_drilled_and_how_long_it_took(
    browser: Browser, folder: Path
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((folder / "passing.html").as_uri())
    for selector in ("h1", ".drilled", ".figures", ".pictures .wide svg"):
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, f"{selector} is below the first screen"
    page.close()
