"""A LangFlow flow as a graph of components and edges, and what a scenario's selectors choose in it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import ComponentSelector, EdgeSelector, Place

# LangFlow's own tables (lfx.graph.schema): what it takes for the input and the output of a flow.
_INPUT_TYPES = frozenset({"ChatInput", "TextInput", "Webhook"})
_OUTPUT_TYPES = frozenset({"ChatOutput", "TextOutput", "DataOutput"})
_LISTED = 40


@dataclass(frozen=True, slots=True)
class Component:
    """One node of the flow. A group holds a flow of its own: it is listed and keeps its edges, but is never changed."""

    index: int  # in the flow's list of nodes
    id: str
    type: str
    group: bool
    is_input: bool
    is_output: bool

    def __str__(self) -> str:
        return f"{shown(self.id)} ({'group ' if self.group else ''}{shown(self.type)})"


@dataclass(frozen=True, slots=True)
class Edge:
    """One connection: `source` feeds `target`, both ids of components."""

    index: int  # in the flow's list of edges
    source: str
    target: str

    def __str__(self) -> str:
        return f"{shown(self.source)} -> {shown(self.target)}"


@dataclass(frozen=True, slots=True)
class FlowGraph:
    """The components and edges of a flow, in the file's order."""

    components: tuple[Component, ...]
    edges: tuple[Edge, ...]

    @property
    def outputs(self) -> frozenset[str]:
        """Ids of the flow's outputs: ChatOutput and its kin, or else whatever feeds no other component."""
        feeding = {edge.source for edge in self.edges}
        return frozenset(c.id for c in self.components if c.is_output) or frozenset(
            c.id for c in self.components if c.id not in feeding
        )

    @property
    def inputs(self) -> frozenset[str]:
        """Ids of the flow's inputs: ChatInput and its kin, or else whatever no other component feeds."""
        fed = {edge.target for edge in self.edges}
        return frozenset(c.id for c in self.components if c.is_input) or frozenset(
            c.id for c in self.components if c.id not in fed
        )

    def components_chosen(self, selector: ComponentSelector) -> tuple[Component, ...]:
        """Return the components that `selector` names, without groups."""
        ids = self._ids_chosen(selector)
        return tuple(c for c in self.components if c.id in ids and not c.group)

    def edges_chosen(self, selector: EdgeSelector) -> tuple[Edge, ...]:
        """Return the edges that leave and enter the named components. `into-output` on either side chooses the edges
        that enter an output."""
        outputs = self.outputs
        sides = (selector.leaving, selector.entering)
        ids = [None if s is None or s.place is Place.INTO_OUTPUT else self._ids_chosen(s) for s in sides]
        into_output = any(s is not None and s.place is Place.INTO_OUTPUT for s in sides)
        return tuple(
            edge
            for edge in self.edges
            if all(chosen is None or end in chosen for chosen, end in zip(ids, (edge.source, edge.target), strict=True))
            and (not into_output or edge.target in outputs)
        )

    def described(self) -> str:
        """Return what there is to choose from, for a remedy."""
        return f"components: {_listed(self.components)}; edges: {_listed(self.edges)}"

    def _ids_chosen(self, selector: ComponentSelector) -> frozenset[str]:
        if selector.place is Place.OUTPUT:
            return self.outputs
        if selector.place is Place.INPUT:
            return self.inputs
        if selector.place is Place.INTO_OUTPUT:
            outputs = self.outputs
            return frozenset(edge.source for edge in self.edges if edge.target in outputs)
        if selector.id is not None:
            return frozenset({selector.id})
        return frozenset(c.id for c in self.components if c.type == selector.type)


def is_flow_text(text: str) -> bool:
    """Return whether a text is a flow: a JSON object whose `data.nodes` is a list."""
    try:
        return isinstance(json.loads(text)["data"]["nodes"], list)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def flow_body(flow: Any, where: str) -> dict[str, Any]:
    """Return the object that holds `nodes` and `edges`: the flow's `data`, or the flow itself as older exports have it.
    PlanError when `flow` is no LangFlow flow."""
    body = flow.get("data", flow) if isinstance(flow, dict) else None
    if not isinstance(body, dict) or not all(isinstance(body.get(key), list) for key in ("nodes", "edges")):
        raise PlanError(
            f"{where}: this is no LangFlow flow: it has no lists data.nodes and data.edges",
            "name the JSON file that LangFlow exported",
        )
    return body


def read_graph(body: dict[str, Any], where: str) -> FlowGraph:
    """Return the graph of `flow_body`'s object; notes are left out. PlanError names the first malformed entry."""
    components = (_component(index, node, where) for index, node in enumerate(body["nodes"]))
    edges = tuple(_edge(index, edge, where) for index, edge in enumerate(body["edges"]))
    return FlowGraph(tuple(c for c in components if c is not None), edges)


def component_node(body: dict[str, Any], component: Component) -> dict[str, Any]:
    """Return the changeable description of a component that `read_graph` found."""
    node: dict[str, Any] = body["nodes"][component.index]["data"]["node"]
    return node


def shown(text: str) -> str:
    """Return `text` fit for one line of a report: whatever is not printable is escaped."""
    return text if text.isprintable() else ascii(text)


def malformed(where: str, place: str, lack: str) -> PlanError:
    """Return the error for a part of the flow that is not as LangFlow writes it."""
    return PlanError(f"{where}: {place} {lack}", "export the flow from LangFlow again")


def _component(index: int, node: Any, where: str) -> Component | None:
    place = f"data.nodes[{index}]"
    if not isinstance(node, dict):
        raise malformed(where, place, "is no object")
    if node.get("type") == "noteNode":
        return None
    data = node.get("data")
    if not isinstance(node.get("id"), str) or not isinstance(data, dict):
        raise malformed(where, place, "needs a text `id` and an object `data`")
    if not isinstance(data.get("type"), str) or not isinstance(data.get("node"), dict):
        raise malformed(where, f"{place}.data", "needs a text `type` and an object `node`")
    description = data["node"]
    kin = {data["type"], node["id"].split("-")[0]}  # LangFlow, too, tells by the type or by the id's first part
    return Component(
        index=index,
        id=node["id"],
        type=data["type"],
        group=isinstance(description.get("flow"), dict),
        is_input=bool(kin & _INPUT_TYPES) or description.get("is_input") is True,
        is_output=bool(kin & _OUTPUT_TYPES) or description.get("is_output") is True,
    )


def _edge(index: int, edge: Any, where: str) -> Edge:
    if not isinstance(edge, dict) or not all(isinstance(edge.get(key), str) for key in ("source", "target")):
        raise malformed(where, f"data.edges[{index}]", "needs texts `source` and `target`")
    return Edge(index, edge["source"], edge["target"])


def _listed(things: Iterable[Component | Edge]) -> str:
    texts = [str(thing) for thing in things]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return (", ".join(texts[:_LISTED]) or "none") + more
