"""One pod on the node, from its first container to its removal."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Collection
from pathlib import Path

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import PODS, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.node.container_runner import ContainerRunner
from flowdrill.cluster.node.environment import ConfigError
from flowdrill.cluster.node.pod_context import PodContext
from flowdrill.cluster.node.pod_status import ContainerState, pod_status, state_from
from flowdrill.cluster.node.volumes import UnsupportedVolumeError
from flowdrill.cluster.node.workshop import Workshop

_RETRY_SECONDS = 2.0


class PodWorker:
    """Runs a pod. `pod` is always its latest state, as the node tells it."""

    def __init__(self, shop: Workshop, pod: Json, folder: Path, address: str) -> None:
        self._shop, self._folder, self._address = shop, folder, address
        self._context = PodContext(pod, folder, address, {}, self._changed)
        status = pod.get("status") or {}
        self._initial = _states(pod["spec"].get("initContainers"), status.get("initContainerStatuses"))
        self._main = _states(pod["spec"]["containers"], status.get("containerStatuses"))
        for state in self._main if self._initial and not status.get("containerStatuses") else ():
            state.state = {"waiting": {"reason": "PodInitializing"}}
        self._runners: list[ContainerRunner] = []
        self._ending = asyncio.Event()
        self._gone = False
        self._write_soon: asyncio.Handle | None = None

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return str(self._context.pod["metadata"]["uid"])

    @property
    def volumes(self) -> Collection[Path]:
        """Where the pod's volumes are, once they are made."""
        return self._context.volumes.values()

    def update(self, pod: Json) -> None:
        """Take the pod's new state: it may be being deleted now."""
        before, grace = (one["metadata"].get("deletionGracePeriodSeconds") for one in (self._context.pod, pod))
        self._context.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._ending.set()
        if before is not None and grace is not None and grace < before:
            for runner in self._runners:
                runner.hurry(grace)

    def removed(self) -> None:
        """The pod is no longer in the API: end everything now."""
        self._gone = True
        for runner in self._runners:
            runner.kill()
        self._ending.set()

    async def run(self) -> None:
        """Run the pod to its end: until it is deleted, or removed."""
        if "deletionTimestamp" in self._context.pod["metadata"]:
            self._ending.set()
        working = asyncio.create_task(self._work())
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
                await ending
            await self._end(working)
        finally:
            for task in (working, ending):
                task.cancel()
            for runner in self._runners:
                runner.kill()
            await asyncio.gather(working, ending, return_exceptions=True)
            if self._write_soon is not None:
                self._write_soon.cancel()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _work(self) -> None:
        """Volumes, then the init containers one after the other, then all others at once."""
        pod = self._context.pod
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return
        self._survive()
        self._folder.mkdir(parents=True, exist_ok=True)
        if not await self._make_volumes():
            return
        policy = pod["spec"].get("restartPolicy", "Always")
        initial_policy = "OnFailure" if policy == "Always" else policy
        for container, state in zip(pod["spec"].get("initContainers") or (), self._initial, strict=True):
            if state.exit_code == 0:
                continue
            runner = self._runner(container, state, initial_policy)
            await runner.run()
            if state.exit_code != 0:
                return
        pairs = zip(pod["spec"]["containers"], self._main, strict=True)
        alive = [(one, state) for one, state in pairs if _runs_again(state, policy)]
        runners = [self._runner(one, state, policy) for one, state in alive]
        await asyncio.gather(*(one.run() for one in runners))

    def _survive(self) -> None:
        """What ran in an earlier life of the cluster was killed with it."""
        for state in [*self._initial, *self._main]:
            for log in self._folder.glob(f"logs/{state.name}-*.log"):
                log.with_suffix(".ended").touch()
            if state.is_running:
                ended = {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": "the cluster was stopped"}
                stamp = self._shop.objects.now().strftime("%Y-%m-%dT%H:%M:%SZ")
                ended |= {"startedAt": state.state["running"].get("startedAt"), "finishedAt": stamp}
                state.last_state = {"terminated": ended}
                state.restarts += 1
            if (state.state.get("waiting") or {}).get("reason") == "CrashLoopBackOff":
                state.restarts += 1
            if state.is_running or "waiting" in state.state:
                first = "PodInitializing" if self._initial and state in self._main else "ContainerCreating"
                state.state = {"waiting": {"reason": first}}
        self._write()

    async def _make_volumes(self) -> bool:
        """Make the volumes; return False when the pod ended before what they need was there."""
        while not self._ending.is_set():
            try:
                made = self._shop.volumes.make(self._context.pod, self._folder / "volumes", self._address)
            except (ConfigError, UnsupportedVolumeError, OSError, ValueError) as error:
                self._shop.tell(self._context.pod, "Warning", "FailedMount", f"MountVolume.SetUp failed: {error}")
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._context.volumes = made
                return True
        return False

    def _runner(self, container: Json, state: ContainerState, policy: str) -> ContainerRunner:
        runner = ContainerRunner(self._shop, self._context, container, state, policy)
        self._runners.append(runner)
        if self._ending.is_set():
            runner.kill()
        return runner

    async def _end(self, working: asyncio.Task[None]) -> None:
        meta = self._context.pod["metadata"]
        grace = 0 if self._gone else meta.get("deletionGracePeriodSeconds") or 0
        await asyncio.gather(*(one.stop(grace) for one in self._runners))
        if not working.done() and not self._runners:
            working.cancel()
        await asyncio.wait({working})
        if self._gone:
            return
        self._write()
        options = DeleteOptions(grace_seconds=0, uid=self.uid)
        try:
            self._shop.objects.delete(PODS, meta["namespace"], meta["name"], options)
        except StatusError as error:
            if error.code not in (404, 409):  # gone already, or another pod of the same name
                raise

    def _changed(self) -> None:
        """Write the status in this turn of the loop, once for all that changes in it."""
        if self._write_soon is None:
            self._write_soon = asyncio.get_running_loop().call_soon(self._write)

    def _write(self) -> None:
        if self._write_soon is not None:
            self._write_soon.cancel()
            self._write_soon = None
        meta = self._context.pod["metadata"]
        current = self._shop.objects.find(PODS, meta["namespace"], meta["name"])
        if current is None or current["metadata"]["uid"] != meta["uid"]:
            return
        node = str(self._shop.objects.network.node)
        now = self._shop.objects.now()
        status = pod_status(current, self._initial, self._main, self._address, node, now)
        if status == current.get("status"):
            return
        new = {**current, "metadata": {**current["metadata"], "resourceVersion": ""}, "status": status}
        self._context.pod = self._shop.objects.update(PODS, new, part=Part.STATUS)


def _states(containers: list[Json] | None, statuses: list[Json] | None) -> list[ContainerState]:
    known = {one["name"]: one for one in statuses or ()}
    return [state_from(one["name"], one["image"], known.get(one["name"])) for one in containers or ()]


def _runs_again(state: ContainerState, policy: str) -> bool:
    return state.exit_code is None or policy == "Always" or (policy == "OnFailure" and state.exit_code != 0)
