"""Scenarios for a terminal: all of them as a table, one of them with everything about it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from flowdrill.model.scenario import Scenario
from flowdrill.report.scenario_words import (
    DETECTOR_WORDS,
    SYMPTOM_WORDS,
    change_lines,
    code_words,
    detector_names,
    first_sentence,
    rollback_word,
    rollback_words,
    written,
)

_NARROWEST_STORY = 30
_LABEL = 19


def render_scenario_table(scenarios: Sequence[Scenario], width: int) -> str:
    """Return a table of at most `width` columns, where that is possible, ending with a line end."""
    head = ("NAME", "SYMPTOM", "DETECTED BY", "ROLLBACK")
    rows = [(one.scenario, one.symptom.value, detector_names(one.detected_by), rollback_word(one)) for one in scenarios]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    left = sum(widths) + 2 * len(widths)
    lines = [_row(head, widths) + "STORY"]
    for one, row in zip(scenarios, rows, strict=True):
        told = textwrap.wrap(first_sentence(one.story), max(width - left, _NARROWEST_STORY)) or [""]
        lines += [_row(row, widths) + told[0], *(" " * left + more for more in told[1:])]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def render_scenario(scenario: Scenario, width: int) -> str:
    """Return everything about one scenario, `width` columns wide, ending with a line end."""
    changes = change_lines(scenario.changes) or ("nothing",)
    parts = [
        ("story", scenario.story),
        *([("extends", ", ".join(scenario.extends))] if scenario.extends else []),
        *([("flow file", scenario.flow_file)] if scenario.flow_file else []),
        *(("changes" if number == 0 else "", line) for number, line in enumerate(changes)),
        *([("puts data back", code_words(scenario.recovery.python))] if scenario.recovery is not None else []),
        ("symptom", f"{scenario.symptom.value}: {SYMPTOM_WORDS[scenario.symptom]}"),
        ("users see", scenario.seen_by_users),
        ("Kubernetes sees", scenario.seen_by_kubernetes),
        ("must be seen by", ", ".join(DETECTOR_WORDS[one] for one in scenario.detected_by) or "no detector"),
        ("cannot be seen by", ", ".join(DETECTOR_WORDS[one] for one in scenario.not_detected_by) or "no detector"),
        ("a rollback", rollback_words(scenario)),
    ]
    lines = [scenario.scenario, *(line for label, text in parts for line in _paragraph(label, text, width))]
    return "\n".join(lines) + "\n"


def scenario_facts(scenario: Scenario) -> dict[str, Any]:
    """Return a scenario as `--json` prints it: with defaults; its changes as they are written, composed with those of
    the scenarios it extends, and as lines for people."""
    facts = scenario.model_dump(mode="json", exclude={"changes"})
    return facts | {"changes": written(scenario.changes), "change_lines": list(change_lines(scenario.changes))}


def scenario_row(scenario: Scenario) -> dict[str, Any]:
    """Return one row of `scenario list --json`."""
    facts = scenario.model_dump(mode="json")
    kept = ("scenario", "symptom", "detected_by", "not_detected_by", "rollback_helps")
    return {**{name: facts[name] for name in kept}, "story": first_sentence(scenario.story)}


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"{cell:<{wide}}  " for cell, wide in zip(cells, widths, strict=True))


def _paragraph(label: str, text: str, width: int) -> list[str]:
    wide = max(width - _LABEL - 2, _NARROWEST_STORY)
    lines = textwrap.wrap(" ".join(text.split()), wide, break_on_hyphens=False) or [""]
    return [f"  {label if number == 0 else '':<{_LABEL}}{line}" for number, line in enumerate(lines)]
