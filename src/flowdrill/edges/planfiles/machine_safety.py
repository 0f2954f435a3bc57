"""Reads what this machine allows, whatever a drill says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flowdrill.edges.planfiles.yaml_lines import YamlText, parse_model
from flowdrill.errors import PlanError
from flowdrill.model.safety_plan import MachineSafety

VARIABLE = "FLOWDRILL_SAFETY"


def machine_safety_file(environ: Mapping[str, str]) -> Path | None:
    """Return the file with what this machine allows: the one that $FLOWDRILL_SAFETY names, else the one in
    `$XDG_CONFIG_HOME` or `~/.config` where there is one; None where neither is."""
    named = environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    base = environ.get("XDG_CONFIG_HOME")
    usual = (Path(base) if base else Path.home() / ".config") / "flowdrill" / "safety.yaml"
    try:
        there = usual.is_symlink() or usual.exists()
    except OSError:
        there = True  # it cannot be looked at, which reading it will tell
    return usual if there else None


def read_machine_safety(path: Path) -> MachineSafety:
    """Return what a file allows; PlanError names file, line and key: a file that cannot be read protects nothing, and
    must not be taken for one that says nothing."""
    remedy = f"mend it, or whoever looks after this machine must: it is named by ${VARIABLE}, or is the usual one"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not UTF-8 text (byte {error.start})", remedy) from error
    return parse_model(YamlText(str(path), text), MachineSafety)
