"""What a gate is about: the plan that rolls a candidate out and back, and the stable version that all go back to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from flowdrill.analysis.flow_graph import is_flow_text
from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.planfiles.reading import ScenarioFolder
from flowdrill.edges.planfiles.yaml_lines import YamlText, parse_model
from flowdrill.errors import PlanError
from flowdrill.model.chaos_plan import ChaosPlan
from flowdrill.model.drill import Drill, EmbeddedTarget
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.rollback_plan import Decider
from flowdrill.model.scenario import Candidate, Changes, Scenario, Symptom, WorkloadChanges
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.embedded import trusted_image
from flowdrill.preparing.opening import Cluster, Say, open_drill, open_images

NAME = "candidate"  # of its drill, and of its scenario
_OF_NOTICING = ("time_to_detect", "time_to_acknowledge", "time_to_act")


@dataclass(frozen=True, slots=True)
class CandidateOrder:
    """What is to be released. `named`: an image, or a flow's file."""

    named: str
    changes: WorkloadChanges
    flow: bytes | None  # what the file holds; None: it is an image
    file: Path | None = None  # with the changes


def read_candidate(named: str, changes_file: Path | None) -> CandidateOrder:
    """Return a candidate with all that is in files; PlanError when one cannot be used."""
    changes = WorkloadChanges() if changes_file is None else _read_changes(changes_file)
    if not is_flow_file(named):
        _parsed(named, "--candidate")
        return CandidateOrder(named, changes, None, changes_file)
    flow = _read(Path(named), "--candidate")
    if not is_flow_text(flow.decode("utf-8", "replace")):
        raise PlanError(f"--candidate {named}: is no flow", "name a flow that LangFlow exported as JSON")
    return CandidateOrder(named, changes, flow, changes_file)


def is_flow_file(named: str) -> bool:
    """Return whether a name is that of a flow's file, and not of an image."""
    return named.endswith(".json")


def candidate_plan(base: DrillFile, order: CandidateOrder, where: Cluster) -> DrillFile:
    """Return the plan of a drill like `base` with the candidate in the broken release's place. An image is pinned to
    its digest now. FlowdrillError when there is no such image."""
    candidate = Candidate(source=Path(order.named).name)
    kept = {Path(order.named).name: order.flow or b""}
    if order.flow is None:
        candidate, kept = Candidate(image=str(_pinned(base, order.named, where.running))), {}
    scenario = Scenario(
        scenario=NAME,
        story="A version that is to be released.",
        changes=Changes(candidate=candidate, workload=order.changes),
        symptom=Symptom.NOTHING,
        seen_by_users="What they see of the stable version.",
    )
    found = ScenarioFolder(scenario, (base.path.parent,), kept)
    return replace(base, drill=_without_harm(base.drill), found=found)


def _without_harm(drill: Drill) -> Drill:
    """The same drill with nothing in its way, and nobody who must notice anything."""
    return drill.model_copy(
        update={
            "drill": NAME,
            "description": "The candidate is rolled out under load, and rolled back.",
            "scenario": NAME,
            "obstacles": (),
            "injects": (),
            "chaos": ChaosPlan(),
            "detect": drill.detect.model_copy(update={"trigger": "any"}),
            "rollback": drill.rollback.model_copy(update={"by": Decider.POLICY, "take_over_after": None}),
            "objectives": drill.objectives.model_copy(update=dict.fromkeys(_OF_NOTICING)),
        }
    )


def rolled_back_to(plans: Iterable[DrillFile], named: str | None, where: Cluster, say: Say) -> list[DrillFile]:
    """Return the plans with `named` as the stable version: deployed where a drill brings its target along, on the
    embedded cluster; on any other one it must be what runs there. PlanError when it is not."""
    several = list(plans)
    if named is None:
        return several
    if where.context is not None:
        targets = {(one.drill.target.namespace, one.drill.target.workload): one for one in reversed(several)}
        for one in targets.values():
            _refuse_other(one, named, where, say)
        return several
    return [replace(one, drill=_embedded_with(one, named, where)) for one in several]


def _embedded_with(plan: DrillFile, named: str, where: Cluster) -> Drill:
    if plan.drill.embedded is None:
        raise PlanError(
            f"--rollback-to {named}: drill {plan.drill.drill} brings no target along (`embedded:`)",
            "deploy the stable version yourself, and leave --rollback-to out",
        )
    manifests = plan.drill.embedded.manifests
    if is_flow_file(named):
        _read(Path(named), "--rollback-to")
        target = EmbeddedTarget(manifests=manifests, flow=os.path.abspath(named))  # noqa: PTH100 - no link is followed
    else:
        target = EmbeddedTarget(manifests=manifests, image=str(_pinned(plan, named, where.running, "--rollback-to")))
    return plan.drill.model_copy(update={"embedded": target})


def _refuse_other(plan: DrillFile, named: str, where: Cluster, say: Say) -> None:
    if is_flow_file(named):
        raise PlanError(
            f"--rollback-to {named}: on a cluster of yours the stable version is an image that runs there",
            "name that image, or leave --rollback-to out",
        )
    wanted = _parsed(named, "--rollback-to")
    with open_drill(plan, where, say) as here:
        runs = here.workload.snapshot().image
        digests = [here.registry.resolve(one) for one in (_parsed(runs, "the workload's image"), wanted)]
    if digests[0] is None or digests[0] != digests[1]:
        raise PlanError(
            f"--rollback-to {named}: {plan.drill.target.workload} runs {runs}, which is another image, or neither is "
            "in the registry any more: there is no stable version to go back to",
            "deploy what a rollback must bring back, then ask the gate",
        )


def _pinned(plan: DrillFile, named: str, cluster: RunningCluster | None, option: str = "--candidate") -> ImageReference:
    reference = _parsed(named, option) if cluster is None else trusted_image(named, cluster, option)
    with closing(open_images(plan.drill.registry, plan.found.read_source)) as images:
        digest = images.resolve(reference)
    if digest is None:
        raise PlanError(f"{option} {named}: the registry does not hold it", "push it, then ask the gate")
    return reference.at_digest(digest)


def _parsed(text: str, option: str) -> ImageReference:
    try:
        return parse_image_reference(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}", "name an image as docker pull does, or a flow: NAME.json") from error


def _read(path: Path, option: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanError(f"{option} {path}: {error.strerror}", "name a flow that LangFlow exported as JSON") from error


def _read_changes(path: Path) -> WorkloadChanges:
    remedy = "`changes.workload` of `flowdrill schema scenario` lists every key"
    try:
        return parse_model(YamlText(str(path), path.read_text(encoding="utf-8")), WorkloadChanges)
    except OSError as error:
        raise PlanError(f"--candidate-changes {path}: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"--candidate-changes {path}: not UTF-8 text (byte {error.start})", remedy) from error
    except PlanError as error:
        raise PlanError(error.problem, remedy) from error
