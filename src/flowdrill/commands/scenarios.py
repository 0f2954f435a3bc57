"""`scenario list`, `show`: they read files only, and answer at once."""

from __future__ import annotations

import argparse
import json
import shutil

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.planfiles.reading import all_scenarios, find_scenario
from flowdrill.edges.terminal.lines import visible
from flowdrill.report.catalogue import render_catalogue
from flowdrill.report.scenario_text import render_scenario, render_scenario_table, scenario_facts, scenario_row

_USUAL_WIDTH = (120, 24)


def list_all(options: argparse.Namespace) -> ExitCode:
    """List every scenario that a name finds."""
    scenarios = tuple(found.scenario for found in all_scenarios())
    if options.markdown:
        print(render_catalogue(scenarios), end="")
    elif options.json:
        print(json.dumps([scenario_row(one) for one in scenarios]))
    else:
        print(visible(render_scenario_table(scenarios, _width())), end="")
    return ExitCode.PASS


def show(options: argparse.Namespace) -> ExitCode:
    """Say everything about one scenario."""
    scenario = find_scenario(options.scenario).scenario
    if options.json:
        print(json.dumps(scenario_facts(scenario)))
    else:
        print(visible(render_scenario(scenario, _width())), end="")
    return ExitCode.PASS


def _width() -> int:
    return shutil.get_terminal_size(_USUAL_WIDTH).columns
