"""Writes a run's metrics where node-exporter's textfile collector reads them: one file a drill and target."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from flowdrill.durable_file import replace_durably
from flowdrill.errors import MetricsError, PlanError

_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")
_LONGEST = 60  # characters of a label's value
_FOR_ALL = 0o644  # node-exporter runs as somebody else


def check_textfile_folder(folder: Path) -> None:
    """PlanError when it is none."""
    if not folder.is_dir():
        raise PlanError(
            f"--metrics-textfile {folder}: is no folder", "name that of --collector.textfile.directory of node-exporter"
        )


def write_textfile(folder: Path, labels: Mapping[str, str], text: str) -> Path:
    """Replace the file at once: the collector sees the old one or the new one. Return it; MetricsError when it cannot
    be written."""
    named = "_".join(_UNSAFE.sub("-", value)[:_LONGEST] for value in labels.values())
    if any(len(value) > _LONGEST for value in labels.values()):  # what differs may have been cut off
        named += f"_{hashlib.sha256(repr(sorted(labels.items())).encode()).hexdigest()[:12]}"
    path = folder / f"flowdrill_{named}.prom"
    try:
        replace_durably(path, text.encode(), mode=_FOR_ALL)
    except OSError as error:
        raise MetricsError(f"{path}: {error.strerror}", "make the folder writable for whoever runs drills") from error
    return path
