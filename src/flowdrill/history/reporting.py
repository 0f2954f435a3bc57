"""`flowdrill report`: the formats of a report, chosen, made and written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from flowdrill.durable_file import replace_durably
from flowdrill.edges.pdf.printing import print_pdf
from flowdrill.edges.runfolder.recorded import check_nothing_is_lost
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.history.run_reports import RENDERERS
from flowdrill.model.result import Report
from flowdrill.report.pdf_page import pdf_page


class Format(StrEnum):
    """What a report is written as."""

    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    JSON = "json"
    OPENMETRICS = "openmetrics"


FILES: Mapping[Format, str] = {
    Format.HTML: "report.html",
    Format.PDF: "report.pdf",
    Format.MARKDOWN: "report.md",
    Format.JUNIT: "junit.xml",
    Format.JSON: "result.json",
    Format.OPENMETRICS: "metrics.prom",
}
OF_A_RUN = tuple(one for one in Format if FILES[one] in RENDERERS)  # what `flowdrill run` writes
STANDARD_OUTPUT = Path("-")


def formats_of(texts: Sequence[str]) -> tuple[Format, ...]:
    """Return the formats that were asked for, each once: `html,pdf`, or one a text. PlanError when one is none."""
    found: list[Format] = []
    for name in (one.strip() for text in texts for one in text.split(",")):
        try:
            found.append(Format(name))
        except ValueError as error:
            known = ", ".join(Format)
            raise PlanError(f"--format {name[:80]!r}: is no format", f"one or more of {known}") from error
    return tuple(dict.fromkeys(found))


def text_of(report: Report, form: Format) -> str:
    """Return a report for standard output; PlanError for one that is no text."""
    if form is Format.PDF:
        raise PlanError("--out -: a PDF is not written to standard output", "name a file: --out report.pdf")
    return RENDERERS[FILES[form]](report)


def places_of(folder: Path, forms: Sequence[Format], out: Path | None) -> dict[Format, Path]:
    """Return the file of each format. Without `out`: in the run folder what `flowdrill run` writes there, and beside it
    what it does not: the digests of a finished run allow no further file. `out` is the file of one format, or the
    folder of all: it is a folder where it is one, has no suffix, or there are several."""
    if out is None:
        named = folder if folder.name not in ("", "..") else folder.resolve()
        return {one: folder / FILES[one] if one in OF_A_RUN else Path(f"{named}.{one}") for one in forms}
    is_folder = os.path.isdir(out)  # noqa: PTH112 - it takes any name, Path does not
    if len(forms) == 1 and out.suffix and not is_folder:
        return {forms[0]: out}
    if os.path.exists(out) and not is_folder:  # noqa: PTH110
        raise PlanError(f"--out {out}: is a file, and there are {len(forms)} formats", "name a folder")
    return {one: out / FILES[one] for one in forms}


def write_formats(report: Report, places: Mapping[Format, Path]) -> None:
    """Write each format to its place; what cannot be made is told before anything is written. PlanError when a place
    is a recorded file's, RunFolderError when a file cannot be written, MissingPartError when what makes one is not
    installed."""
    for path in places.values():
        check_nothing_is_lost(path, "--out")
    made = {path: _bytes_of(report, form) for form, path in places.items()}
    for path, content in made.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_durably(path, content)
        except FileExistsError as error:
            raise RunFolderError(f"{path.parent}: is no folder", "name another place with --out") from error
        except OSError as error:
            raise RunFolderError(f"{path}: {error.strerror}", "name another place with --out, or make room") from error


def _bytes_of(report: Report, form: Format, printed: Callable[[str, bytes], bytes] = print_pdf) -> bytes:
    if form is Format.PDF:
        page = pdf_page(report)
        return printed(page.html, page.identifier)
    return text_of(report, form).encode("utf-8", "backslashreplace")
