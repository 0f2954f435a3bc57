"""A scenario's changes, laid on the text of a LangFlow flow. Pure: text in, text out; component code is never run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from flowdrill.analysis.flow_graph import Component, component_node, flow_body, malformed, read_graph, shown
from flowdrill.analysis.raising_code import raising_code
from flowdrill.analysis.redaction import redact
from flowdrill.errors import PlanError
from flowdrill.model.scenario import ComponentSelector, EdgeSelector, FlowChange, RaiseIn, SetField

_EXPORT_AGAIN = "name the JSON file that LangFlow exported, or export it again"
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class ChangedFlow:
    """The flow after the changes, and one line for people for each change."""

    text: str
    lines: tuple[str, ...]


def changed_flow(flow_text: str, changes: tuple[FlowChange, ...], where: str) -> ChangedFlow:
    """Return the flow with `changes` made, in order. The same input gives the same text; keys keep their order.

    PlanError, naming `where` (the flow and the scenario), when the text is no LangFlow flow, when a part that a change
    needs is malformed, or when a change finds nothing to change.
    """
    flow = _parsed(flow_text, where)
    body = flow_body(flow, where)
    lines = tuple(_make(change, body, f"{where}: changes.flow[{index}]") for index, change in enumerate(changes))
    return ChangedFlow(_written_out(flow, where), lines)


def _parsed(flow_text: str, where: str) -> Any:
    try:
        return json.loads(flow_text)
    except (ValueError, RecursionError) as error:
        raise PlanError(
            f"{where}: the flow is no JSON: {error}", "name the JSON file that LangFlow exported"
        ) from error


def _written_out(flow: Any, where: str) -> str:
    try:
        return json.dumps(flow, indent=2, allow_nan=False) + "\n"
    except (ValueError, RecursionError) as error:  # NaN or 1e999, which Python reads but JSON does not have
        raise PlanError(
            f"{where}: JSON cannot hold the flow: {error}", "export the flow from LangFlow again"
        ) from error


def _make(change: FlowChange, body: dict[str, Any], where: str) -> str:
    if change.remove_edges is not None:
        return _remove_edges(change.remove_edges, body, f"{where}.remove_edges")
    if change.remove_components is not None:
        return _remove_components(change.remove_components, body, f"{where}.remove_components")
    if change.raise_in is not None:
        return _raise_in(change.raise_in, body, f"{where}.raise_in")
    if change.set_field is not None:
        return _set_field(change.set_field, body, f"{where}.set_field")
    raise AssertionError("a FlowChange holds exactly one operation")


def _remove_edges(selector: EdgeSelector, body: dict[str, Any], where: str) -> str:
    graph = read_graph(body, where)
    chosen = graph.edges_chosen(selector)
    if not chosen:
        ends = (("from", selector.leaving), ("into", selector.entering))
        wanted = ", ".join(f"{end}: {{{_written(s)}}}" for end, s in ends if s is not None)
        raise PlanError(f"{where}: no edge matches {wanted}", f"choose from {graph.described()}")
    _drop(body, "edges", {edge.index for edge in chosen})
    return f"removed {_counted('edge', len(chosen))} {', '.join(map(str, chosen))}"


def _remove_components(selector: ComponentSelector, body: dict[str, Any], where: str) -> str:
    chosen = _components(selector, body, where)
    ids = {component.id for component in chosen}
    edges = [edge for edge in read_graph(body, where).edges if edge.source in ids or edge.target in ids]
    _drop(body, "nodes", {component.index for component in chosen})
    _drop(body, "edges", {edge.index for edge in edges})
    with_edges = f" with {_counted('edge', len(edges))} {', '.join(map(str, edges))}" if edges else ""
    return f"removed {_counted('component', len(chosen))} {', '.join(map(str, chosen))}{with_edges}"


def _raise_in(operation: RaiseIn, body: dict[str, Any], where: str) -> str:
    chosen = _components(operation.component, body, where)
    methods = [_make_raise(component, body, operation.message, where) for component in chosen]
    return f"made {', '.join(methods)} raise RuntimeError({operation.message!r})"


def _make_raise(component: Component, body: dict[str, Any], message: str, where: str) -> str:
    node = component_node(body, component)
    field = _field(node, "code") or {}
    code = _code(field)
    methods = _output_methods(node)
    if code is None or not methods:
        lack = "has no code (template.code.value) or no output method (outputs[*].method)"
        raise malformed(where, str(component), lack)
    try:
        changed = raising_code(code, methods, message)
    except ValueError as error:
        remedy = "mend the component, or choose another one"
        raise PlanError(f"{where}: {component}: {shown(str(error))}", remedy) from error
    field["value"] = changed if isinstance(field["value"], str) else changed.split("\n")
    return f"{shown(component.id)}.{'/'.join(methods)}"


def _code(field: dict[str, Any]) -> str | None:
    """Return the code of a template's field: one text, or a list of lines as `lfx export` writes it."""
    value = field.get("value")
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    return value if isinstance(value, str) else None


def _output_methods(node: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the output methods, each once. What could not be a method's name is left out."""
    outputs = node.get("outputs")
    entries = outputs if isinstance(outputs, list) else []
    names = (entry.get("method") for entry in entries if isinstance(entry, dict))
    return tuple(dict.fromkeys(n for n in names if isinstance(n, str) and n.isidentifier() and not iskeyword(n)))


def _set_field(operation: SetField, body: dict[str, Any], where: str) -> str:
    chosen = _components(operation.component, body, where)
    fields = [(component, _field(component_node(body, component), operation.field)) for component in chosen]
    unlike = [(component, field) for component, field in fields if field is not None and _differs(field, operation)]
    if not unlike:
        known = "; ".join(f"{component}: {_field_names(component_node(body, component))}" for component in chosen)
        lack = "already has that value" if any(field is not None for _, field in fields) else "is in none of them"
        raise PlanError(f"{where}: field {operation.field!r} {lack}", f"choose another field or value; fields: {known}")
    for _, field in unlike:
        field["value"] = operation.value
    value = json.dumps(operation.value)
    value = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
    return redact(f"set {', '.join(shown(component.id) for component, _ in unlike)}.{operation.field} = {value}")


def _components(selector: ComponentSelector, body: dict[str, Any], where: str) -> tuple[Component, ...]:
    graph = read_graph(body, where)
    chosen = graph.components_chosen(selector)
    if not chosen:
        problem = f"{where}: no component matches {_written(selector)} (groups are never changed)"
        raise PlanError(problem, f"choose from {graph.described()}")
    return chosen


def _field(node: dict[str, Any], name: str) -> dict[str, Any] | None:
    template = node.get("template")
    field = template.get(name) if isinstance(template, dict) else None
    return field if isinstance(field, dict) else None


def _field_names(node: dict[str, Any]) -> str:
    template = node.get("template")
    names = template if isinstance(template, dict) else {}
    return ", ".join(shown(name) for name in names if _field(node, name) is not None) or "none"


def _differs(field: dict[str, Any], operation: SetField) -> bool:
    value = field.get("value")
    return type(value) is not type(operation.value) or value != operation.value


def _drop(body: dict[str, Any], key: str, indexes: set[int]) -> None:
    body[key] = [entry for index, entry in enumerate(body[key]) if index not in indexes]


def _written(selector: ComponentSelector) -> str:
    return ", ".join(f"{key}: {value}" for key, value in selector.model_dump(mode="json", exclude_none=True).items())


def _counted(noun: str, count: int) -> str:
    return noun if count == 1 else f"{count} {noun}s"
