"""Every file that a drill refers to, so that it can be carried out where only these are: in a pod."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import urlsplit

from flowdrill.analysis.scenario_sources import scenario_sources
from flowdrill.edges.planfiles.command_files import command_files, unlinked
from flowdrill.edges.planfiles.reading import ScenarioFolder, shipped_scenarios
from flowdrill.edges.planfiles.yaml_lines import YamlText, plain_data
from flowdrill.errors import PlanError
from flowdrill.model.detect_plan import Connection
from flowdrill.model.drill import Drill


@dataclass(frozen=True, slots=True)
class DrillFiles:
    """A drill's own file and all others, by their absolute paths. What comes with flowdrill is not among them."""

    drill: Path
    files: dict[Path, bytes]


def files_of(drill_file: Path, drill: Drill, found: ScenarioFolder, work: Path) -> DrillFiles:
    """Return the files of a drill. `work`: the working folder, from which `registry.ca_file` is named. PlanError names
    the key of a file that must not leave this machine, or that there cannot be in a pod."""
    near = drill_file.parent
    _refuse_what_stays(drill)
    _refuse_own_address(drill)
    paths = [
        *_chain(drill_file),
        *_scenario(found),
        *(near / name for name in _named(drill)),
        *command_files(drill, near),
        *_authority(drill, work),
    ]
    return DrillFiles(_absolute(drill_file), {_absolute(one): _read(one) for one in paths})


def laid_out(parts: tuple[DrillFiles, ...], also: Path | None = None) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return all files of several drills by their paths below their common folder (and that of the folder `also`), and
    each drill's own."""
    every = {path: content for one in parts for path, content in one.files.items()}
    folders = [str(path.parent) for path in every]
    root = Path(os.path.commonpath([*folders, str(_absolute(also))] if also is not None else folders))
    held = {path.relative_to(root).as_posix(): content for path, content in every.items()}
    return dict(sorted(held.items())), tuple(one.drill.relative_to(root).as_posix() for one in parts)


def _absolute(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _chain(drill_file: Path) -> Iterator[Path]:
    """The file and those that it extends; `read_drill` has seen that there is no circle."""
    yield drill_file
    base = plain_data(YamlText(str(drill_file), drill_file.read_text("utf-8"))).get("extends")
    if isinstance(base, str):
        yield from _chain(drill_file.parent / base)


def _scenario(found: ScenarioFolder) -> Iterator[Path]:
    """What the scenario is made from, and nothing that only lies beside it."""
    shipped = shipped_scenarios().resolve()
    own = [one for one in found.folders if not one.resolve().is_relative_to(shipped)]
    for folder in own:
        for name in ("scenario.yaml", *scenario_sources(found.scenario)):
            if (folder / name).is_file():
                yield unlinked(folder / name, folder, f"scenario {found.scenario.scenario}")


def _named(drill: Drill) -> Iterator[str]:
    for name in (drill.policy.advisories, drill.policy.scanner.report if drill.policy.scanner is not None else None):
        if name is not None:
            yield name
    for one in _connections(drill):
        yield from (name for name in (one.ca_file, one.client_cert_file) if name is not None)


def _connections(drill: Drill) -> tuple[Connection, ...]:
    return tuple(one for one in (drill.detect.prometheus, drill.detect.alertmanager) if one is not None)


def _authority(drill: Drill, work: Path) -> Iterator[Path]:
    name = drill.registry.ca_file
    if name is None:
        return
    if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
        problem = f"registry.ca_file: {name} is not below the working folder: a pod cannot have it there"
        raise PlanError(problem, "put it beside the drills, and name it from the working folder")
    yield work / name


def _refuse_what_stays(drill: Drill) -> None:
    secret = "what is secret does not belong into a ConfigMap"
    here = "there is no such file in a pod"
    alertmanager = drill.detect.alertmanager
    refused = (
        (drill.rollback.kubeconfig, "rollback.kubeconfig", secret, "name who rolls back with `rollback.as`"),
        (drill.rollback.audit_log, "rollback.audit_log", here, "leave it out"),
        (drill.policy.ledger.file, "policy.ledger.file", "a pod cannot write there", "use `policy.ledger.config_map`"),
        (
            next((one.client_key_file for one in _connections(drill) if one.client_key_file), None),
            "detect: client_key_file",
            secret,
            "use `bearer_token_from` or `password_from`",
        ),
        (
            None if alertmanager is None else alertmanager.webhook,
            "detect.alertmanager.webhook",
            "nobody knows a pod's address before it is there",
            "leave it out: alerts are watched all the same",
        ),
    )
    for value, key, why, remedy in refused:
        if value is not None:
            raise PlanError(
                f"drill {drill.drill}: {key}: cannot be used in the cluster: {why}",
                f"{remedy}; a drill that extends this one can have its own",
            )


def _refuse_own_address(drill: Drill) -> None:
    named = [("load.url", drill.load.url)]
    for key, one in (("prometheus", drill.detect.prometheus), ("alertmanager", drill.detect.alertmanager)):
        named += [] if one is None else [(f"detect.{key}.url", one.url)]
    for key, url in named:
        host = urlsplit(url).hostname or ""
        if host == "localhost" or host.startswith("127.") or host == "::1":
            raise PlanError(
                f"drill {drill.drill}: {key}: {url} is, in a pod, the pod itself",
                "name the Service: http://NAME.NAMESPACE.svc:PORT, in a drill that extends this one",
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", "a file that the drill names must be there") from error
