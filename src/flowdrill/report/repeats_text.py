"""What several runs come to: for a terminal, for programs, and as Markdown."""

from __future__ import annotations

import json
import textwrap

from flowdrill.model.claim import Claimed
from flowdrill.model.quantity import format_ratio
from flowdrill.model.repeats import Repeats
from flowdrill.report.markdown import escape_markdown, markdown_table
from flowdrill.report.preflight_text import text_table
from flowdrill.report.repeats_words import (
    CLAIMED_WORDS,
    COUNTS_WORDS,
    METHOD,
    bounds_words,
    claim_words,
    head_sentence,
    interval_words,
    median_words,
    needed_words,
    no_drill_sentence,
    run_words,
    slowest_words,
    stopped_sentence,
    supported_words,
    time_words,
)
from flowdrill.report.safe_text import visible_text

_WIDTH = 118  # of sentences


def render_repeats_json(repeats: Repeats) -> str:
    """Return everything for programs: only ASCII; ending with a line end."""
    return json.dumps(repeats.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def render_repeats_text(repeats: Repeats) -> str:
    """Return what a terminal shows, ending with a line end."""
    blocks = ["\n".join(textwrap.fill(one, _WIDTH, subsequent_indent="  ") for one in _head(repeats))]
    if repeats.medians:
        blocks.append(text_table([one.upper() for one in _median_columns(repeats)], _medians(repeats)))
    blocks.append("\n".join(f"  {claimed}\n{_indented(told)}" for claimed, told in _claims(repeats)))
    blocks.append(text_table([one.upper() for one in _run_columns(repeats)], _runs(repeats)))
    return "\n\n".join(blocks) + "\n"


def _indented(sentence: str) -> str:
    return textwrap.fill(sentence, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 6)


def render_repeats_markdown(repeats: Repeats) -> str:
    """Return GitHub-flavoured Markdown, ending with a line end."""
    head, *rest = _head(repeats)
    blocks = [f"## {escape_markdown(head)}", *(escape_markdown(one) for one in rest)]
    if repeats.medians:
        blocks.append(_table(_median_columns(repeats), _medians(repeats)))
    blocks.append("\n".join(f"- {escape_markdown(': '.join(claim))}" for claim in _claims(repeats)))
    blocks.append(_table(_run_columns(repeats), _runs(repeats)))
    blocks.append("\n".join(f"- **{escape_markdown(name)}.** {escape_markdown(said)}" for name, said in METHOD))
    return "\n\n".join(blocks) + "\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return markdown_table([escape_markdown(cell) for cell in head], [[*map(escape_markdown, row)] for row in rows])


def _head(repeats: Repeats) -> list[str]:
    told = [stopped_sentence(repeats), no_drill_sentence(repeats)]
    return [
        f"{visible_text(repeats.drill)}: {head_sentence(repeats)}",
        f"On {visible_text(repeats.workload)}, plan {visible_text(repeats.plan_digest)}.",
        *(visible_text(one) for one in told if one is not None),
        *(f"Note: {one}." for one in repeats.notes),
    ]


def _median_columns(repeats: Repeats) -> tuple[str, ...]:
    return ("Time", "Median", "Bounds", f"{format_ratio(repeats.confidence)} interval of it", "Slowest")


def _medians(repeats: Repeats) -> list[tuple[str, ...]]:
    return [
        (CLAIMED_WORDS[one.what], median_words(one), bounds_words(one), interval_words(one), slowest_words(one))
        for one in repeats.medians
    ]


def _claims(repeats: Repeats) -> list[tuple[str, str]]:
    """What is claimed, and how far the runs support it."""
    return [
        (claim_words(one), f"{supported_words(one, repeats.confidence)}; {needed_words(one)}") for one in repeats.claims
    ]


def _run_columns(repeats: Repeats) -> tuple[str, ...]:
    return ("Run", "Verdict", "Counts as", *(CLAIMED_WORDS[what] for what in shown_times(repeats)), "Why")


def _runs(repeats: Repeats) -> list[tuple[str, ...]]:
    return [
        (
            visible_text(run.folder, 120),
            run.verdict.value,
            COUNTS_WORDS[run.counts],
            *(
                time_words(next((time for time in run.times if time.what is what), None))
                for what in shown_times(repeats)
            ),
            visible_text(run_words(run), 120),
        )
        for run in repeats.runs
    ]


def shown_times(repeats: Repeats) -> tuple[Claimed, ...]:
    """Return the times that these runs are about."""
    return tuple(one.what for one in repeats.medians)
