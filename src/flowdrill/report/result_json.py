"""`result.json`: the result for programs."""

from __future__ import annotations

import json

from flowdrill.model.result import Report


def render_result_json(report: Report) -> str:
    """Return the result as indented JSON in the order of the schema, numbers exact, ending with a line end.
    Only ASCII, so that nothing in it can steer a terminal."""
    document = report.result.model_dump(mode="json", by_alias=True)
    document["requests"]["by_reason"] = dict(sorted(document["requests"]["by_reason"].items()))
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
