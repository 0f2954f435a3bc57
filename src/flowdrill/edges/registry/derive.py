"""Making the broken image: the stable one plus one layer and a changed configuration, and nothing else."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.analysis.flow_changes import changed_flow
from flowdrill.analysis.redaction import redact
from flowdrill.edges.registry.find_flow import find_flow
from flowdrill.edges.registry.image_paths import require_paths
from flowdrill.edges.registry.startup_module import STARTUP_FILE, startup_env, startup_module
from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import Code
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage
from flowdrill.model.scenario import AddFile, Changes, EnvChanges, Scenario
from flowdrill.oci.digest import digest_of
from flowdrill.oci.image_config import ConfigEdit, ImageConfig
from flowdrill.oci.layer import WHITEOUT, image_path, make_layer
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import NewImage, StoredImage, image_with

DRILL_LABEL = "dev.flowdrill.drill"
STABLE_LABEL = "dev.flowdrill.stable"
RUN_LABEL = "dev.flowdrill.run"
_FLOW_FILE, _FLOW_FOLDER = "{flow_file}", "{flow_folder}"


@dataclass(frozen=True, slots=True)
class _Files:
    added: dict[str, bytes]
    removed: tuple[str, ...]
    lines: tuple[str, ...]
    flow: str | None  # the flow's path, when a change is about it


def prepare_broken(
    repository: Repository, stable: StoredImage, scenario: Scenario, run_id: str | None, read_source: ReadSource
) -> PreparedImage:
    """Compute the broken image, to be pushed beside the stable one as `drill-<scenario>-<12 hex of its digest>`.

    Without `run_id` the same input gives the same digest. With it the layer and the configuration name the run, so that
    two runs of the same drill share nothing that one of them could delete under the other. `read_source` returns a file
    of the scenario's folder. PlanError when a change finds nothing to change, or when the stable image is itself
    a broken one."""
    refuse_drills_own(stable)
    files = _changed_files(repository, stable, scenario, read_source)
    edit, config_lines = _config_edit(stable, scenario, run_id, files.flow)
    layer = None
    if files.added or files.removed:
        layer = make_layer(files.added, files.removed, f"flowdrill run {run_id}" if run_id else None)
    return beside_stable(image_with(stable, layer, edit), stable, scenario.scenario, (*files.lines, *config_lines))


def refuse_drills_own(stable: StoredImage) -> None:
    """PlanError when the stable image is one that a drill has made."""
    labels = stable.config.labels
    if DRILL_LABEL in labels:
        raise PlanError(
            f"{stable.reference}: is itself the broken image of scenario {labels[DRILL_LABEL]}",
            f"Put the real stable image back first; it was made from {labels.get(STABLE_LABEL, 'an unknown one')}.",
        )


def beside_stable(image: NewImage, stable: StoredImage, name: str, changes: tuple[str, ...]) -> PreparedImage:
    """Return a drill's own image, to be pushed beside the stable one as `drill-<name>-<12 hex of its digest>`."""
    tag = f"drill-{name}-{image.manifest.digest.partition(':')[2][:12]}"
    reference, document = stable.reference, image.manifest.document
    made = BrokenImage(
        reference=ImageReference(reference.registry, reference.repository, tag, image.manifest.digest),
        stable=reference.at_digest(stable.found.digest),
        changes=changes,
        new_bytes=len(document) + sum(map(len, image.blobs)),
        blobs=_own_blobs(image, stable),
    )
    return PreparedImage(made, image.manifest.media_type, document, image.blobs)


def push_prepared(repository: Repository, prepared: PreparedImage, may_write: Callable[[], None]) -> None:
    """Push the new blobs, then the manifest under its tag: nobody sees anything before. `may_write` raises when it may
    not be pushed now."""
    reference = prepared.image.reference
    for content in prepared.new_blobs:
        repository.push_blob(content)
    may_write()
    repository.put_manifest(prepared.manifest, prepared.media_type, str(reference.tag))


def _own_blobs(image: NewImage, stable: StoredImage) -> tuple[str, ...]:
    shared = {blob.digest for blob in stable.manifest.blobs}
    return tuple(digest for digest in map(digest_of, image.blobs) if digest not in shared)


def _changed_files(repository: Repository, stable: StoredImage, scenario: Scenario, read_source: ReadSource) -> _Files:
    changes = scenario.changes
    added: dict[str, bytes] = {}
    lines: list[str] = []
    flow_path = None
    if changes.candidate is not None and changes.candidate.source is not None:
        flow = find_flow(repository, stable, scenario.flow_file)
        added[flow.path] = read_source(changes.candidate.source)
        lines.append(f"{flow.path}: replaced by the candidate, {len(added[flow.path])} bytes")
    if changes.flow or _names_the_flow(changes):
        flow = find_flow(repository, stable, scenario.flow_file)
        flow_path = flow.path
        changed = changed_flow(flow.text, changes.flow, f"{flow.path} in {stable.reference}", read_source)
        if changes.flow:
            added[flow.path] = changed.text.encode("utf-8")
        lines += [f"{flow.path}: {line}" for line in changed.lines]
    if changes.python:
        added[STARTUP_FILE] = startup_module(tuple(_python(one, read_source) for one in changes.python))
        lines.append(f"{STARTUP_FILE}: run by every Python at its start")
    for file in changes.files.add:
        path = _writable(file.path, added, scenario)
        added[path] = _content(file, read_source)
        lines.append(f"{path}: added, {len(added[path])} bytes")
    removed: list[str] = []
    for name in changes.files.remove:
        path = _writable(name, added, scenario)
        removed.append(path)
        lines.append(f"{path}: removed")
    require_paths(repository, stable, tuple(removed))
    return _Files(added, tuple(removed), tuple(lines), flow_path)


def _names_the_flow(changes: Changes) -> bool:
    return any(place in word for word in changes.command or () for place in (_FLOW_FILE, _FLOW_FOLDER))


def _python(code: Code, read_source: ReadSource) -> str:
    return code.code if code.code is not None else read_source(code.source or "").decode("utf-8", "replace")


def _content(file: AddFile, read_source: ReadSource) -> bytes:
    return file.text.encode("utf-8") if file.text is not None else read_source(file.source or "")


def _writable(path: str, taken: dict[str, bytes], scenario: Scenario) -> str:
    normal = image_path(path)
    if normal == "/" or ".." in path.split("/") or posixpath.basename(normal).startswith(WHITEOUT):
        raise PlanError(f"scenario {scenario.scenario}: {path!r} is no file of an image", "Give an absolute path.")
    if normal in taken:
        raise PlanError(f"scenario {scenario.scenario}: changes {normal} twice", "Keep one of the two changes.")
    return normal


def _config_edit(
    stable: StoredImage, scenario: Scenario, run_id: str | None, flow: str | None
) -> tuple[ConfigEdit, tuple[str, ...]]:
    changes = scenario.changes
    command = _command(changes, flow)
    lines = [*_env_lines(changes.env, stable), *_command_lines(command, stable.config)]
    edit = ConfigEdit(
        history=f"flowdrill scenario {scenario.scenario}",
        set_env={**changes.env.set, **(startup_env(stable.config.env) if changes.python else {})},
        unset_env=changes.env.unset,
        entrypoint=command,
        cmd=None if command is None else (),
        labels=drill_labels(scenario.scenario, stable, run_id),
    )
    return edit, tuple(lines)


def drill_labels(name: str, stable: StoredImage, run_id: str | None) -> dict[str, str]:
    """Return the labels by which an image says that a drill has made it, and from what."""
    labels = {DRILL_LABEL: name, STABLE_LABEL: stable.found.digest}
    return {**labels, RUN_LABEL: run_id} if run_id else labels


def _env_lines(changes: EnvChanges, stable: StoredImage) -> list[str]:
    """Return one line a variable, secrets redacted; PlanError where a change would change nothing."""
    env = stable.config.env
    lines = []
    for name, value in changes.set.items():
        if env.get(name) == value:
            raise _no_change(stable, f"{name} already has the value that the scenario sets", "env.set")
        lines.append("env " + redact(f"{name}={value}"))
    for name in changes.unset:
        if name not in env:
            have = ", ".join(sorted(env)) or "empty"
            raise _no_change(stable, f"{name} is not in its environment ({have})", "env.unset")
        lines.append(f"env {name}: unset")
    return lines


def _command(changes: Changes, flow: str | None) -> tuple[str, ...] | None:
    if changes.command is None or flow is None:
        return changes.command
    folder = posixpath.dirname(flow)
    return tuple(word.replace(_FLOW_FILE, flow).replace(_FLOW_FOLDER, folder) for word in changes.command)


def _command_lines(command: tuple[str, ...] | None, config: ImageConfig) -> list[str]:
    if command is None:
        return []
    before = " ".join((*config.entrypoint, *config.cmd)) or "none"
    return [redact(f"command: {' '.join(command)} (was: {before})")]


def _no_change(stable: StoredImage, why: str, key: str) -> PlanError:
    return PlanError(
        f"{stable.reference}: {why}",
        f"Mend `{key}` in the scenario. A variable that only the workload sets cannot be changed by an image.",
    )
