"""The JSON Schemas in `schemas/`: of the result that is written, and of the plans that are read."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import BaseModel

from flowdrill.model.advisories import Advisories
from flowdrill.model.comparison import Comparison
from flowdrill.model.controls import Controls
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import DrillPlan
from flowdrill.model.evidence_search import EvidenceAnswer
from flowdrill.model.fleet import FleetResult
from flowdrill.model.gate import GateResult
from flowdrill.model.preflight import PreflightResult
from flowdrill.model.repeats import Repeats
from flowdrill.model.replay import Replay
from flowdrill.model.result import Result
from flowdrill.model.scenario import Scenario
from flowdrill.model.suite import Suite

SchemaName = Literal[
    "result",
    "drill",
    "scenario",
    "suite",
    "preflight",
    "plan",
    "advisories",
    "controls",
    "replay",
    "repeats",
    "compare",
    "gate",
    "fleet",
    "evidence",
]
_WRITTEN: dict[str, type[BaseModel]] = {
    "result": Result,
    "preflight": PreflightResult,
    "plan": DrillPlan,
    "replay": Replay,
    "repeats": Repeats,
    "compare": Comparison,
    "gate": GateResult,
    "fleet": FleetResult,
    "evidence": EvidenceAnswer,
}
_READ: dict[str, type[BaseModel]] = {
    "drill": Drill,
    "scenario": Scenario,
    "suite": Suite,
    "advisories": Advisories,
    "controls": Controls,
}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(name: SchemaName) -> str:
    """Return the text of `schemas/{name}.v1.json`, ending with a line end."""
    if name in _WRITTEN:
        schema = _WRITTEN[name].model_json_schema(mode="serialization")
    else:
        schema = _READ[name].model_json_schema(mode="validation")
    return json.dumps({"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False) + "\n"
