"""`run --scheduled`: does the drill's calendar let it begin? And the warning for a run by hand that it would not."""

from __future__ import annotations

import argparse
import json
import secrets
from datetime import UTC, datetime

from flowdrill.analysis.calendar import Turn, turn_of
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.edges.host.waiting import wait_or_signal
from flowdrill.edges.planfiles.reading import is_suite, read_drill
from flowdrill.edges.runfolder.earlier_runs import latest_run
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.preparing.drill_file import plan_of

_CHANCE_BITS = 53  # of a number from 0 to below 1


def ended_by_calendar(options: argparse.Namespace) -> ExitCode | None:
    """Return how the command ends when its drill may not begin now: PASS, since nothing is wrong and nothing is to be
    tried again; None when it may. Waits for the jitter. By hand, it only warns."""
    if not options.scheduled:
        _warn(options)
        return None
    if is_suite(options.drill) or options.repeat is not None:
        what = "a suite" if options.repeat is None else "--repeat"
        raise PlanError(f"--scheduled does not go with {what}", "schedule each drill of its own: each has its calendar")
    drill = plan_of(options.drill).drill
    turn = _turn(drill, options, drawn=secrets.randbits(_CHANCE_BITS) / (1 << _CHANCE_BITS))
    if turn.may_begin and turn.wait_seconds > 0:
        tell("scheduled: waits for a while, for the surprise (calendar.jitter)")
        heard = wait_or_signal(turn.wait_seconds)
        if heard is not None:
            tell("scheduled: stopped while it waited; nothing was touched")
            return ExitCode[heard]
        turn = _turn(drill, options, drawn=0.0)
    if turn.may_begin:
        return None
    said = f"SKIPPED {drill.drill}: {visible(turn.why)}; nothing was touched"
    answer = {"drill": drill.drill, "skipped": turn.why} if options.json else None
    return answered(f"{said if answer is None else json.dumps(answer, indent=2)}\n", ExitCode.PASS)


def _turn(drill: Drill, options: argparse.Namespace, drawn: float) -> Turn:
    if drill.calendar is None:
        return Turn(may_begin=True, why="it has no calendar")
    counted = drill.calendar.at_most_once_in is not None and options.selector is None  # of each workload by itself
    earlier = latest_run(options.out, drill.drill) if counted else None
    return turn_of(drill.calendar, datetime.now(UTC), earlier, drawn)


def _warn(options: argparse.Namespace) -> None:
    if is_suite(options.drill):
        return
    turn = _turn(read_drill(options.drill), options, drawn=0.0)
    if not turn.may_begin:
        tell(f"flowdrill: warning: by its calendar the drill would not begin now: {visible(turn.why)}")
