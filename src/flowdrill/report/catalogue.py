"""`docs/scenarios.md`: every scenario that ships, by symptom. Made from the files by `make catalogue`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowdrill.model.scenario import Scenario, Symptom
from flowdrill.report.scenario_words import (
    SYMPTOM_WORDS,
    changes_yaml,
    code_words,
    detector_names,
    first_sentence,
    rollback_word,
    rollback_words,
)

_HEAD = """\
# Scenarios that come with flowdrill

<!-- Made by `make catalogue` from scenarios/*/scenario.yaml: change those. -->

A scenario is one way in which a LangFlow release breaks. [The language](../scenarios/README.md) says how to write your
own; `flowdrill scenario try NAME` shows one in seconds, alone and without a drill."""


def render_catalogue(scenarios: Sequence[Scenario]) -> str:
    """Return the page as Markdown, ending with a line end."""
    parts = [_HEAD, _table(scenarios)]
    for symptom in Symptom:
        having = [one for one in scenarios if one.symptom is symptom]
        if having:
            parts.append(f"## {symptom.value}\n\n{_capitalised(SYMPTOM_WORDS[symptom])}.")
            parts += map(_section, having)
    return "\n\n".join(parts) + "\n"


def _table(scenarios: Iterable[Scenario]) -> str:
    lines = ["| scenario | symptom | detected by | a rollback | story |", "| --- | --- | --- | --- | --- |"]
    for symptom in Symptom:
        lines += [
            f"| [{one.scenario}](#{one.scenario}) | {symptom.value} | {detector_names(one.detected_by)} "
            f"| {rollback_word(one)} | {_text(first_sentence(one.story))} |"
            for one in scenarios
            if one.symptom is symptom
        ]
    return "\n".join(lines)


def _section(scenario: Scenario) -> str:
    extends = ", ".join(f"[{name}](#{name})" for name in scenario.extends)
    changes = changes_yaml(scenario.changes).rstrip("\n")
    facts = [
        ("Users see", _text(scenario.seen_by_users)),
        ("Kubernetes sees", _text(scenario.seen_by_kubernetes)),
        ("Must be seen by", detector_names(scenario.detected_by)),
        ("Cannot be seen by", detector_names(scenario.not_detected_by)),
        ("A rollback", _text(rollback_words(scenario))),
        *([("Puts data back", _text(code_words(scenario.recovery.python)))] if scenario.recovery is not None else []),
        *([("Extends", extends + "; the changes above are all of them")] if extends else []),
    ]
    parts = [
        f"### {scenario.scenario}",
        _text(scenario.story),
        f"{_fence(changes)}yaml\n{changes}\n{_fence(changes)}",
        "\n".join(f"- **{label}**: {text}" for label, text in facts),
        f"[scenario.yaml](../scenarios/{scenario.scenario}/scenario.yaml)",
    ]
    return "\n\n".join(parts)


def _fence(text: str) -> str:
    """More backticks than the text has in a row."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence


def _text(text: str) -> str:
    """Markdown on one line that ends no table's cell and holds no HTML: the files are this repository's own."""
    return " ".join(text.split()).replace("<", "&lt;").replace("|", r"\|")


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]
