"""`restore` and `status`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from pydantic import ValidationError

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import tell
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import ClusterError, PlanError
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.events import Checked, Event, GuardTookOver, ImageSet, Noted
from flowdrill.model.undo import undo_digest
from flowdrill.standing_in.restoring import is_restored, words_of
from flowdrill.standing_in.restoring_by_hand import RestoredByHand, Theirs, restore_run, restore_workload
from flowdrill.standing_in.statuses import DrillStanding, drills_on, runs_here


def restore(options: argparse.Namespace) -> ExitCode:
    """Put back what a dead drill has broken."""
    theirs = Theirs.KEEP if options.keep_theirs else Theirs.OVERWRITE if options.overwrite else Theirs.ASK
    restored = _restored(options, theirs)
    done, undo = restored.done, restored.undo
    if options.json:
        answer = {
            "run_id": undo.run_id, "namespace": undo.namespace, "workload": undo.workload, "image": undo.image,
            "undo_digest": undo_digest(undo), "restored": is_restored(done), "says": words_of(done),
            "left_behind": list(done.left),
        }  # fmt: skip
        print(json.dumps(answer))
    else:
        print(visible(f"{undo.workload} in namespace {undo.namespace}: {words_of(done)}"))
        if done.error is not None:
            tell(visible(done.error.remedy))
    return ExitCode.PASS if is_restored(done) and not done.left else ExitCode.FAIL


def _restored(options: argparse.Namespace, theirs: Theirs) -> RestoredByHand:
    named = (options.namespace, options.workload)
    if options.run_folder is not None:
        if named != (None, None) or options.undo_digest is not None:
            raise PlanError(
                "RUN_FOLDER says which workload it is about, and how to put it back",
                "leave --namespace, --workload and --undo-digest out, or RUN_FOLDER",
            )
        return restore_run(options.run_folder, options.context, options.kubeconfig, theirs, _show, _say)
    if None in (options.context, *named):
        raise PlanError(
            "nothing says what is to be put back",
            "give the RUN_FOLDER of the run that died, or all of --context, --namespace and --workload",
        )
    try:
        target = Target(namespace=options.namespace, workload=options.workload)
    except ValidationError as error:
        raise PlanError(f"--{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}", "name what there is") from error
    access = RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file)
    return restore_workload(
        options.context, options.kubeconfig, target, options.undo_digest, theirs, access, _show, _say
    )


def _say(text: str) -> None:
    tell(visible(text))


def _show(event: Event) -> None:
    """What whoever waits wants to see."""
    match event:
        case GuardTookOver(by=by):
            _say(f"-- restore, by {by}")
        case ImageSet(image=image):
            _say(f"   image set to {image}")
        case Checked(check=check):
            _say(f"   {check.status.value:<8} {check.name}: {check.observed}")
        case Noted(text=text):
            _say(f"   {text}")


def status(options: argparse.Namespace) -> ExitCode:
    """Say which drills are in progress, and what is still broken."""
    found = list(runs_here(options.out))
    problem = None
    try:
        found += drills_on(options.context, options.kubeconfig, options.namespace)
    except ClusterError as error:
        problem = error
    if options.json:
        told = [asdict(one) | {"standing": one.standing.value} for one in found]
        print(json.dumps({"drills": told, "problem": None if problem is None else problem.problem}, indent=2))
    else:
        print("\n".join(map(_line, found)) if found else "no drill is in progress, and none has left anything broken")
    if problem is not None:
        raise problem
    return ExitCode.FAIL if any(one.needs_people for one in found) else ExitCode.PASS


def _line(one: DrillStanding) -> str:
    return visible(f"{one.standing.value.upper():<12} {one.workload}  run {one.run_id}  ({one.where})\n   {one.says}")
