"""A scenario's changes, laid on the text of a LangFlow flow. Pure: text in, text out; component code is never run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flowdrill.analysis.component_changes import ReadSource, change_components, components, counted, selector_text
from flowdrill.analysis.flow_graph import flow_body, read_graph
from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import ComponentSelector, EdgeSelector, FlowChange, ReplaceFlow, TruncateFlow


@dataclass(frozen=True, slots=True)
class ChangedFlow:
    """The flow after the changes, and one line for people for each change."""

    text: str
    lines: tuple[str, ...]


def no_sources(name: str) -> bytes:
    """Read no file: for changes that name none."""
    raise PlanError(f"{name}: there is no scenario's folder to read it from", "write the text into the change itself")


def changed_flow(
    flow_text: str, changes: tuple[FlowChange, ...], where: str, read_source: ReadSource = no_sources
) -> ChangedFlow:
    """Return the flow with `changes` made, in order. The same input gives the same text; keys keep their order.

    PlanError, naming `where` (the flow and the scenario), when the text is no LangFlow flow, when a part that a change
    needs is malformed, or when a change finds nothing to change, or more than was meant.
    """
    text, lines = flow_text, []
    for index, change in enumerate(changes):
        place = f"{where}: changes.flow[{index}]"
        if change.replace_flow is not None:
            text, line = _replaced(text, change.replace_flow, f"{place}.replace_flow", read_source)
        elif change.truncate_flow is not None:
            text, line = _truncated(text, change.truncate_flow, f"{place}.truncate_flow")
        else:
            text, line = _with_graph_changed(text, change, place, read_source)
        lines.append(line)
    return ChangedFlow(text, tuple(lines))


def _with_graph_changed(text: str, change: FlowChange, where: str, read_source: ReadSource) -> tuple[str, str]:
    flow = _parsed(text, where)
    body = flow_body(flow, where)
    if change.remove_edges is not None:
        line = _remove_edges(change.remove_edges, body, f"{where}.remove_edges")
    elif change.remove_components is not None:
        line = _remove_components(change.remove_components, body, f"{where}.remove_components")
    else:
        line = change_components(change, body, where, read_source)
    return _written_out(flow, where), line


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


def _remove_edges(selector: EdgeSelector, body: dict[str, Any], where: str) -> str:
    graph = read_graph(body, where)
    chosen = graph.edges_chosen(selector)
    if not chosen:
        ends = (("from", selector.leaving), ("into", selector.entering))
        wanted = ", ".join(f"{end}: {{{selector_text(s)}}}" for end, s in ends if s is not None)
        raise PlanError(f"{where}: no edge matches {wanted}", f"choose from {graph.described()}")
    _drop(body, "edges", {edge.index for edge in chosen})
    return f"removed {counted('edge', len(chosen))} {', '.join(map(str, chosen))}"


def _remove_components(selector: ComponentSelector, body: dict[str, Any], where: str) -> str:
    chosen = components(selector, body, where)
    ids = {component.id for component in chosen}
    edges = [edge for edge in read_graph(body, where).edges if edge.source in ids or edge.target in ids]
    _drop(body, "nodes", {component.index for component in chosen})
    _drop(body, "edges", {edge.index for edge in edges})
    with_edges = f" with {counted('edge', len(edges))} {', '.join(map(str, edges))}" if edges else ""
    return f"removed {counted('component', len(chosen))} {', '.join(map(str, chosen))}{with_edges}"


def _replaced(text: str, operation: ReplaceFlow, where: str, read_source: Callable[[str], bytes]) -> tuple[str, str]:
    try:
        other = read_source(operation.source).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"{where}: {operation.source} is no text (byte {error.start})", "write it as UTF-8") from error
    if other == text:
        raise PlanError(f"{where}: {operation.source} is the flow that is there", "name another file")
    return other, f"replaced by {operation.source}, {len(other.encode())} bytes"


def _truncated(text: str, operation: TruncateFlow, where: str) -> tuple[str, str]:
    whole = text.encode()
    kept = int(len(whole) * operation.keep)
    if not 0 < kept < len(whole):
        raise PlanError(f"{where}: the flow has only {len(whole)} bytes", "leave it longer, or cut off less")
    return whole[:kept].decode("utf-8", "ignore"), f"cut off after {kept} of {len(whole)} bytes"


def _drop(body: dict[str, Any], key: str, indexes: set[int]) -> None:
    body[key] = [entry for index, entry in enumerate(body[key]) if index not in indexes]
