"""A raise as the first statement of a component's output methods, whatever the code looks like."""

from __future__ import annotations

import ast
import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.component_code import code_run_first

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
    step = ast.parse(after).body[0]
    assert isinstance(step, ast.ClassDef)
    assert all(
        isinstance(m.body[0], ast.Raise)
        for m in step.body
        if isinstance(m, ast.FunctionDef | ast.AsyncFunctionDef) and m.name in {"build", "other"}
    )
