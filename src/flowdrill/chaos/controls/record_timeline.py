"""The control that opens an experiment's drill, and writes its run folder: the one of `flowdrill run`, with its
reports, however the experiment ends."""

import os
from pathlib import Path
from typing import Any

from chaoslib.exceptions import InterruptExecution, InvalidActivity
from chaoslib.types import Configuration, Control, Experiment, Journal, Secrets

from flowdrill.chaos.asking import asked_of, check_arguments, strings_in
from flowdrill.chaos.configured import known_session, put_session
from flowdrill.chaos.session import Session
from flowdrill.chaos.tolerances import tolerance_problem
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.preparing.drill_file import plan_of

__all__ = ["after_experiment_control", "before_experiment_control", "validate_control"]


def validate_control(control: Control) -> None:
    """InvalidActivity when its drill cannot be used as written, or an argument is none of its own."""
    arguments = control["provider"].get("arguments") or {}
    try:
        check_arguments(arguments)
        if "$" not in str(arguments["drill"]):  # else only the run knows
            plan_of(Path(arguments["drill"]))
    except FlowdrillError as error:
        raise InvalidActivity(f"control '{control['name']}': {visible(str(error))}") from error


def before_experiment_control(
    context: Experiment,
    drill: str = "",
    kube_context: str = "",
    kubeconfig: str = "",
    out: str = "reports",
    approved: list[str] | None = None,
    configuration: Configuration = None,
    secrets: Secrets = None,
    **others: Any,
) -> None:
    """Open the drill, and carry it out as far as nothing is changed. InterruptExecution when that cannot be."""
    arguments = {"drill": drill, "kube_context": kube_context, "kubeconfig": kubeconfig, "out": out}
    try:
        check_arguments({**arguments, "approved": approved or [], **others})
        problem = tolerance_problem(context)
        if problem is not None:
            raise problem
        if known_session(configuration) is not None:
            raise PlanError("record_timeline: an experiment has one drill", "list the control once")
        asked = asked_of(context, arguments, approved or [], strings_in(secrets), os.environ)
        session = Session(asked)
        put_session(configuration, session)
        session.open()
    except FlowdrillError as error:
        raise InterruptExecution(visible(str(error))) from error


def after_experiment_control(
    context: Experiment, state: Journal, configuration: Configuration = None, **_arguments: Any
) -> None:
    """Have everything put back, write the reports, and say in the journal what came of the drill."""
    session = known_session(configuration)
    if session is not None:
        session.finish(state)
