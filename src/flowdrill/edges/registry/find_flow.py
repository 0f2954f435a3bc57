"""Finding the flow in an image: where the scenario says, where the image says, or where LangFlow would look."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from flowdrill.analysis.flow_graph import is_flow_text
from flowdrill.errors import PlanError
from flowdrill.oci.layer import image_path
from flowdrill.oci.layer_reading import Entry
from flowdrill.oci.layer_search import ancestors, search_layers
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage

FLOW_LABEL = "dev.flowdrill.flow"
LOAD_FLOWS_PATH = "LANGFLOW_LOAD_FLOWS_PATH"
FLOW_FOLDER = "/app/flows"
_RUNTIME_LAYER = 16 << 20  # bytes; once flows were found in a folder, larger layers hold a runtime and no flow of it
_MOST_CONTENT = 64 << 20  # bytes of all flows together that are kept while searching
_BETWEEN_WORDS = re.compile(r"[\s\"'=;&|<>$]+")  # of a command, also of one within `sh -c`


@dataclass(frozen=True, slots=True)
class FoundFlow:
    """A flow in an image."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Somewhere a flow may be: these files, or every `*.json` of a folder."""

    why: str
    files: tuple[str, ...] = ()
    folder: str | None = None

    def holds(self, path: str) -> bool:
        return path in self.files or (self.folder is not None and _is_json_in(path, self.folder))


def find_flow(repository: Repository, image: StoredImage, flow_file: str | None) -> FoundFlow:
    """Return the image's flow: `flow_file` if given, else the file its label names, else the first of: the folder in
    its environment, the JSON files its command names, /app/flows. PlanError when there is none, or no single one."""
    search = _FlowSearch(_places(image, flow_file))
    search_layers(repository, image.manifest.layers, search)
    for place in search.places:
        candidates = [path for path in sorted(search.flows) if place.holds(path)]
        if len(candidates) > 1:
            raise PlanError(
                f"{image.reference}: has {len(candidates)} flows in {place.why}: {_listed(candidates)}",
                "Say in the scenario which one to change: `flow_file: PATH`.",
            )
        if candidates:
            return FoundFlow(candidates[0], search.flows[candidates[0]])
    raise _not_found(image, search)


def is_flow(content: bytes) -> bool:
    """Return whether a file is a flow: a JSON object whose `data.nodes` is a list."""
    try:
        return is_flow_text(content.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _places(image: StoredImage, flow_file: str | None) -> tuple[_Place, ...]:
    config = image.config
    if flow_file is not None:
        return (_Place(f"the scenario's flow_file {flow_file}", (image_path(flow_file),)),)
    if label := config.labels.get(FLOW_LABEL):
        return (_Place(f"the label {FLOW_LABEL}={label}", (image_path(label),)),)
    places = []
    if folder := config.env.get(LOAD_FLOWS_PATH):
        path = image_path(posixpath.join(config.working_dir, folder))
        places.append(_Place(f"{LOAD_FLOWS_PATH}={folder}", folder=path))
    words = _BETWEEN_WORDS.split("\n".join((*config.entrypoint, *config.cmd)))
    named = [word for word in words if word.endswith(".json")]
    if named:
        files = tuple(image_path(posixpath.join(config.working_dir, name)) for name in named)
        places.append(_Place("the image's command", tuple(dict.fromkeys(files))))
    return (*places, _Place(f"the folder {FLOW_FOLDER}", folder=FLOW_FOLDER))


class _FlowSearch:
    """Collects the flows at the places, the most telling place first."""

    def __init__(self, places: tuple[_Place, ...]) -> None:
        self.places = places
        self.flows: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.no_flows: set[str] = set()
        self.nearby: set[str] = set()  # other JSON files beside a file that was asked for
        files = {path for place in places for path in place.files}
        folders = {place.folder for place in places if place.folder is not None}
        self._ancestors = folders.union(*(ancestors(path) for path in files | folders))
        self._near = {posixpath.dirname(path) for path in files}
        self._kept = 0

    def concerns(self, path: str) -> bool:
        """Return whether `path` may be a flow, or lies on the way to one."""
        return path in self._ancestors or self._is_wanted(path) or self._is_near(path)

    def wants(self, layer: Descriptor) -> bool:
        """Return whether a layer may change the answer: a large one not, once a folder has given a flow."""
        leading = next((place for place in self.places if not self._is_dead(place)), None)
        answered = leading is not None and leading.folder is not None and any(map(leading.holds, self.flows))
        return not answered or layer.size <= _RUNTIME_LAYER

    def see(self, entry: Entry) -> None:
        """Keep a flow; remember what else there is for the error."""
        path = entry.path
        if entry.is_folder:
            return
        if entry.link is not None and (path in self._ancestors or self._is_wanted(path)):
            self.links[path] = entry.link
        elif self._is_wanted(path):
            self._keep(path, entry.content())
        elif self._is_near(path) and len(self.nearby) < 1000:
            self.nearby.add(path)

    def done(self) -> bool:
        """Return whether the leading place has answered for good."""
        for place in self.places:
            if place.folder is not None or not all(map(self._is_resolved, place.files)):
                return False
            if any(path in self.flows for path in place.files):
                return True
        return True

    def _keep(self, path: str, content: bytes) -> None:
        if not is_flow(content):
            self.no_flows.add(path)
            return
        self._kept += len(content)
        if self._kept > _MOST_CONTENT:
            raise PlanError(
                f"the image's flows have more than {_MOST_CONTENT} bytes together",
                "Say in the scenario which one to change: `flow_file: PATH`.",
            )
        self.flows[path] = content.decode("utf-8")

    def _is_wanted(self, path: str) -> bool:
        return any(place.holds(path) for place in self.places)

    def _is_near(self, path: str) -> bool:
        return path.endswith(".json") and posixpath.dirname(path) in self._near

    def _is_resolved(self, path: str) -> bool:
        return path in self.flows or path in self.no_flows or path in self.links

    def _is_dead(self, place: _Place) -> bool:
        resolved = place.folder is None and all(map(self._is_resolved, place.files))
        return resolved and not any(path in self.flows for path in place.files)


def _not_found(image: StoredImage, search: _FlowSearch) -> PlanError:
    seen = [f"{_listed(search.no_flows)}: no flow (a JSON object with data.nodes)"] if search.no_flows else []
    seen += [f"{path!r} is a link to {target!r}" for path, target in sorted(search.links.items())[:5]]
    seen += [f"beside it: {_listed(search.nearby)}"] if search.nearby else []
    return PlanError(
        f"{image.reference}: no flow in {', nor in '.join(place.why for place in search.places)}"
        + (f" ({'; '.join(seen)})" if seen else " (no such file)"),
        "Name the flow's absolute path in the image with `flow_file` in the scenario.",
    )


def _is_json_in(path: str, folder: str) -> bool:
    return path.endswith(".json") and posixpath.dirname(path) == folder


def _listed(paths: list[str] | set[str]) -> str:
    return ", ".join(repr(path)[1:-1] for path in sorted(paths)[:10]) + (" …" if len(paths) > 10 else "")
