"""`manifests`: what to apply so that a cluster drills by itself. Asks no cluster."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.drilling.schedule_options import Asked
from flowdrill.drilling.scheduling import prepared
from flowdrill.durable_file import replace_durably
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.report.scheduled_manifests import as_one_text, kustomization, manifest_files

_NO_STORAGE = "none"


def manifests(options: argparse.Namespace) -> ExitCode:
    """Print the manifests, or write them into a folder for kustomize."""
    asked = Asked(
        schedule=options.schedule,
        namespace=options.namespace,
        image=options.image or f"flowdrill:{version('flowdrill')}",
        kubernetes=options.kubernetes,
        storage=None if options.storage == _NO_STORAGE else options.storage,
        pushes=options.push_report,
        registry=options.registry,
        others=tuple(options.reach),
        api_servers=tuple(options.api_server),
        secret=options.secret,
        time_zone=options.time_zone,
        approved=tuple(options.approved),
    )
    ready = prepared(options.drills, asked, datetime.now(UTC), Path.cwd())
    for warning in ready.warnings:
        tell(f"flowdrill: warning: {visible(warning)}")
    files = manifest_files(ready.wanted, ready.roles)
    if options.out is None:
        return answered(as_one_text(files), ExitCode.PASS)
    _write(options.out, {**files, "kustomization.yaml": kustomization(files)})
    tell(f"manifests: {visible(str(options.out))} (kubectl apply -k {visible(str(options.out))})")
    return ExitCode.PASS


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            replace_durably(folder / name, text.encode())
    except OSError as error:
        raise PlanError(f"{error.filename or folder}: {error.strerror}", "name a folder that can be written") from error
