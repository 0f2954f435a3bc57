"""Statements put first into a component's output methods, and code before its own, whatever it looks like."""

from __future__ import annotations

import ast
import asyncio
import inspect
import threading
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.component_code import code_prepended, code_run_first
from flowdrill.model.flow_operations import Where

HEAD = "class Step(Component):\n"
BODIES = [
    "    def build(self):\n        return ran()\n",
    "    def build(self): return ran()\n",
    "    def build(self): ran(); return 1",
    "    def build(self):\n        '''Doc.'''\n        return ran()\n",
    "    def build(self):\n        '''Doc\n        of two lines.'''; ran()\n",
    "    def build(self): '''Doc.'''",
    "    def build(self): '''Doc.''';  # why\n",
    "    def build(self):\n        # first a comment\n\n        if ran():\n            return 1\n",
    "    def build(self):\n        @ran\n        def inner(): ...\n        return inner\n",
    "    def build(self):\n        (ran())\n",
    "    def build(self): \\\n        return ran()\n",
    "    def build(\n        self,\n    ) -> 'ä':\n        x = 'ä'; return ran(x)\n",
    "    def build(self):\n        x = '''\nnot indented'''\n        return ran(x)\n",
    "\tdef build(self):\n\t\treturn ran()\n",
    "    async def build(self):\n        'ä'; return ran()\n",
    "    async def build(self): return ran()",
    "    @property_of_somebody\n    def build(self):\n        return ran()\n",
    "    x = 1",
    "    x = '''a\nb'''  # comment",
    "    pass  # inherits build",
    "    def other(self): '''Doc.'''",
    "    def build(self):\n        return ran()\n    def build(self):\n        return ran()\n",
]


def raising_code(code: str, methods: tuple[str, ...], message: str) -> str:
    return code_run_first(code, methods, f"raise RuntimeError({message!r})", None)


def _outcome(code: str, ran: list[int]) -> str:
    """Run the class's `build` (these are our own samples) and return the error's text."""

    class Component:
        def build(self) -> None:
            ran.append(1)

    names: dict[str, Any] = {
        "Component": Component,
        "ran": lambda *_: ran.append(1),
        "property_of_somebody": lambda method: method,
    }
    exec(compile(code, "component", "exec"), names)
    step = names["Step"]()

    async def awaited() -> None:
        await step.build()

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(awaited())
    return str(caught.value)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "body", [HEAD + body for body in BODIES] + ["class Step(Component): pass", "class Step(Component): 'doc'; x = 1\n"]
)
def test_the_method_raises_before_anything_else_runs(body: str, ends: str) -> None:
    ran: list[int] = []
    message = 'it\'s "broken"\n\\ ä'
    assert _outcome(raising_code(body.replace("\n", ends), ("build", "build"), message), ran) == message
    assert ran == []


def test_only_one_line_is_added() -> None:
    body = "    def build(self):\n        'Doc.'\n        return 1  # why\n\n    def other(self):\n        return 2\n"
    before = HEAD + body
    after = raising_code(before, ("build",), "no")
    assert after == before.replace("        return 1", "        raise RuntimeError('no')\n        return 1")


def test_an_inherited_method_is_overridden_in_every_component_class() -> None:
    code = "class A(LCModelComponent):\n    x = 1\n\nclass B(A):\n    y = 2\n\nclass Other:\n    z = 3\n"
    after = raising_code(code, ("text_response", "build_model"), "no")
    classes = [node for node in ast.parse(after).body if isinstance(node, ast.ClassDef)]
    methods = {c.name: [m.name for m in c.body if isinstance(m, ast.AsyncFunctionDef)] for c in classes}
    assert methods == {"A": ["text_response", "build_model"], "B": ["text_response", "build_model"], "Other": []}


@pytest.mark.parametrize(
    ("code", "why"), [("def f(:", "parsed"), ("x = 1", "no component class"), ("(" * 9999, "parsed")]
)
def test_code_without_a_component_is_refused_with_the_reason(code: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        raising_code(code, ("build",), "no")


def test_code_that_makes_python_warn_is_taken_as_it_is() -> None:
    assert "raise" in raising_code(HEAD + "    def build(self):\n        return '\\d'\n", ("build",), "no")


@given(st.text(alphabet="abc (:\n\t\\'\"#;=@é\x0c", max_size=40))
def test_the_result_always_compiles_or_is_refused(statements: str) -> None:
    code = HEAD + "    def build(self):\n        return 1\n" + statements
    try:
        after = raising_code(code, ("build", "other"), "no")
    except ValueError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of invalid escapes in what was drawn
        step = ast.parse(after).body[0]
    assert isinstance(step, ast.ClassDef)
    assert all(
        isinstance(m.body[0], ast.Raise)
        for m in step.body
        if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) and m.name in {"build", "other"}
    )


PLACES = [None, Where.THREAD, Where.EVENT_LOOP]
WHOLE = [HEAD + body for body in BODIES] + ["class Step(Component): pass", "class Step(Component): 'doc'; x = 1\n"]


def _behaviour(code: str) -> tuple[list[str], Any, Any]:
    """Run the class's `build` as LangFlow does: in a thread unless it is async. Return what ran in which order and
    where, what came out, and the method's docstring."""
    ran: list[str] = []

    def first() -> None:
        ran.append("first in the thread" if threading.current_thread() is not loops[0] else "first in the event loop")

    class Component:
        def build(self) -> str:
            """Inherited."""
            ran.append("base")
            return "of the base"

    names: dict[str, Any] = {
        "Component": Component,
        "first": first,
        "ran": lambda *_: ran.append("own") or "of its own",  # type: ignore[func-returns-value]
        "property_of_somebody": lambda method: method,
    }
    exec(compile(code, "component", "exec"), names)
    method = names["Step"]().build
    loops: list[threading.Thread] = []

    async def called() -> Any:
        loops.append(threading.current_thread())
        return await method() if inspect.iscoroutinefunction(method) else await asyncio.to_thread(method)

    return ran, asyncio.run(called()), method.__doc__


@pytest.mark.parametrize("where", PLACES, ids=str)
@pytest.mark.parametrize("code", WHOLE)
def test_what_runs_first_runs_where_it_is_to_and_the_method_goes_on_as_before(code: str, where: Where | None) -> None:
    before, came_out, documented = _behaviour(code)
    ran, came_out_then, documented_then = _behaviour(code_run_first(code, ("build",), "first()", where))
    assert ran[1:] == before
    assert came_out_then == came_out
    if "base" not in before:
        assert documented_then == documented
    if where is not None:
        assert ran[0] == f"first in the {where.replace('-', ' ')}"
    elif "base" not in before:
        assert ran[0] == ("first in the event loop" if "async def" in code else "first in the thread")


@pytest.mark.parametrize("code", WHOLE)
def test_code_that_returns_answers_in_the_method_s_place(code: str) -> None:
    ran, came_out, _ = _behaviour(code_run_first(code, ("build",), "if True:\n    return 'instead'", None))
    assert (ran, came_out) == ([], "instead")


def test_an_inherited_method_that_is_async_is_awaited() -> None:
    ran, came_out, _ = _behaviour(
        "class Mine(Component):\n    async def build(self):\n        return ran()\n\n"
        + code_run_first("class Step(LCMine):\n    pass\n", ("build",), "first()", Where.EVENT_LOOP).replace("LC", "")
    )
    assert (ran, came_out) == (["first in the event loop", "own"], "of its own")


def test_an_inherited_method_gets_its_arguments() -> None:
    code = code_run_first("class Step(Component):\n    x = 1\n", ("other",), "pass", None)

    class Component:
        def other(self, number: int, *, doubled: bool) -> int:
            return 2 * number if doubled else number

    names: dict[str, Any] = {"Component": Component}
    exec(compile(code, "component", "exec"), names)
    assert asyncio.run(names["Step"]().other(21, doubled=True)) == 42


def test_lines_within_texts_of_the_statements_stay_as_they_are() -> None:
    ran, _, _ = _behaviour(code_run_first(WHOLE[0], ("build",), "text = '''a\nb'''\nassert text == 'a\\nb'", None))
    assert ran == ["own"]


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("import os\n", "first()\nimport os\n"),
        ('"""Doc."""\nimport os\n', '"""Doc."""\nfirst()\nimport os\n'),
        ('"""Doc\nof two."""\n\nimport os\n', '"""Doc\nof two."""\nfirst()\n\nimport os\n'),
        ("from __future__ import annotations\nx = 1\n", "from __future__ import annotations\nfirst()\nx = 1\n"),
        ("'Doc.'\nfrom __future__ import (\n    annotations,\n)\r\nx = 1", None),
        ("x = 1\n'no doc'\n", "first()\nx = 1\n'no doc'\n"),
        ("", "first()\n"),
    ],
)
def test_code_is_put_after_the_docstring_and_the_imports_from_the_future(code: str, after: str | None) -> None:
    changed = code_prepended(code, "first()\n")
    assert changed == (after or "'Doc.'\nfrom __future__ import (\n    annotations,\n)\nfirst()\nx = 1")
    ast.parse(changed)


def test_what_is_prepended_may_be_no_python_but_the_component_must_be() -> None:
    assert code_prepended("x = 1\n", "def f(:") == "def f(:\nx = 1\n"
    with pytest.raises(ValueError, match="parsed"):
        code_prepended("def f(:", "x = 1")
