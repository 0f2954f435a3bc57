"""The exit code of a verdict. Apart from the codes themselves, which the command line needs before anything else."""

from __future__ import annotations

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.model.result import Verdict

CODE_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}
