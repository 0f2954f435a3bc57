"""A digest in a table's cell may break, and nothing else is made to pay for it."""

from __future__ import annotations

from typing import Any

import pytest
import tinyhtml5

from flowdrill.edges.pdf.long_words import let_long_words_break

DIGEST = f"sha256:{'5a' * 32}"


def cell_of(inner: str, tag: str = "td") -> Any:
    page = f"<table><tr><{tag}>{inner}</{tag}></tr></table>" if tag != "dd" else f"<dl><dd>{inner}</dd></dl>"
    root = tinyhtml5.parse(page, namespace_html_elements=False)
    let_long_words_break(root)
    return next(root.iter(tag))


@pytest.mark.parametrize("tag", ["td", "th", "dd"])
def test_a_cell_with_a_long_word_lets_it_break(tag: str) -> None:
    assert cell_of(DIGEST, tag).get("class") == "long-words"
    assert cell_of(f"<p class='code'>at {DIGEST}</p>", tag).get("class") == "long-words"


def test_a_cell_of_short_words_stays_as_it_is() -> None:
    assert cell_of("every replica on the stable digest, " * 9).get("class") is None


def test_a_word_that_is_put_together_counts_whole() -> None:
    assert cell_of(f"<b>{DIGEST[:20]}</b>{DIGEST[20:40]}").get("class") == "long-words"


@pytest.mark.parametrize(
    ("inner", "span", "tail"),
    [
        (f"<span>Plan:</span> {DIGEST}", "Plan: ", DIGEST),
        (f"<span><b>Plan</b>:</span>\n {DIGEST}", "Plan: ", DIGEST),
        (f"<span>Plan:</span>{DIGEST}", "Plan:", DIGEST),
        (f"<span>{DIGEST}</span> ", DIGEST, " "),
    ],
)
def test_the_space_behind_a_span_is_kept_and_no_text_begins_with_it(inner: str, span: str, tail: str) -> None:
    found = next(cell_of(inner).iter("span"))
    assert "".join(found.itertext()) == span
    assert found.tail == tail
