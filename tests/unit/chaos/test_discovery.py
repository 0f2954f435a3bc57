"""What `chaos discover flowdrill` says is what the modules offer."""

from __future__ import annotations

import inspect
import subprocess
import sys

from chaoslib.discovery.discover import discover

from flowdrill.chaos import actions, probes

OFFERED = {"action": actions, "probe": probes}


def test_discovery_lists_every_activity_with_its_arguments() -> None:
    found = discover("flowdrill", download_and_install=False)
    assert found["extension"]["name"] == "flowdrill"
    for kind, module in OFFERED.items():
        ours = {one["name"]: one for one in found["activities"] if one["type"] == kind}
        assert sorted(ours) == sorted(module.__all__)
        for name, one in ours.items():
            function = getattr(module, name)
            assert one["mod"] == module.__name__
            assert one["doc"] == inspect.getdoc(function)
            assert [argument["name"] for argument in one["arguments"]] == list(inspect.signature(function).parameters)
            assert all(argument["type"] != "object" for argument in one["arguments"]), one
            assert one["return_type"] in ("string", "boolean", "number", "list"), one


def test_everything_that_is_public_is_offered() -> None:
    for module in OFFERED.values():
        public = [
            name
            for name, one in inspect.getmembers(module, inspect.isfunction)
            if one.__module__ == module.__name__ and not name.startswith("_")
        ]
        assert sorted(public) == sorted(module.__all__)


def test_nothing_of_the_command_line_loads_chaoslib() -> None:
    code = "import sys, flowdrill, flowdrill.cli.main; sys.exit('chaoslib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
