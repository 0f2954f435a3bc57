"""`report.pdf`: the same report on paper, read back page by page."""

from __future__ import annotations

import io
import re
import socket
import threading
from pathlib import Path
from types import ModuleType

import pytest
from pypdf import PdfReader

from flowdrill.edges.pdf.printing import print_pdf
from flowdrill.errors import MissingPartError
from flowdrill.history.reporting import Format, write_formats
from flowdrill.history.run_reports import read_report
from flowdrill.model.result import Report
from flowdrill.report.pdf_page import pdf_page
from tests.unit.report import sample_reports

GOLDEN = Path(__file__).parents[2] / "golden"
IDENTIFIER = bytes(16)
_POINTS = 0.75  # of a pixel
_NARROW = 0.42  # of the font's size: a character is at least so wide on average
PIXEL = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


def printed(html: str) -> PdfReader:
    try:
        return PdfReader(io.BytesIO(print_pdf(html, IDENTIFIER)))
    except MissingPartError as error:
        pytest.skip(f"no PDF can be made here: {error.problem}")


def pdf_of(report: Report) -> PdfReader:
    return printed(pdf_page(report).html)


def text_of(pdf: PdfReader) -> str:
    """All its text, with single spaces."""
    return " ".join(" ".join(page.extract_text() for page in pdf.pages).split())


@pytest.fixture(scope="module", name="report")
def _report() -> Report:
    return read_report(GOLDEN / "rollback-as-on-call")


@pytest.fixture(scope="module", name="pdf")
def _pdf(report: Report) -> PdfReader:
    return pdf_of(report)


@pytest.fixture(scope="module", name="small")
def _small() -> Report:
    """A run that was refused: a page or two."""
    return read_report(GOLDEN / "image-gone")


def test_it_says_what_was_tested_when_on_what_and_with_what_result(pdf: PdfReader, report: Report) -> None:
    text, run = text_of(pdf), report.result.run
    assert text.count("Pass") >= len(pdf.pages)
    for said in (run.drill, run.scenario, run.namespace, run.cluster, run.started, run.kubernetes_version):
        assert said in text
    for measure in ("Time to detect", "Time to recover", "Reaction", "Outage"):
        assert measure in text
    for value in ("1.01 s", "22 ms", "17.11 s", "18.14 s", "between 16.97 s and 17.25 s", "at most 1 min 00 s"):
        assert value in text
    digest = report.result.images.stable
    assert digest is not None
    assert digest.digest in text.replace(" ", "")


def test_every_page_says_which_run_it_is_of_how_it_ended_and_how_many_there_are(pdf: PdfReader, report: Report) -> None:
    assert 3 <= len(pdf.pages) <= 12
    for number, page in enumerate(pdf.pages, 1):
        text = page.extract_text()
        assert report.result.run.id in text
        assert "Pass" in text
        assert f"Page {number} of {len(pdf.pages)}" in text
        assert [round(float(side)) for side in (page.mediabox.width, page.mediabox.height)] == [595, 842], "A4"


def test_what_it_says_of_itself_is_the_runs(pdf: PdfReader, report: Report) -> None:
    told, run = pdf.metadata, report.result.run
    assert told is not None
    assert told.title == f"Pass: {run.drill}, {run.started}"
    assert told.author == f"flowdrill {run.tool_version}"
    assert run.id in (told.keywords or "")
    assert told.creation_date is not None
    assert told.creation_date.isoformat() == f"{run.started[:19]}+00:00"
    root = pdf.trailer["/Root"].get_object()
    assert root["/MarkInfo"]["/Marked"], "readers that speak find its structure"  # type: ignore[index]
    assert root["/Lang"] == "en"  # type: ignore[index]


def test_its_pictures_have_their_text_and_their_colours(pdf: PdfReader) -> None:
    text = text_of(pdf)
    assert "Requests per second" in text
    assert "time since the run began" in text
    drawn = b"".join(page.get_contents().get_data() for page in pdf.pages)  # type: ignore[union-attr]
    colours = {match[0] for match in re.finditer(rb"[\d.]+ [\d.]+ [\d.]+ rg", drawn)}
    assert len(colours) > 8, "everything is black"


@pytest.fixture(scope="module", name="audited")
def _audited() -> PdfReader:
    return pdf_of(read_report(GOLDEN / "audited"))


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("what was tested", ["edge-missing", "deployment/langflow-greeting", "flowdrill-demo"]),
        ("when", ["2026-11-22T22:23:41.901Z"]),
        ("by whom", ["Ada Lovelace", "Grace Hopper", "Alan Turing"]),
        ("with what result against what target", ["Fail", "at most 5.00 s", "not measured"]),
        ("how is it known", ["CLOCK_MONOTONIC", "How this was measured"]),
        ("what was wrong", ["MANIFEST_UNKNOWN", "5 findings"]),
        ("who sees to it until when", ["platform team", "2026-12-06"]),
        ("when is it tested again", ["To be tested again on 2027-02-20"]),
        ("who signs", ["Signature", "Reviewed this report"]),
    ],
)
def test_an_auditor_finds_the_answer_on_paper(audited: PdfReader, question: str, answers: list[str]) -> None:
    text = text_of(audited)
    assert [one for one in answers if one not in text] == [], question


def test_no_line_is_wider_than_its_page(audited: PdfReader, pdf: PdfReader) -> None:
    lines: list[tuple[float, str]] = []

    def seen(text: str, cm: list[float], tm: list[float], font: object, size: float) -> None:
        if text.strip() and cm[:2] == [_POINTS, 0] and tm[:2] == [1, 0]:  # pictures have a scale of their own
            lines.append((_POINTS * (tm[4] + _NARROW * size * len(text.strip())), text))

    for page in (*audited.pages, *pdf.pages):
        page.extract_text(visitor_text=seen)
    assert len(lines) > 500
    assert max(end for end, _ in lines) > 400, "it measures something"
    assert [text for end, text in lines if end > 595] == []


def test_the_same_run_gives_the_same_bytes(small: Report, tmp_path: Path) -> None:
    for name in ("a.pdf", "b.pdf"):
        try:
            write_formats(small, {Format.PDF: tmp_path / name})
        except MissingPartError as error:
            pytest.skip(f"no PDF can be made here: {error.problem}")
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()
    other = small.model_copy(update={"requests_per_second": 21.0})
    assert pdf_page(small).identifier == pdf_page(small).identifier != pdf_page(other).identifier


def test_a_run_that_was_cut_off_says_so_on_its_first_page() -> None:
    first = pdf_of(sample_reports.cut_off()).pages[0].extract_text()
    assert "Inconclusive" in first
    assert "the harness was killed" in first


def test_hostile_text_is_text_in_the_head_of_the_page() -> None:
    html = pdf_page(sample_reports.hostile()).html
    head, body = html.split("<body>", 1)
    assert head.count("<script") == body.count("<script") == 0
    assert head.count('content="') == head.count("<meta ") - 1, "each has one value, but for the one of the charset"
    assert "&lt;script&gt;" in body.partition("</div>")[0]


def test_nothing_is_fetched_but_what_the_page_brings(tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("<p>a secret</p>")
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked = threading.Event()

        def listen() -> None:
            try:
                server.accept()[0].close()
            except OSError:
                return
            asked.set()

        listener = threading.Thread(target=listen)
        listener.start()
        there = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        pdf = printed(
            f'<link rel="stylesheet" href="{there}.css"><link rel="attachment" href="{secret.as_uri()}">'
            f"<style>@import url({there}); p {{ background: url({there}.png) }}</style>"
            f'<p>seen</p><img src="{there}.png"><img src="{secret.as_uri()}"><object data="{secret.as_uri()}"></object>'
            f'<svg width="9" height="9"><image href="{there}.svg" width="9" height="9"/></svg><img src="{PIXEL}">'
        )
        server.shutdown(socket.SHUT_RDWR)
        listener.join(10)
    assert not asked.is_set()
    assert text_of(pdf) == "seen"
    assert not pdf.attachments
    assert len(pdf.pages[0].images) == 1, "what is in the page itself is drawn"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'weasyprint'", name="weasyprint"), r"pip install 'flowdrill\[pdf\]'"),
        (OSError("cannot load library 'libpango-1.0-0'"), "apt-get install libpango-1.0-0"),
    ],
)
def test_what_is_missing_is_one_error_that_says_how_to_get_it(error: Exception, said: str) -> None:
    def load(name: str) -> ModuleType:
        raise error

    with pytest.raises(MissingPartError, match=said):
        print_pdf("<p>x</p>", IDENTIFIER, load)
