"""A page as PDF, by WeasyPrint: part of `flowdrill[pdf]`, imported when a PDF is asked for.

Nothing is fetched, whatever stands in the page. The same page gives the same bytes with the same WeasyPrint and the
same fonts: what would differ from time to time (dates, the file's identifier) is the caller's.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flowdrill.edges.pdf.long_words import let_long_words_break
from flowdrill.errors import MissingPartError

_VARIANT = "pdf/ua-1"  # tagged, with its language: for screen readers
_LIBRARIES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"


def print_pdf(page: str, identifier: bytes, load: Callable[[str], ModuleType] = importlib.import_module) -> bytes:
    """Return the PDF of an HTML page, styled as for print. MissingPartError when WeasyPrint or what it draws text with
    is not installed."""
    weasyprint = _weasyprint(load)
    from flowdrill.edges.pdf.picture_styles import give_pictures_their_styles  # noqa: PLC0415 - needs what it brings

    document = weasyprint.HTML(string=page, url_fetcher=_no_fetcher())
    give_pictures_their_styles(document.wrapper_element)
    let_long_words_break(document.etree_element)
    written: bytes = document.write_pdf(pdf_identifier=identifier, pdf_variant=_VARIANT)
    return written


def _weasyprint(load: Callable[[str], ModuleType]) -> Any:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a page of advice when a library is missing
            return load("weasyprint")
    except ModuleNotFoundError as error:
        raise MissingPartError(
            f"a PDF needs WeasyPrint, and it is not installed ({error.name} is missing)",
            "pip install 'flowdrill[pdf]'; or print report.html from a browser",
        ) from error
    except OSError as error:
        raise MissingPartError(
            f"a PDF needs Pango, which WeasyPrint draws text with, and it cannot be loaded: {str(error)[:200]}",
            f"Debian and Ubuntu: apt-get install {_LIBRARIES}; macOS: brew install pango",
        ) from error


def _no_fetcher() -> Any:
    """What a page embeds (`data:`) is read, and nothing else: no network, no file."""
    from weasyprint.urls import URLFetcher  # noqa: PLC0415 - only where WeasyPrint is

    return URLFetcher(allowed_protocols=("data",), allow_redirects=False)
