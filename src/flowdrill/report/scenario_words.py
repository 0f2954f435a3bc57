"""What a scenario changes and shows, in words: one vocabulary for the terminal and for the catalogue."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from flowdrill.analysis.redaction import redact
from flowdrill.analysis.workload_changes import beside_the_container
from flowdrill.model.flow_operations import Code
from flowdrill.model.scenario import Changes, Detector, EnvChanges, Scenario, Symptom, WorkloadChanges
from flowdrill.model.strict import Strict
from flowdrill.report.yaml_text import yaml_text

SYMPTOM_WORDS = {
    Symptom.BAD_ANSWERS: "requests fail, or are answered wrongly",
    Symptom.SLOW_ANSWERS: "requests take longer than the latency objective",
    Symptom.NO_SERVICE: "connections fail",
    Symptom.STALLED_ROLLOUT: "users see nothing: the broken version never gets ready, and the old one goes on serving",
    Symptom.NOTHING: "nothing at all: a control, on which no detector may fire",
}
DETECTOR_WORDS = {
    Detector.SEQUENTIAL: "sequential (looks at the answers)",
    Detector.KUBERNETES: "kubernetes (looks at pods and rollout)",
}
_SENTENCE = re.compile(r".+?[.!?](?=\s|$)", re.DOTALL)
_LONGEST_LINE = 160  # characters of one change


def first_sentence(text: str) -> str:
    """Return the first sentence of a story, on one line."""
    found = _SENTENCE.match(text.strip())
    return " ".join((found[0] if found else text).split())


def rollback_word(scenario: Scenario) -> str:
    """Return whether a rollback ends it, in a word or two."""
    if scenario.symptom is Symptom.NOTHING:
        return "no need"
    return "helps" if scenario.rollback_helps else "does not help"


def rollback_words(scenario: Scenario) -> str:
    """Return whether a rollback ends it, and why."""
    if scenario.symptom is Symptom.NOTHING:
        return "there is nothing to end"
    if scenario.rollback_helps:
        return "helps: the stable image, and what came with it, ends it"
    if scenario.recovery is not None:
        return "does not help: the release changed data, which a rollback leaves as it is"
    return "does not help: what broke is no part of the release"


def detector_names(detectors: Iterable[Detector]) -> str:
    """Return the detectors' names, `none` where there is none."""
    return ", ".join(detectors) or "none"


def change_lines(changes: Changes) -> tuple[str, ...]:
    """Return one line for each change, without secrets."""
    return tuple(_shortened(redact(line)) for line in _lines(changes))


def changes_yaml(changes: Changes) -> str:
    """Return changes as they are written in a scenario file, every one in full; `{}` where there is none."""
    return yaml_text(written(changes))


def code_words(codes: tuple[Code, ...]) -> str:
    """Return what code every Python of a container runs at its start."""
    return "; ".join(_code(code) for code in codes)


def _lines(changes: Changes) -> Iterator[str]:
    if changes.candidate is not None:
        what = changes.candidate.image or f"the stable image with the flow {changes.candidate.source}"
        yield f"the candidate: {what}"
    for change in changes.flow:
        yield f"flow: {_operation(change)}"
    for code in changes.python:
        yield f"every Python of the container runs at its start: {_code(code)}"
    for file in changes.files.add:
        what = f"{len(file.text.encode())} bytes" if file.text is not None else f"the scenario's {file.source}"
        yield f"file {file.path}: {what}"
    yield from (f"file {path}: removed" for path in changes.files.remove)
    yield from _env_lines("image", changes.env)
    if changes.command is not None:
        yield f"image, command: {' '.join(changes.command)}"
    yield from _workload_lines(changes.workload)
    if changes.provider is not None:
        yield f"the model provider's mode: {changes.provider.mode}"


def _workload_lines(workload: WorkloadChanges) -> Iterator[str]:
    yield from _env_lines("pod template", workload.env)
    parts = written(workload)
    for name in (one for one in parts if one not in ("env", "config_map")):
        where = "" if name in beside_the_container(workload) else "pod template, "
        yield f"{where}{name.replace('_', ' ')}: {_flow_style(parts[name])}"
    if workload.config_map is not None:
        which = "/".join(filter(None, (workload.config_map.name, workload.config_map.key)))
        for change in workload.config_map.flow:
            yield f"ConfigMap {which or 'that holds the flow'}, flow: {_operation(change)}"


def _env_lines(where: str, env: EnvChanges) -> Iterator[str]:
    yield from (f"{where}, env {name}={value}" for name, value in env.set.items())
    yield from (f"{where}, env without {name}" for name in env.unset)


def _operation(change: Strict) -> str:
    """`remove_edges {into: {place: output}}`: as it is written, on one line."""
    ((name, operation),) = written(change).items()
    return f"{name} {_flow_style(operation)}"


def _code(code: Code) -> str:
    return _one_line(code.code) if code.code is not None else f"the scenario's {code.source}"


def _flow_style(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow_style(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow_style, value)) + "]"
    return _one_line(value) if isinstance(value, str) else json.dumps(value)


def _one_line(text: str) -> str:
    return " / ".join(text.strip().splitlines())


def _shortened(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"


def written(model: Strict) -> dict[str, Any]:
    """Return a part of a scenario as its file has it, without what is left at its default."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
