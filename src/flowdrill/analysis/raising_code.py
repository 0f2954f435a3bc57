"""A LangFlow component's code, changed so that its output methods raise. The code is parsed, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_Method = ast.FunctionDef | ast.AsyncFunctionDef
_COMPOUND = (
    *(ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)


@dataclass(frozen=True, slots=True, order=True)
class _Insertion:
    """Text to put into a line before `column`; of two at one place, the higher `rank` comes later."""

    line: int  # from 0
    column: int  # in characters
    rank: int
    text: str


def raising_code(code: str, methods: tuple[str, ...], message: str) -> str:
    """Return `code` with `raise RuntimeError(message)` as the first statement of each of `methods`, after its
    docstring. A method that a component class only inherits is overridden. Nothing else changes but line ends.

    ValueError says why it cannot be done: code that is no Python, or without a component class.
    """
    code = code.replace("\r\n", "\n").replace("\r", "\n")
    classes = _component_classes(_parsed(code))
    if not classes:
        raise ValueError("its code has no component class")
    lines = code.split("\n")
    statement = f"raise RuntimeError({message!r})"
    insertions = [i for node in classes for i in _insertions(node, methods, statement, lines)]
    for i in sorted(insertions, reverse=True):  # from the end, so that earlier places stay where they are
        lines[i.line] = lines[i.line][: i.column] + i.text + lines[i.line][i.column :]
    changed = "\n".join(lines)
    _parsed(changed)
    return changed


def _parsed(code: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in the user's code
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"its code cannot be parsed: {error}") from error


def _component_classes(module: ast.Module) -> list[ast.ClassDef]:
    """Return the classes that LangFlow takes for components (lfx.custom.validate.extract_class_name)."""
    found: dict[str, ast.ClassDef] = {}
    for node in module.body:
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            if any("Component" in base or "LC" in base or base in found for base in bases):
                found[node.name] = node
    return list(found.values())


def _insertions(node: ast.ClassDef, methods: tuple[str, ...], statement: str, lines: list[str]) -> Iterator[_Insertion]:
    inherited = []
    for name in dict.fromkeys(methods):
        bodies = [m for m in node.body if isinstance(m, _Method) and m.name == name]
        yield from (_into_method(method, statement, lines) for method in bodies)
        if not bodies:
            inherited.append(name)
    if not inherited:
        return
    line, column = _start(node.body[0], lines)
    indent = lines[line][:column]
    if indent.strip():  # `class Name(Component): pass`, all in one line
        indent = "    "
        yield _Insertion(line, column, 0, f"\n{indent}")
    overrides = (f"\n\n{indent}def {name}(self, *args, **kwargs):\n{indent}    {statement}" for name in inherited)
    end = (node.end_lineno or node.lineno) - 1
    yield _Insertion(end, len(lines[end]), 1, "".join(overrides))


def _into_method(method: _Method, statement: str, lines: list[str]) -> _Insertion:
    documented = ast.get_docstring(method, clean=False) is not None
    if documented and len(method.body) == 1:
        docstring = method.body[0]
        line = (docstring.end_lineno or docstring.lineno) - 1
        return _Insertion(line, _characters(lines[line], docstring.end_col_offset or 0), 0, f"; {statement}")
    first = method.body[1 if documented else 0]
    line, column = _start(first, lines)
    indent = lines[line][:column]
    continued = line > 0 and lines[line - 1].endswith("\\")
    if (indent.strip() or continued) and not isinstance(first, _COMPOUND):  # it shares its line, as in `def f(): pass`
        return _Insertion(line, column, 0, f"{statement}; ")
    return _Insertion(line, column, 0, f"{statement}\n{indent}")


def _start(statement: ast.stmt, lines: list[str]) -> tuple[int, int]:
    """Return line and column (from 0, in characters) where a statement begins, with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    line = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
    return line, _characters(lines[line], statement.col_offset)


def _characters(line: str, utf8_bytes: int) -> int:
    return len(line.encode()[:utf8_bytes].decode())
