"""What is started for a container: its own copy of the image, its volumes, environment, command and limits."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.node.environment import ConfigError, container_environment, expanded
from flowdrill.cluster.node.images import PulledImage
from flowdrill.cluster.node.keeper_client import ProcessPlan
from flowdrill.cluster.node.limits import limit_of
from flowdrill.cluster.node.path_mapping import PathMapping, mapping_for
from flowdrill.cluster.node.pod_context import PodContext
from flowdrill.cluster.node.workshop import Workshop

_NUMBERS = itertools.count(1)


class ContainerPlanner:
    """Plans one container's processes. `tell` records an event: type, reason, message."""

    def __init__(
        self, shop: Workshop, context: PodContext, container: Json, tell: Callable[[str, str, str], None]
    ) -> None:
        self._shop, self._context, self._container, self._tell = shop, context, container, tell
        self._name = str(container["name"])

    async def plan(self, image: PulledImage, restarts: int) -> ProcessPlan:
        """Make a container's root folder and log anew; ConfigError, OSError, ValueError."""
        context, container = self._context, self._container
        known = container_environment(self._shop.objects, context.pod, container, context.address)
        home = context.folder / "containers" / self._name
        root = home / "root"
        if root.exists():
            await asyncio.to_thread(shutil.rmtree, root)
        await self._shop.images.make_root(image, root)
        self._shop.volumes.mount(container, context.volumes, root, known)
        for name in ("home", "tmp"):
            (home / name).mkdir(parents=True, exist_ok=True)
        mapping = mapping_for(container, root, context.address)
        config = image.config
        folder = _working_folder(mapping, container.get("workingDir") or config.working_dir)
        own = {
            "HOME": str(home / "home"), "TMPDIR": str(home / "tmp"),
            "HOSTNAME": context.pod["spec"].get("hostname") or context.pod["metadata"]["name"],
        }  # fmt: skip
        env = {**config.env, **known}
        path = self._shop.search_path(env.pop("PATH", ""))
        search = replace(mapping, mounts=()).text(path)  # the host's programs are the runtime, whatever is mounted
        env = {**own, **{name: mapping.text(text) for name, text in env.items()}, "PATH": search}
        command = [expanded(str(part), known) for part in container.get("command") or ()]
        arguments = [expanded(str(part), known) for part in container.get("args") or ()]
        argv = [*(command or config.entrypoint), *(arguments or (() if command else config.cmd))]
        if not argv:
            raise ConfigError(f"container {self._name} has no command")
        argv = [mapping.text(part) for part in argv]
        found = shutil.which(argv[0], path=env["PATH"])
        return ProcessPlan([found or argv[0], *argv[1:]], env, folder, self._new_log(restarts), self._groups())

    def _new_log(self, restarts: int) -> Path:
        """Where the next run's log goes; only the last run's is kept beside it."""
        folder, name = self._context.folder / "logs", self._name
        folder.mkdir(parents=True, exist_ok=True)
        for ending in ("log", "log.1", "ended"):
            (folder / f"{name}-{restarts - 2}.{ending}").unlink(missing_ok=True)
        return folder / f"{name}-{restarts}.log"

    def _groups(self) -> tuple[str, ...]:
        cores = limit_of(self._container, "cpu")
        if cores is None:
            return ()
        name = f"flowdrill-{self._context.pod['metadata']['uid']}-{next(_NUMBERS)}"
        try:
            return (
                (self._shop.cpu.make(name, cores),)
                if self._shop.cpu.parent
                else self._unlimited(self._shop.cpu.problem)
            )
        except OSError as error:
            return self._unlimited(str(error))

    def _unlimited(self, why: str) -> tuple[str, ...]:
        self._tell("Warning", "CPULimitNotEnforced", f"the CPU limit is not enforced: {why}")
        return ()


def _working_folder(mapping: PathMapping, path: str) -> Path:
    """Return a container's working folder; one that neither the image nor the host has is made, in the image's copy."""
    found = mapping.path(path or "/")
    if not found.is_dir():
        found = mapping.root / os.path.normpath(f"/{path}").lstrip("/")
        found.mkdir(parents=True, exist_ok=True)
    return found
