"""Which files beside a drill its Chaos Toolkit activities are made of: what they name, and the modules there that those
import. Nothing is imported to find that out: what a module loads by a name that it makes up is not seen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from flowdrill.model.chaos_plan import ChaosPlan, local_files, module_files

_PYTHON = ".py"


def activity_files(plan: ChaosPlan, near: Path) -> tuple[str, ...]:
    """Return their names, seen from `near`, the drill's folder: all that activities name, whether or not it is there,
    and what is there of the modules that Python files of those import."""
    names = dict.fromkeys(local_files(plan))
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        for one in _imported(name, near) if name.endswith(_PYTHON) else ():
            if one not in names and _is_file(near / one):
                names[one] = None
                waiting.append(one)
    return tuple(names)


def _imported(name: str, near: Path) -> Iterator[str]:
    """The files that a Python file's imports may mean, beside the drill or beside itself."""
    try:
        tree = ast.parse((near / name).read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return  # not there, or nothing that runs
    folder = PurePosixPath(name).parent
    for node in ast.walk(tree):
        for base, module in _modules(node, folder):
            yield from (str(base / one) for one in module_files(module))


def _modules(node: ast.AST, folder: PurePosixPath) -> Iterator[tuple[PurePosixPath, str]]:
    """What a statement imports, each with the folder that it is looked for in."""
    anywhere = dict.fromkeys((PurePosixPath(), folder))
    if isinstance(node, ast.Import):
        yield from ((base, one.name) for base in anywhere for one in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = [folder.joinpath(*[".."] * (node.level - 1))] if node.level else list(anywhere)
        modules = [".".join(filter(None, (node.module, one.name))) for one in node.names]
        yield from ((base, module) for base in above for module in modules)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
