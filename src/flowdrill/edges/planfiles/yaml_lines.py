"""YAML whose every value still knows its line, so that an error can name it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from flowdrill.errors import PlanError

M = TypeVar("M", bound=BaseModel)
Location = tuple[str | int, ...]
_MAX_CHARACTERS = 1_000_000
_TEXT = "tag:yaml.org,2002:str"
_UNPLAIN = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:binary", "tag:yaml.org,2002:set")


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML file's text and its name for errors."""

    name: str
    text: str


class _NoDuplicates(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice (YAML's rule; PyYAML silently takes the last) or that is no
    text (YAML reads `NO` as false), and aliases, which a plan has no need of and which can be made to explode."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TEXT:
                raise yaml.constructor.ConstructorError(None, None, _no_key(key), key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _no_key(key: yaml.Node) -> str:
    if isinstance(key, yaml.ScalarNode):
        return f"the key {key.value!r} is read as a {key.tag.rpartition(':')[2]} by YAML: put quotes around it"
    return "a key is text, not a list or a mapping"


Data = dict[str, object]


def parse_model(source: YamlText, model: type[M], base: Data | None = None) -> M:
    """Return the model that the YAML describes, or the YAML laid over `base`; PlanError names file, line and key of
    everything that is wrong."""
    node, data = _composed(source)
    try:
        return model.model_validate_json(json.dumps(laid_over(base or {}, data), default=_refused))
    except _NotPlainError as error:
        where = _where_unplain(source.name, node)
        raise PlanError(f"{where}: {error}", "put quotes around it to make it text") from error
    except ValidationError as error:
        problems = [
            _problem(source, node, e["loc"], _said(e["type"], e["msg"], e["loc"], model)) for e in error.errors()
        ]
        raise PlanError("\n".join(problems), f"`flowdrill schema {model.__name__.lower()}` lists every key") from error


def plain_data(source: YamlText) -> Data:
    """Return what the YAML holds; PlanError when it is no mapping."""
    return _composed(source)[1]


def laid_over(base: Data, data: Data) -> Data:
    """Return `base` with what `data` says: mappings are merged, key by key, anything else replaces what was there."""
    merged = dict(base)
    for key, value in data.items():
        held = merged.get(key)
        merged[key] = laid_over(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return merged


def _where_unplain(name: str, node: yaml.Node, keys: tuple[str, ...] = ()) -> str:
    """File, line and key of the first value that YAML takes for a date or bytes; the file where it is elsewhere."""
    if isinstance(node, yaml.ScalarNode):
        return f"{name}:{node.start_mark.line + 1}: {'.'.join(keys)}" if node.tag in _UNPLAIN else name
    pairs: Iterable[tuple[str, yaml.Node]] = ()
    if isinstance(node, yaml.MappingNode):
        pairs = ((str(key.value), value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        pairs = ((str(index), value) for index, value in enumerate(node.value))
    found = (_where_unplain(name, value, (*keys, key)) for key, value in pairs)
    return next((where for where in found if where != name), name)


class _NotPlainError(Exception):
    """A value that YAML gives a type of its own, such as a date."""


def _refused(value: object) -> object:
    raise _NotPlainError(f"{value!r} is read as a {type(value).__name__} by YAML")


def plain_documents(source: YamlText) -> list[object]:
    """Return what every document of the YAML holds, as JSON could say it; PlanError when it is no such YAML."""
    documents = [data for _, data in _loaded(source, _every_node)]
    try:
        json.dumps(documents, default=_refused, allow_nan=False)
    except (_NotPlainError, ValueError) as error:
        raise PlanError(f"{source.name}: {error}", "put quotes around it to make it text") from error
    return documents


def _every_node(loader: _NoDuplicates) -> Iterator[yaml.Node | None]:
    while loader.check_node():
        yield loader.get_node()


def _composed(source: YamlText) -> tuple[yaml.Node, Data]:
    found = _loaded(source, lambda loader: [loader.get_single_node()])
    for node, data in found:
        if node is not None and isinstance(data, dict):
            return node, data
    raise PlanError(f"{source.name}: holds no mapping of keys to values", "see the examples in drills/")


def _loaded(
    source: YamlText, nodes: Callable[[_NoDuplicates], Iterable[yaml.Node | None]]
) -> list[tuple[yaml.Node | None, object]]:
    """Each node, and what it holds. Whatever is wrong with the text, PyYAML may raise anything at all."""
    if len(source.text) > _MAX_CHARACTERS:
        raise PlanError(f"{source.name}: larger than {_MAX_CHARACTERS} characters", "a plan is a page of YAML")
    try:
        loader = _NoDuplicates(source.text)
        try:
            found = nodes(loader)
            return [(node, None if node is None else loader.construct_document(node)) for node in found]
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{mark.line + 1}" if mark else "?"
        raise PlanError(f"{source.name}:{line}: {error.problem or error.context}", "mend the YAML") from error
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise PlanError(f"{source.name}: not readable as YAML: {error}", "mend the YAML") from error


def _said(kind: str, message: str, location: Location, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        schema = model.model_json_schema(by_alias=True)
        parts = [schema, *schema.get("$defs", {}).values()]
        known = {key for part in parts for key in part.get("properties", {})}
        similar = difflib.get_close_matches(str(location[-1]), known, n=1)
        return "unknown key" + (f"; did you mean {similar[0]}?" if similar else "")
    if kind == "missing":
        return "required key is missing"
    return message.removeprefix("Value error, ")


def _problem(source: YamlText, root: yaml.Node, location: Location, message: str) -> str:
    node, key_path = root, []
    for step in location:
        found = _child(node, step)
        key_path.append(str(step))
        node = node if found is None else found  # what is not there: a key that is missing, or which kind it is of
    return f"{source.name}:{node.start_mark.line + 1}: {'.'.join(key_path) or 'plan'}: {message}"


def _child(node: yaml.Node, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child: yaml.Node = node.value[step]
        return child
    return None
