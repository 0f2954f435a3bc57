"""Whatever text a run, a folder's name or a ledger holds: the site shows it, and runs nothing of it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from pydantic import ValidationError

from flowdrill.analysis.comparison import RunToCompare, comparison_of
from flowdrill.analysis.history import history_run
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import RunFolderError
from flowdrill.model.history import History, HistoryRun, LedgerSeen, UnreadableRun
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.result import Verdict
from flowdrill.report.comparison_text import render_comparison, render_comparison_json
from flowdrill.report.site import render_site
from tests.unit.report.sample_history import digest, history, run
from tests.unit.report.test_hostile_everywhere import (
    HOSTILE,
    OWN,
    Report,
    _dumped,
    _Elements,
    _title,
    hostile,
    places_in,
    with_hostile_text,
)

__all__ = ["hostile"]  # a fixture of that module
_OURS = "\n\t\xa0"
_HALF = "\ud800"  # a half of a surrogate pair, as a folder's name may have one


def hostile_history() -> History:
    """Such a text in every place of a history that may have one."""
    document, changed = run("2026-11-20").model_dump(mode="json"), 0
    for path in places_in(document):
        if path == ("started",):
            continue
        tried = with_hostile_text(document, path)
        try:
            HistoryRun.model_validate_json(json.dumps(tried))
        except ValidationError:
            continue  # one of few words
        document, changed = tried, changed + 1
    assert changed >= 10
    one = HistoryRun.model_validate_json(json.dumps(document))
    folder = f"{HOSTILE}{_HALF}".replace("/", "|")
    runs = (
        run("2026-11-19", drill=one.drill, namespace=one.namespace, workload=one.workload, cluster=one.cluster),
        one.model_copy(update={"folder": folder, "verdict": Verdict.INCONCLUSIVE}),
        one.model_copy(update={"folder": folder, "has_report": False, "stable_digest": digest(3)}),
    )
    entry = LedgerEntry(1, HOSTILE, HOSTILE, HOSTILE, one.id, HOSTILE, HOSTILE, HOSTILE)
    ledgers = tuple(LedgerSeen(Ledger(HOSTILE, (entry,)), problem) for problem in (None, HOSTILE))
    unreadable = (UnreadableRun(folder=folder, reason=HOSTILE, remedy=HOSTILE),)
    return replace(history(*runs, unreadable=unreadable), ledgers=ledgers)


def test_every_page_shows_it_as_text() -> None:
    pages = render_site(hostile_history(), f"../{HOSTILE}")
    assert escape(f"<script>{OWN}</script>", quote=False) in pages["index.html"].replace("&#39;", "'")
    for name, text in pages.items():
        for raw in (f"<script>{OWN}", "<img src=x", "<svg onload", "</title></style>", '<a href="javascript:'):
            assert raw not in text, name
        assert not [one for one in text if not one.isprintable() and one not in _OURS], name
        assert not re.findall(r'href="(?!\.\.?/|[a-z0-9-]+\.html(?:#|")|#)', text), name
        text.encode()


def test_the_style_and_the_script_of_a_page_are_ours_alone() -> None:
    pages, ours = render_site(hostile_history(), ".."), render_site(history(run()), "..")
    for name in ("index.html", "matrix.html"):
        for element in ("style", "script"):
            found, expected = (re.findall(rf"(?s)<{element}>(.*?)</{element}>", page[name]) for page in (pages, ours))
            assert found == expected


def test_a_result_with_such_a_text_everywhere_is_a_row(hostile: Report) -> None:
    result = hostile.result
    with pytest.raises(RunFolderError, match="no time of its start"):
        history_run("x", result, None, has_report=True)
    timed = result.model_copy(update={"run": result.run.model_copy(update={"started": "2026-11-20T09:30:00Z"})})
    row = history_run("x", timed, None, has_report=True)
    assert row.day == "2026-11-20"
    assert len(row.reason) <= 300
    assert f"<script>{OWN}" not in render_site(history(row), "..")["index.html"]


def test_a_comparison_of_such_results_steers_no_terminal(hostile: Report) -> None:
    result = hostile.result
    other = result.model_copy(update={"run": result.run.model_copy(update={"cluster": HOSTILE}), "detections": ()})
    plan = {"drill": {HOSTILE: HOSTILE}}
    found = comparison_of(RunToCompare(HOSTILE, plan, result), RunToCompare("b", {}, other))
    said = visible(render_comparison(found))
    assert "owned" in said
    assert not [one for one in said if not one.isprintable() and one != "\n"]
    assert render_comparison_json(found).isascii()


needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")


@needs_browser
def test_nothing_is_wider_than_a_phone_or_a_desk(tmp_path: Path) -> None:
    pages = render_site(hostile_history(), "..")
    frames = [
        f'<iframe class="{name}" width="{width}" height="900" srcdoc="{escape(text)}"></iframe>'
        for name, text in pages.items()
        for width in (390, 1280)
    ]
    measure = (
        "onload = () => { document.title = JSON.stringify(Array.from(document.querySelectorAll('iframe'), (one) => "
        "[one.className, one.clientWidth, one.contentDocument.documentElement.scrollWidth])); }"
    )
    wrapper = tmp_path / "frames.html"
    wrapper.write_text(f"<title>x</title><script>{measure}</script>{''.join(frames)}", encoding="utf-8")
    measured = json.loads(_title(_dumped(wrapper, tmp_path)) or "")
    assert len(measured) == len(frames)
    for name, width, needed in measured:
        assert needed <= width, f"{name} needs {needed} pixels of {width}"


class _Place(type(Path())):  # type: ignore[misc]
    """A page with what stands behind `#`."""

    def as_uri(self) -> str:
        return f"{super().as_uri()}#verdict=inconclusive&text=EDGE"


@needs_browser
def test_the_filters_show_the_runs_that_a_link_names(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(render_site(hostile_history(), "..")["index.html"], encoding="utf-8")
    dumped = _dumped(_Place(tmp_path / "index.html"), tmp_path)
    assert "1 of 3 runs" in dumped
    assert dumped.count('<tr hidden="">') == 2


@needs_browser
def test_a_browser_runs_nothing_of_it_but_the_filters(tmp_path: Path) -> None:
    for name, text in render_site(hostile_history(), "..").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name in ("index.html", "ledger.html", next(tmp_path.glob("trend-*")).name):
        page = tmp_path / name
        dumped = _dumped(page, tmp_path)
        assert _title(dumped) == _title(page.read_text("utf-8")), "its own title is all that it has"
        seen = _Elements()
        seen.feed(dumped)
        assert not [one for one, _ in seen.attributes if one.startswith("on")], "an element has a handler"
        assert not [value for _, value in seen.attributes if (value or "").strip().startswith("javascript:")]
        if name == "index.html":
            assert "3 of 3 runs" in dumped, "the filters do not work"
            assert dict(seen.attributes).get("id") is not None
