"""What a run is asked to do: the plan, and who and where it is."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.advisories import Advisories
from flowdrill.model.audit_facts import AuditFacts
from flowdrill.model.drill import Drill
from flowdrill.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class RunOrder:
    """A drill and its scenario, with the facts that identify the run."""

    drill: Drill
    scenario: Scenario
    run_id: str
    container: str  # resolved: the drill's, or the pod's only one
    cluster: str  # context name and address
    kubernetes_version: str
    tool_version: str
    plan_digest: str
    host: str
    provider_program: bytes  # scenarios/provider/provider.py: what a provider runs that the drill starts
    advisories: Advisories  # policy/langflow-advisories.yaml, or the team's own list
    require_labels: tuple[tuple[str, str], ...] = ()  # that the target, or its namespace, must bear
    approved: bool = False  # whether the run was told that this very plan digest is approved
    audit: AuditFacts | None = None  # what only this run knows; None: nobody has said
