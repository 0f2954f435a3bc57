"""A LangFlow component's code, with statements put into its output methods. The code is parsed, never run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from flowdrill.model.flow_operations import Where

_Method = ast.FunctionDef | ast.AsyncFunctionDef
_STEP = "    "


@dataclass(frozen=True, slots=True, order=True)
class _Insertion:
    """Text to put into a line before `column`; of two at one place, the higher `rank` comes later."""

    line: int  # from 0
    column: int  # in characters
    rank: int
    text: str


def code_run_first(code: str, methods: tuple[str, ...], first: str, where: Where | None) -> str:
    """Return `code` with the statements `first` put before those of each of `methods`, after its docstring. A method
    that a component class only inherits is overridden. Nothing else changes but line ends.

    ValueError says why it cannot be done: code that is no Python, or without a component class.
    """
    code = _with_plain_line_ends(code)
    classes = _component_classes(_parsed(code))
    if not classes:
        raise ValueError("its code has no component class")
    lines = code.split("\n")
    block = _Block(first, where)
    changed = "\n".join(_inserted(lines, (i for node in classes for i in _insertions(node, methods, block, lines))))
    _parsed(changed)
    return changed


def code_prepended(code: str, before: str) -> str:
    """Return `code` with the text `before` put before its first statement that is no docstring and no import from
    `__future__`. ValueError when `code` is no Python; `before` may be anything."""
    code = _with_plain_line_ends(code)
    body = _parsed(code).body
    kept = 0
    for number, node in enumerate(body):
        docstring = number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            break
        kept = node.end_lineno or node.lineno
    lines = code.split("\n")
    return "\n".join([*lines[:kept], before.rstrip("\n"), *lines[kept:]])


class _Block:
    """The statements to insert, as they have to be written in a method of either kind."""

    def __init__(self, first: str, where: Where | None) -> None:
        self.where = where
        # written anew by Python itself: no line of it lies within a text, so all may be indented
        self._lines = ast.unparse(ast.parse(first)).split("\n")

    def lines(self, *, asynchronous: bool) -> list[str]:
        """Return its lines without indentation."""
        if self.where is not Where.THREAD or not asynchronous:
            return self._lines  # LangFlow itself runs a method that is not async in a thread
        own = [_STEP + line for line in self._lines]
        return ["import asyncio", "def flowdrill_first():", *own, "await asyncio.to_thread(flowdrill_first)"]


def _with_plain_line_ends(code: str) -> str:
    return code.replace("\r\n", "\n").replace("\r", "\n")


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


def _inserted(lines: list[str], insertions: Iterator[_Insertion]) -> list[str]:
    changed = list(lines)
    for i in sorted(insertions, reverse=True):  # from the end, so that earlier places stay where they are
        changed[i.line] = changed[i.line][: i.column] + i.text + changed[i.line][i.column :]
    return changed


def _insertions(node: ast.ClassDef, methods: tuple[str, ...], block: _Block, lines: list[str]) -> Iterator[_Insertion]:
    inherited = []
    for name in dict.fromkeys(methods):
        bodies = [m for m in node.body if isinstance(m, _Method) and m.name == name]
        for method in bodies:
            yield from _into_method(method, block, lines)
        if not bodies:
            inherited.append(name)
    if not inherited:
        return
    line, column = _start(node.body[0], lines)
    indent = lines[line][:column]
    if indent.strip():  # `class Name(Component): pass`, all in one line
        indent = _STEP
        yield _Insertion(line, column, 0, f"\n{indent}")
    overrides = (_override(name, block, indent) for name in inherited)
    end = (node.end_lineno or node.lineno) - 1
    yield _Insertion(end, len(lines[end]), 1, "".join(overrides))


def _override(name: str, block: _Block, indent: str) -> str:
    """A method that goes on with the inherited one, in a thread when that one is not async, as LangFlow would."""
    body = [
        *block.lines(asynchronous=True),
        "import asyncio, inspect",
        f"inherited = super().{name}",
        "if inspect.iscoroutinefunction(inherited):",
        f"{_STEP}return await inherited(*args, **kwargs)",
        "return await asyncio.to_thread(inherited, *args, **kwargs)",
    ]
    lines = [f"async def {name}(self, *args, **kwargs):", *(_STEP + line for line in body)]
    return "\n\n" + "\n".join(indent + line for line in lines)


def _into_method(method: _Method, block: _Block, lines: list[str]) -> Iterator[_Insertion]:
    asynchronous = isinstance(method, ast.AsyncFunctionDef)
    if block.where is Where.EVENT_LOOP and not asynchronous:
        yield _Insertion(method.lineno - 1, method.col_offset, 0, "async ")
        asynchronous = True
    statements = block.lines(asynchronous=asynchronous)
    start, column = _start(method.body[0], lines)
    indent = lines[start][:column]
    if indent.strip() or (start > 0 and lines[start - 1].endswith("\\")):  # it shares its line, as in `def f(): pass`
        indent = lines[method.lineno - 1][: method.col_offset] + _STEP
        yield _Insertion(start, column, 0, f"\n{indent}")
    text = "".join(f"{line}\n{indent}" for line in statements)
    documented = ast.get_docstring(method, clean=False) is not None
    if documented and len(method.body) == 1:
        docstring = method.body[0]
        end = (docstring.end_lineno or docstring.lineno) - 1
        after = "".join(f"\n{indent}{line}" for line in statements)
        yield _Insertion(end, _characters(lines[end], docstring.end_col_offset or 0), 1, after)
    elif documented:
        line, column = _start(method.body[1], lines)
        shares = lines[line][:column].strip()
        yield _Insertion(line, column, 1, f"\n{indent}{text}" if shares else text)
    else:
        yield _Insertion(start, column, 1, text)


def _start(statement: ast.stmt, lines: list[str]) -> tuple[int, int]:
    """Return line and column (from 0, in characters) where a statement begins, with its decorators."""
    decorators = getattr(statement, "decorator_list", [])
    line = min([statement.lineno, *(d.lineno for d in decorators)]) - 1
    return line, _characters(lines[line], statement.col_offset)


def _characters(line: str, utf8_bytes: int) -> int:
    return len(line.encode()[:utf8_bytes].decode())
