"""`image flow`, `image derive`."""

from __future__ import annotations

import argparse
import json
import sys

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.drilling import making_images
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.model.drill import RegistryAccess


def flow(options: argparse.Namespace) -> ExitCode:
    """Lay a flow on a runtime image."""
    made = making_images.make_flow_image(
        options.flow, base=options.base, to=options.to, runtime=options.runtime, access=_access(options)
    )
    _print_image(options, made)
    return ExitCode.PASS


def derive(options: argparse.Namespace) -> ExitCode:
    """Make a scenario's broken image."""
    made = making_images.derive_image(options.scenario, stable=options.stable, access=_access(options))
    _print_image(options, made)
    return ExitCode.PASS


def _access(options: argparse.Namespace) -> RegistryAccess:
    try:
        return RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file, platform=options.platform)
    except ValueError as error:  # of the three only the platform has a form
        raise PlanError(
            f"--platform {options.platform}: is no platform", "write it as linux/amd64 or linux/arm/v7"
        ) from error


def _print_image(options: argparse.Namespace, made: making_images.MadeImage) -> None:
    """The pinned reference alone on stdout: for `$(…)`; what was done on stderr."""
    for line in made.changes:
        print(visible(line), file=sys.stderr)
    if options.json:
        facts = {"reference": made.reference, "digest": made.digest, "new_bytes": made.new_bytes}
        print(json.dumps({**facts, "changes": list(made.changes)}))
    else:
        print(made.reference)
