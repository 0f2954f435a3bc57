"""What becomes of a run that is over: pushed into a store of evidence, counted, told. The verdict is what it is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flowdrill.commands.notifying import notify
from flowdrill.commands.pushes import said_of
from flowdrill.commands.telling import tell
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.metrics.pushgateway import Pushgateway, push, pushgateway_at
from flowdrill.edges.metrics.textfile import check_textfile_folder, write_textfile
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.webhook.posting import Webhook
from flowdrill.errors import FlowdrillError, MetricsError, PlanError
from flowdrill.history.evidence_stores import Reached, check_pushable, push_to
from flowdrill.report.openmetrics import metrics_group, render_openmetrics

_AS_USUAL = Reached()


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is to be done. `beside_image`: pushed beside the stable image; `store`: where else, or None. `gateway` and
    `textfiles`: where its metrics go, or None."""

    webhook: Webhook | None = None
    beside_image: bool = False
    store: str | None = None
    reached: Reached = _AS_USUAL
    gateway: Pushgateway | None = None
    textfiles: Path | None = None


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
    gateway = None if options.push_metrics is None else pushgateway_at(options.push_metrics)
    if options.metrics_textfile is not None:
        check_textfile_folder(options.metrics_textfile)
    return Afterwards(webhook, options.push_report, options.push_to, reached, gateway, options.metrics_textfile)


def carry_on(wanted: Afterwards, finished: FinishedRun) -> bool:
    """Do it all; return False where evidence should be somewhere, and is not."""
    pushed = not wanted.beside_image or _pushed(finished, None, wanted.reached)
    if wanted.store is not None:
        pushed = _pushed(finished, wanted.store, wanted.reached) and pushed
    _give_metrics(wanted, finished)
    notify(wanted.webhook, finished)  # last: the evidence is safe by then
    return pushed


def _give_metrics(wanted: Afterwards, finished: FinishedRun) -> None:
    """Metrics that are not taken are told as a warning, and change nothing of the result."""
    if wanted.gateway is None and wanted.textfiles is None:
        return
    try:
        group, text = metrics_group(finished.report), render_openmetrics(finished.report)
    except Exception as error:  # noqa: BLE001 - numbers for a dashboard must take no result with them
        tell(f"flowdrill: warning: no metrics: {type(error).__name__}; this is a defect, please report it")
        return
    if wanted.gateway is not None:
        _warned(partial(push, wanted.gateway, group, text), f"pushed to {wanted.gateway.url}")
    if wanted.textfiles is not None:
        _warned(partial(write_textfile, wanted.textfiles, group, text), f"written into {wanted.textfiles}")


def _warned(give: Callable[[], object], done: str) -> None:
    try:
        give()
    except MetricsError as error:
        tell(f"flowdrill: warning: {visible(str(error))}")
        return
    tell(f"metrics: {visible(done)}")


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
        to += f" --endpoint-url {visible(reached.endpoint_url)}" if store and reached.endpoint_url else ""
        tell(f"again: flowdrill push {visible(str(finished.folder))}{to}")
        return False
    tell(said_of(done))
    return True
