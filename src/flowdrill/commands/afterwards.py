"""What becomes of a run that is over: pushed into a store of evidence, then told. The verdict is what it is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from flowdrill.commands.notifying import notify
from flowdrill.commands.pushes import said_of
from flowdrill.commands.telling import tell
from flowdrill.drilling.wiring import FinishedRun
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.webhook.posting import Webhook
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.history.evidence_stores import Reached, check_pushable, push_to

_AS_USUAL = Reached()


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is to be done. `beside_image`: pushed beside the stable image; `store`: where else, or None."""

    webhook: Webhook | None = None
    beside_image: bool = False
    store: str | None = None
    reached: Reached = _AS_USUAL


def afterwards_of(options: argparse.Namespace, webhook: Webhook | None) -> Afterwards:
    """Return what the options ask for, looked at before anything is broken. PlanError or MissingPartError when it could
    not be done."""
    reached = Reached(endpoint_url=options.endpoint_url)
    if options.push_report and options.context is None:
        remedy = "name the cluster with --context; or push it elsewhere: --push-to"
        raise PlanError("--push-report: the embedded cluster's registry ends with the drill", remedy)
    if options.push_to is not None:
        check_pushable(options.push_to, reached)
    elif options.endpoint_url is not None:
        raise PlanError("--endpoint-url: is for --push-to s3://BUCKET/PREFIX", "name where the run is to go")
    return Afterwards(webhook, options.push_report, options.push_to, reached)


def carry_on(wanted: Afterwards, finished: FinishedRun) -> bool:
    """Do it all; return False where evidence should be somewhere, and is not."""
    pushed = not wanted.beside_image or _pushed(finished, None, wanted.reached)
    if wanted.store is not None:
        pushed = _pushed(finished, wanted.store, wanted.reached) and pushed
    notify(wanted.webhook, finished)  # last: the evidence is safe by then
    return pushed


def _pushed(finished: FinishedRun, store: str | None, reached: Reached) -> bool:
    result = finished.report.result
    if store is None and result.images.stable is None:
        tell("report: not pushed: the run never saw a stable image to push it beside")
        return True
    try:
        done = push_to(store, _AS_USUAL if store is None else reached, finished.folder, result)
    except FlowdrillError as error:
        tell(f"flowdrill: the report is not pushed: {visible(str(error))}")
        to = "" if store is None else f" --to {visible(store)}"
        tell(f"again: flowdrill push {visible(str(finished.folder))}{to}")
        return False
    tell(said_of(done))
    return True
