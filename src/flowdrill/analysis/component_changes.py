"""What a scenario changes in the components of a flow: their code, their fields, their types."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from keyword import iskeyword
from typing import Any

from flowdrill.analysis.component_code import code_prepended, code_run_first
from flowdrill.analysis.flow_graph import Component, component_node, malformed, read_graph, shown
from flowdrill.analysis.redaction import redact
from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import (
    Code,
    ComponentSelector,
    FlowChange,
    PrependCode,
    RaiseIn,
    RenameVariable,
    ReplaceCode,
    RunFirst,
    SetField,
    SetType,
    Where,
)

ReadSource = Callable[[str], bytes]
Json = dict[str, Any]
_SHOWN_CHARACTERS = 60
_VARIABLE = re.compile(r"(?<!\{)\{\{?\s*([A-Za-z_]\w*)\s*\}\}?(?!\})")


def change_components(change: FlowChange, body: Json, where: str, read_source: ReadSource) -> str:
    """Make one change in `body`, the object that holds nodes and edges; return a line for people."""
    if change.raise_in is not None:
        return _raise_in(change.raise_in, body, f"{where}.raise_in")
    if change.run_first is not None:
        return _run_first(change.run_first, body, f"{where}.run_first")
    if change.prepend_code is not None:
        return _prepend_code(change.prepend_code, body, f"{where}.prepend_code", read_source)
    if change.replace_code is not None:
        return _replace_code(change.replace_code, body, f"{where}.replace_code", read_source)
    if change.set_field is not None:
        return _set_field(change.set_field, body, f"{where}.set_field")
    if change.rename_variable is not None:
        return _rename_variable(change.rename_variable, body, f"{where}.rename_variable")
    if change.set_type is not None:
        return _set_type(change.set_type, body, f"{where}.set_type")
    raise AssertionError("a FlowChange holds exactly one operation")


def components(selector: ComponentSelector, body: Json, where: str) -> tuple[Component, ...]:
    """Return the components chosen; PlanError with what there is when that is none, or several by one type."""
    graph = read_graph(body, where)
    chosen = graph.components_chosen(selector)
    if not chosen:
        problem = f"{where}: no component matches {selector_text(selector)} (groups are never changed)"
        raise PlanError(problem, f"choose from {graph.described()}")
    if selector.type is not None and len(chosen) > 1 and not selector.every:
        raise PlanError(
            f"{where}: {len(chosen)} components match {selector_text(selector)}: {', '.join(map(str, chosen))}",
            "choose one by its id, or say `every: true`",
        )
    return chosen


def selector_text(selector: ComponentSelector) -> str:
    """Return the selector as it is written in YAML."""
    written = selector.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    return ", ".join(f"{key}: {value}" for key, value in written.items())


def counted(noun: str, count: int) -> str:
    """Return `edge`, or `2 edges`."""
    return noun if count == 1 else f"{count} {noun}s"


def _raise_in(operation: RaiseIn, body: Json, where: str) -> str:
    methods = _put_first(operation.component, f"raise RuntimeError({operation.message!r})", None, body, where)
    return f"made {methods} raise RuntimeError({operation.message!r})"


def _run_first(operation: RunFirst, body: Json, where: str) -> str:
    methods = _put_first(operation.component, operation.code, operation.where, body, where)
    place = f" in the {operation.where.replace('-', ' ')}" if operation.where is not None else ""
    return redact(f"made {methods} first run{place}: {_shortened(' / '.join(operation.code.strip().splitlines()))}")


def _put_first(selector: ComponentSelector, first: str, in_: Where | None, body: Json, where: str) -> str:
    names = []
    for component in components(selector, body, where):
        node = component_node(body, component)
        methods = _output_methods(node)
        if not methods:
            raise malformed(where, str(component), "has no output method (outputs[*].method)")
        code = _code(node, component, where)
        _set_code(node, _mended(partial(code_run_first, code, methods, first, in_), component, where))
        names.append(f"{shown(component.id)}.{'/'.join(methods)}")
    return ", ".join(names)


def _prepend_code(operation: PrependCode, body: Json, where: str, read_source: ReadSource) -> str:
    before = _text(operation, where, read_source)
    chosen = components(operation.component, body, where)
    for component in chosen:
        node = component_node(body, component)
        code = _code(node, component, where)
        _set_code(node, _mended(partial(code_prepended, code, before), component, where))
    return redact(f"put before the code of {_ids(chosen)}: {_shortened(' / '.join(before.strip().splitlines()))}")


def _replace_code(operation: ReplaceCode, body: Json, where: str, read_source: ReadSource) -> str:
    code = _text(operation, where, read_source)
    chosen = components(operation.component, body, where)
    for component in chosen:
        node = component_node(body, component)
        if _code(node, component, where) == code:
            raise PlanError(f"{where}: {component} already has this code", "give it another one")
        _set_code(node, code)
    return f"replaced the code of {_ids(chosen)}, now {counted('line', len(code.splitlines()))}"


def _set_field(operation: SetField, body: Json, where: str) -> str:
    chosen = components(operation.component, body, where)
    fields = [(component, _field(component_node(body, component), operation.field)) for component in chosen]
    unlike = [(component, field) for component, field in fields if field is not None and _differs(field, operation)]
    if not unlike:
        lack = "already has that value" if any(field is not None for _, field in fields) else "is in none of them"
        raise _no_field(operation.field, lack, chosen, body, where)
    for _, field in unlike:
        field["value"] = operation.value
    value = _shortened(json.dumps(operation.value))
    return redact(f"set {_ids([component for component, _ in unlike])}.{operation.field} = {value}")


def _rename_variable(operation: RenameVariable, body: Json, where: str) -> str:
    chosen = components(operation.component, body, where)
    renamed, seen = [], []
    for component in chosen:
        field = _field(component_node(body, component), operation.field)
        text = field.get("value") if field is not None else None
        if field is None or not isinstance(text, str):
            continue
        variables = tuple(dict.fromkeys(_VARIABLE.findall(text)))
        seen.append(f"{component}: {', '.join(variables) or 'none'}")
        name = operation.variable or (variables[0] if variables else None)
        if name in variables and name != operation.to:
            field["value"] = _with_renamed(text, str(name), operation.to)
            renamed.append(f"{shown(component.id)}.{operation.field} {{{name}}} to {{{operation.to}}}")
    if not seen:
        raise _no_field(operation.field, "holds no text in any of them", chosen, body, where)
    if not renamed:
        wanted = f"variable {operation.variable!r}" if operation.variable else "variable with another name"
        raise PlanError(f"{where}: no {wanted} in {operation.field}", f"choose from {'; '.join(seen)}")
    return f"renamed {', '.join(renamed)}"


def _with_renamed(text: str, name: str, to: str) -> str:
    return _VARIABLE.sub(lambda found: found[0].replace(name, to, 1) if found[1] == name else found[0], text)


def _set_type(operation: SetType, body: Json, where: str) -> str:
    chosen = components(operation.component, body, where)
    unlike = [component for component in chosen if component.type != operation.to]
    if not unlike:
        raise PlanError(f"{where}: {_ids(chosen)} already has the type {operation.to!r}", "name another type")
    for component in unlike:
        data = body["nodes"][component.index]["data"]
        data["type"] = operation.to
    return f"gave {', '.join(map(str, unlike))} the type {operation.to}"


def _mended(change: Callable[[], str], component: Component, where: str) -> str:
    try:
        return change()
    except ValueError as error:
        remedy = "mend the component, or choose another one"
        raise PlanError(f"{where}: {component}: {shown(str(error))}", remedy) from error


def _text(operation: Code, where: str, read_source: ReadSource) -> str:
    if operation.code is not None:
        return operation.code
    try:
        return read_source(operation.source or "").decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"{where}: {operation.source} is no text (byte {error.start})", "write it as UTF-8") from error


def _code(node: Json, component: Component, where: str) -> str:
    """Return a component's code: one text, or a list of lines as `lfx export` writes it."""
    value = (_field(node, "code") or {}).get("value")
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise malformed(where, str(component), "has no code (template.code.value)")
    return value


def _set_code(node: Json, code: str) -> None:
    field = node["template"]["code"]
    field["value"] = code if isinstance(field["value"], str) else code.split("\n")


def _output_methods(node: Json) -> tuple[str, ...]:
    """Return the names of the output methods, each once. What could not be a method's name is left out."""
    outputs = node.get("outputs")
    entries = outputs if isinstance(outputs, list) else []
    names = (entry.get("method") for entry in entries if isinstance(entry, dict))
    return tuple(dict.fromkeys(n for n in names if isinstance(n, str) and n.isidentifier() and not iskeyword(n)))


def _field(node: Json, name: str) -> Json | None:
    template = node.get("template")
    field = template.get(name) if isinstance(template, dict) else None
    return field if isinstance(field, dict) else None


def _no_field(name: str, lack: str, chosen: tuple[Component, ...], body: Json, where: str) -> PlanError:
    known = "; ".join(f"{component}: {_field_names(component_node(body, component))}" for component in chosen)
    return PlanError(f"{where}: field {name!r} {lack}", f"choose another field or value; fields: {known}")


def _field_names(node: Json) -> str:
    template = node.get("template")
    names = template if isinstance(template, dict) else {}
    return ", ".join(shown(name) for name in names if _field(node, name) is not None) or "none"


def _differs(field: Json, operation: SetField) -> bool:
    value = field.get("value")
    return type(value) is not type(operation.value) or value != operation.value


def _ids(chosen: list[Component] | tuple[Component, ...]) -> str:
    return ", ".join(shown(component.id) for component in chosen)


def _shortened(text: str) -> str:
    return shown(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")
