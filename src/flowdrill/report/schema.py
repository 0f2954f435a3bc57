"""The JSON Schemas in `schemas/`: of the result that is written, and of the plans that are read."""

from __future__ import annotations

import json
from typing import Literal

from flowdrill.model.advisories import Advisories
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import DrillPlan
from flowdrill.model.preflight import PreflightResult
from flowdrill.model.repeats import Repeats
from flowdrill.model.replay import Replay
from flowdrill.model.result import Result
from flowdrill.model.scenario import Scenario
from flowdrill.model.suite import Suite

SchemaName = Literal["result", "drill", "scenario", "suite", "preflight", "plan", "advisories", "replay", "repeats"]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(name: SchemaName) -> str:
    """Return the text of `schemas/{name}.v1.json`, ending with a line end."""
    match name:
        case "result":
            schema = Result.model_json_schema(mode="serialization")
        case "drill":
            schema = Drill.model_json_schema(mode="validation")
        case "scenario":
            schema = Scenario.model_json_schema(mode="validation")
        case "suite":
            schema = Suite.model_json_schema(mode="validation")
        case "preflight":
            schema = PreflightResult.model_json_schema(mode="serialization")
        case "plan":
            schema = DrillPlan.model_json_schema(mode="serialization")
        case "advisories":
            schema = Advisories.model_json_schema(mode="validation")
        case "replay":
            schema = Replay.model_json_schema(mode="serialization")
        case "repeats":
            schema = Repeats.model_json_schema(mode="serialization")
    return json.dumps({"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
