"""`export`: a drill as an experiment of Chaos Toolkit."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from flowdrill.analysis.experiment import experiment_of, names_not_free
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.durable_file import replace_whole
from flowdrill.edges.planfiles.reading import is_suite
from flowdrill.errors import PlanError
from flowdrill.preparing.drill_file import plan_of
from flowdrill.report.experiment_text import render_experiment

_JSON, _YAML = ".json", (".yaml", ".yml")


def export(options: argparse.Namespace) -> ExitCode:
    """Write the experiment of a drill, to a file or to standard output."""
    if is_suite(options.drill):
        raise PlanError(f"{options.drill}: is a suite", "export each of its drills")
    out: Path | None = options.out
    if out is not None and out.suffix not in (_JSON, *_YAML):
        raise PlanError(f"--out {out}: is neither YAML nor JSON by its name", "name a file that ends in .yaml or .json")
    plan = plan_of(options.drill)
    taken = names_not_free(plan.drill)
    if taken:
        raise PlanError(
            f"drill {plan.drill.drill}: {', '.join(taken)} is what the experiment calls its own",
            "call it something else in the drill",
        )
    path = Path(os.path.relpath(options.drill)).as_posix()
    text = render_experiment(
        experiment_of(plan.drill, plan.found.scenario, path), as_json=out is not None and out.suffix == _JSON
    )
    if out is None:
        return answered(text, ExitCode.PASS)
    try:
        replace_whole(out, text.encode())
    except OSError as error:
        raise PlanError(f"--out {out}: {error.strerror}", "name a file in a folder that can be written") from error
    tell(f"{out}: written; `chaos run {out}` from this folder carries out {path}")
    return ExitCode.PASS
