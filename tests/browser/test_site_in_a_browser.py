"""A site as people see it: in a real Chromium, in light, dark, print and on a phone, with a script and without."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.test_report_in_a_browser import LOOKS, OUTSIDE, Look
from tests.unit.report.sample_site import EXPECTED, fill, pages_of

CHROMIUM = shutil.which("chromium")
PAGES = sorted(page.stem for page in EXPECTED.glob("*.html") if not page.stem.startswith("trend-edge-missing-4"))
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module", name="site")
def _site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("history")
    fill(folder)
    pages_of(folder)
    return folder / "site"


def shown(page: Page) -> int:
    return int(
        page.evaluate("[...document.querySelectorAll('#runs tbody tr')].filter(o => o.checkVisibility()).length")
    )


@pytest.mark.parametrize("look", [*LOOKS, Look("tablet", 700)], ids=lambda look: look.name)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_fits_and_can_be_read_by_everybody(
    name: str, look: Look, browser: Browser, site: Path
) -> None:
    context = browser.new_context(viewport={"width": look.width, "height": 900}, color_scheme=look.scheme)
    page, asked, complaints = context.new_page(), list[str](), list[str]()
    page.on("request", lambda one: asked.append(one.url))
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.emulate_media(media=look.media)
    page.goto((site / f"{name}.html").as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    if kept := os.environ.get("FLOWDRILL_SCREENSHOTS"):
        page.screenshot(path=Path(kept) / f"site-{name}-{look.name}.png", full_page=True)
    assert asked == [(site / f"{name}.html").as_uri()], "a request left the file"
    assert complaints == []
    assert page.evaluate(OUTSIDE) == []
    found = Axe().run(page, options=look.axe_options).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
    context.close()


def test_the_filters_show_some_of_the_runs_and_a_link_remembers_which(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    assert (shown(page), page.locator("#shown").inner_text()) == (8, "8 of 8 runs")
    page.select_option("[name=verdict]", "fail")
    page.fill("[name=text]", "2026-11-24 STATEFULSET")
    assert (shown(page), page.locator("#shown").inner_text()) == (1, "1 of 8 runs")
    remembered = page.url
    page.click("text=Show all")
    page.wait_for_function("document.getElementById('shown').textContent === '8 of 8 runs'")
    other = browser.new_page()
    other.goto(remembered)
    assert (shown(other), other.input_value("[name=text]")) == (1, "2026-11-24 STATEFULSET")
    other.close()
    page.close()


def test_a_link_from_a_trend_leads_to_its_runs(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto(next(site.glob("trend-edge-missing-statefulset-*.html")).as_uri())
    page.click("text=in the index")
    assert (shown(page), page.input_value("[name=drill]")) == (5, "edge-missing-statefulset")
    page.close()


def test_without_a_script_everything_is_there_to_read(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    assert page.locator("#runs tbody tr").count() == 8
    assert page.locator("#runs tbody tr").last.is_visible()
    assert not page.locator("#filters").is_visible()
    context.close()
