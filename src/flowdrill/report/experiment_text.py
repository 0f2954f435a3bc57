"""An experiment of Chaos Toolkit as a file, by what the file is called."""

from __future__ import annotations

import json

from pydantic import JsonValue

from flowdrill.report.yaml_text import yaml_text

_HEAD = "# Written by `flowdrill export`; `chaos run` carries it out. See docs/chaos-toolkit.md.\n"


def render_experiment(experiment: dict[str, JsonValue], *, as_json: bool) -> str:
    """Return it, ending with a line end: as JSON, or as YAML with what it is called by."""
    if as_json:
        return json.dumps(experiment, indent=2, ensure_ascii=False) + "\n"
    return _HEAD + yaml_text(experiment)
