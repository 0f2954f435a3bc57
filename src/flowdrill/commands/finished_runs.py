"""What is told of a run that is over, and the exit code of one and of several."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import tell
from flowdrill.commands.verdict_codes import CODE_OF_VERDICT
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.terminal.lines import visible

# of several drills the one that counts: what could not be done, then what failed, then what nobody knows
_WORST_FIRST = (ExitCode.ERROR, ExitCode.FAIL, ExitCode.INCONCLUSIVE, ExitCode.PASS)


def code_of(finished: FinishedRun) -> ExitCode:
    """Return the exit code of a run."""
    if finished.outcome.stop_signal is not None:
        return ExitCode[finished.outcome.stop_signal]
    if finished.outcome.error is not None:
        return ExitCode.ERROR
    return CODE_OF_VERDICT[finished.report.result.verdict]


def worst_of(codes: Sequence[ExitCode]) -> ExitCode:
    """Return the exit code of several runs: a signal's, where one has ended them."""
    signals = [code for code in codes if code.is_signal]
    return signals[0] if signals else next(code for code in _WORST_FIRST if code in codes)


def tell_report_and_error(finished: FinishedRun) -> None:
    """Say where a run's report is, what became of the ledger, and what somebody has to mend."""
    tell(f"report: {finished.folder / 'report.html'}")
    if finished.ledger is not None:
        tell(f"ledger: {visible(finished.ledger)}")
    if finished.outcome.error is not None:
        tell(f"flowdrill: {visible(str(finished.outcome.error))}")
