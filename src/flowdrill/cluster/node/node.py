"""The node: one worker a pod."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS, PODS, Json
from flowdrill.cluster.api.store import Change, ChangeType
from flowdrill.cluster.events import EventRecorder
from flowdrill.cluster.node.images import ImageStore
from flowdrill.cluster.node.keeper_client import KeeperClient
from flowdrill.cluster.node.limits import find_cpu_groups
from flowdrill.cluster.node.logs import FileLogs
from flowdrill.cluster.node.node_status import HEARTBEAT_SECONDS, NODE_NAME, heartbeat, register_node, show_images
from flowdrill.cluster.node.pod_worker import PodWorker
from flowdrill.cluster.node.volumes import Volumes
from flowdrill.cluster.node.workshop import Workshop
from flowdrill.cluster.state_folder import StateFolder
from flowdrill.errors import ClusterError

_log = logging.getLogger(__name__)


class Node:
    """Runs the pods that are bound to it."""

    def __init__(
        self, objects: Objects, folder: StateFolder, images: ImageStore, volumes: Volumes, runtime_bin: Path | None,
        version: str,
    ) -> None:  # fmt: skip
        self._objects, self._folder, self._images, self._volumes = objects, folder, images, volumes
        self._runtime_bin, self._version = runtime_bin, version
        self._workers: dict[str, PodWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._addresses: set[str] = set()
        self._free = self._next_address()
        self.logs = FileLogs(self._folder_of, objects.now)

    async def run(self) -> None:
        """Run pods until cancelled; then every process ends at once. ClusterError when their keeper is gone."""
        _raise_file_limit()
        register_node(self._objects, self._version)
        self._show_images()  # those of an earlier start are still here, or are gone
        async with KeeperClient() as keeper:
            events = EventRecorder(self._objects, "kubelet", NODE_NAME)
            self._shop = Workshop(
                self._objects, self._images, keeper, self._volumes, find_cpu_groups(), events, self._runtime_bin,
                self._show_images,
            )  # fmt: skip
            unsubscribe = self._objects.store.subscribe(self._changed)
            try:
                self._clean_up()
                self._clean_up_claims()
                for pod in self._objects.select(PODS):
                    self._look_at(pod)
                while True:
                    heartbeat(self._objects)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(HEARTBEAT_SECONDS):
                            await keeper.ended()
                        raise ClusterError("the process that keeps the pods' processes has ended", "start it again")
            finally:
                unsubscribe()
                for task in self._tasks.values():
                    task.cancel()
                await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _changed(self, change: Change) -> None:
        if change.resource == PERSISTENT_VOLUME_CLAIMS and change.type is ChangeType.DELETED:
            self._clean_up_claims()
        if change.resource != PODS:
            return
        if change.type is not ChangeType.DELETED:
            self._look_at(change.object)
            return
        worker = self._workers.get(change.object["metadata"]["uid"])
        if worker is not None:
            worker.removed()

    def _look_at(self, pod: Json) -> None:
        uid = pod["metadata"]["uid"]
        if uid in self._workers:
            self._workers[uid].update(pod)
        elif pod["spec"].get("nodeName") == NODE_NAME:
            address = next(one for one in self._free if one not in self._addresses)
            self._addresses.add(address)
            worker = self._workers[uid] = PodWorker(self._shop, pod, self._folder_of(pod), address)
            self._tasks[uid] = asyncio.create_task(self._run(worker, address))

    async def _run(self, worker: PodWorker, address: str) -> None:
        try:
            await worker.run()
        except Exception:  # noqa: BLE001 - a defect with one pod must not end the others
            _log.exception("pod %s", worker.uid)
        finally:
            del self._workers[worker.uid], self._tasks[worker.uid]
            self._addresses.discard(address)
        self._clean_up_claims()

    def _clean_up(self) -> None:
        """Delete what pods have left that are gone."""
        known = {pod["metadata"]["uid"] for pod in self._objects.select(PODS)}
        for folder in self._folder.pods.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    def _clean_up_claims(self) -> None:
        """Delete the volumes of claims that are gone, once the pods that have them have ended."""
        used = [path for worker in self._workers.values() for path in worker.volumes]
        for folder in self._volumes.claims.forsaken(used):
            if folder.name not in self._tasks:
                self._tasks[folder.name] = asyncio.create_task(self._remove(folder))

    async def _remove(self, folder: Path) -> None:
        try:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        finally:
            del self._tasks[folder.name]

    def _folder_of(self, pod: Json) -> Path:
        return self._folder.pods / str(pod["metadata"]["uid"])

    def _show_images(self) -> None:
        show_images(self._objects, self._images.images())

    def _next_address(self) -> Iterator[str]:
        """Addresses for pods, over and over: one that was just in use comes last."""
        network: ipaddress.IPv4Network = self._objects.network.pods
        while True:
            yield from map(str, network.hosts())


def _raise_file_limit() -> None:
    """Four open files a pod add up: take what the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 65536) if hard != resource.RLIM_INFINITY else 65536
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
