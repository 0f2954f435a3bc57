"""One container of a pod: its image, its process, its probes, and starting it again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.node.container_commands import ContainerCommands
from flowdrill.cluster.node.container_plan import ContainerPlanner
from flowdrill.cluster.node.environment import ConfigError
from flowdrill.cluster.node.images import InvalidImageNameError, PulledImage, PullError
from flowdrill.cluster.node.keeper_client import ProcessPlan, Running, StartError
from flowdrill.cluster.node.limits import LOOK_SECONDS, held_bytes, limit_of
from flowdrill.cluster.node.pod_context import PodContext
from flowdrill.cluster.node.pod_status import ContainerState
from flowdrill.cluster.node.probes import probing
from flowdrill.cluster.node.workshop import Workshop

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_FIRST_BACK_OFF, _LONGEST_BACK_OFF = 10.0, 300.0
_FORGIVEN_AFTER_SECONDS = 600.0
_CONFIG_RETRY_SECONDS = 2.0
_OUT_OF_MEMORY = "OOMKilled"


class ContainerRunner:
    """Runs one container until its pod ends it, or until it has ended for good."""

    def __init__(
        self, shop: Workshop, context: PodContext, container: Json, state: ContainerState, policy: str
    ) -> None:
        self._shop, self._context, self._container, self.state = shop, context, container, state
        self._policy = policy
        self._planner = ContainerPlanner(shop, context, container, self._event)
        self._running: Running | None = None
        self._commands = ContainerCommands(shop, context, container, self._event)
        self._is_out_of_memory = False
        self._ending: asyncio.Task[None] | None = None  # because a probe failed
        self._stopping = False
        self._stop_asked = asyncio.Event()

    async def run(self) -> None:
        """Run it, again and again as its restart policy says; returns when it has ended for good, or was stopped."""
        back_off, first = _FIRST_BACK_OFF, self.state.restarts == 0 and "terminated" not in self.state.last_state
        while not self._stopping:
            image = await self._image()
            plan = None if image is None else await self._prepared(image)
            if image is None or plan is None:
                return
            began = asyncio.get_running_loop().time()
            code = await self._one_life(plan, image)
            if self._stopping or code is None or not self._is_restarted(code):
                return
            if not first and asyncio.get_running_loop().time() - began > _FORGIVEN_AFTER_SECONDS:
                back_off, first = _FIRST_BACK_OFF, True
            if not first:
                await self._back_off(back_off)
                back_off = min(2 * back_off, _LONGEST_BACK_OFF)
            first = False
            self.state.restarts += 1

    async def stop(self, grace_seconds: float) -> None:
        """End it: preStop, SIGTERM, and after its grace SIGKILL."""
        self._stopping = True
        self._stop_asked.set()
        running = self._running
        if running is None or running.ended.done():
            return
        self._event("Normal", "Killing", f"Stopping container {self.state.name}")
        await self._end(running, grace_seconds)

    async def _end(self, running: Running, grace_seconds: float) -> None:
        end = asyncio.get_running_loop().time() + grace_seconds
        hook = (self._container.get("lifecycle") or {}).get("preStop")
        if hook and grace_seconds > 0:
            hooked = asyncio.create_task(self._commands.hook(hook, "FailedPreStopHook"))
            first: set[asyncio.Future[Any]] = {hooked, running.ended}
            await asyncio.wait(first, timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED)
            hooked.cancel()
        self._shop.keeper.signal(running, signal.SIGTERM)
        left = max(0.0 if grace_seconds <= 0 else 1.0, end - asyncio.get_running_loop().time())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await asyncio.shield(running.ended)
        if not running.ended.done():
            self._shop.keeper.signal(running, signal.SIGKILL)
        await running.ended

    def hurry(self, grace_seconds: float) -> None:
        """End it sooner than `stop` was told to."""
        asyncio.get_running_loop().call_later(grace_seconds, self.kill)

    def kill(self) -> None:
        """End it at once."""
        self._stopping = True
        self._stop_asked.set()
        if self._running is not None:
            self._shop.keeper.signal(self._running, signal.SIGKILL)

    async def _image(self) -> PulledImage | None:
        """The container's image, waited for with back-off; None when the pod ended first."""
        name, policy = self._container["image"], self._container.get("imagePullPolicy", "IfNotPresent")
        back_off = _FIRST_BACK_OFF
        while not self._stopping:
            present = self._shop.images.present(name)
            if present is not None and policy != "Always":
                self._event("Normal", "Pulled", f'Container image "{name}" already present on machine')
                return present
            if policy == "Never":
                text = f'Container image "{name}" is not present with pull policy of Never'
                self._event("Warning", "ErrImageNeverPull", text)
                await self._wait("ErrImageNeverPull", text, _CONFIG_RETRY_SECONDS)
                continue
            self._event("Normal", "Pulling", f'Pulling image "{name}"')
            try:
                image = await self._pulled(name)
            except PullError as error:
                self._event("Warning", "Failed", f'Failed to pull image "{name}": {error}')
                reason = "InvalidImageName" if isinstance(error, InvalidImageNameError) else "ErrImagePull"
                self._event("Warning", "Failed", f"Error: {reason}")
                self._set(waiting={"reason": reason, "message": str(error)})
                if await self._stopped_within(1.0):
                    return None
                text = f'Back-off pulling image "{name}"'
                self._event("Normal", "BackOff", text)
                if reason == "ErrImagePull":
                    self._set(waiting={"reason": "ImagePullBackOff", "message": text})
                await self._stopped_within(back_off)
                back_off = min(2 * back_off, _LONGEST_BACK_OFF)
            else:
                if image is not None:
                    self._event("Normal", "Pulled", f'Successfully pulled image "{name}"')
                return image
        return None

    async def _pulled(self, name: str) -> PulledImage | None:
        """An image, None when the pod ended first: it does not wait for a registry that does not answer."""
        pull = asyncio.create_task(self._shop.pull(name))
        stop = asyncio.create_task(self._stop_asked.wait())
        try:
            await asyncio.wait({pull, stop}, return_when=asyncio.FIRST_COMPLETED)
            return pull.result() if pull.done() else None
        finally:
            pull.cancel()
            stop.cancel()

    async def _prepared(self, image: PulledImage) -> ProcessPlan | None:
        """What to start; None when the pod ended before what it refers to was there."""
        while not self._stopping:
            try:
                return await self._planner.plan(image, self.state.restarts)
            except (ConfigError, OSError, ValueError) as error:
                reason = "CreateContainerConfigError" if isinstance(error, ConfigError) else "CreateContainerError"
                self._event("Warning", "Failed", f"Error: {error}")
                await self._wait(reason, str(error), _CONFIG_RETRY_SECONDS)
        return None

    async def _one_life(self, plan: ProcessPlan, image: PulledImage) -> int | None:
        """Start the process and wait for its end; return its exit code, None when the pod ended first."""
        self._commands.plan, self._is_out_of_memory, self._ending = plan, False, None
        self.state.image_id = image.image_id
        self._event("Normal", "Created", f"Created container {self.state.name}")
        began = self._stamp()
        try:
            running = self._running = await self._shop.keeper.start(plan)
        except StartError as error:
            self._event("Warning", "Failed", f"Error: failed to start container: {error}")
            plan.log.with_suffix(".ended").touch()
            return self._ended(128, "ContainerCannotRun", began, str(error))
        if "running" in self.state.state or "terminated" in self.state.state:
            self.state.last_state = {"terminated": self.state.state.get("terminated", {})}
        self.state.container_id = f"flowdrill://{self._context.pod['metadata']['uid']}/{self.state.name}/{running.id}"
        self._event("Normal", "Started", f"Started container {self.state.name}")
        if self._stopping:
            self._shop.keeper.signal(running, signal.SIGKILL)
        watching = [asyncio.create_task(one) for one in self._watchers(running)]
        self.state.started = self._container.get("startupProbe") is None
        self.state.ready = self.state.started and self._container.get("readinessProbe") is None
        self._set(running={"startedAt": began})
        try:
            code = await running.ended
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        reason = _OUT_OF_MEMORY if self._is_out_of_memory else "Completed" if code == 0 else "Error"
        plan.log.with_suffix(".ended").touch()
        return self._ended(137 if self._is_out_of_memory else code, reason, began)

    def _watchers(self, running: Running) -> list[Coroutine[Any, Any, None]]:
        found = [self._probe(running)]
        limit = limit_of(self._container, "memory")
        if limit is not None:
            found.append(self._watch_memory(running, int(limit)))
        hook = (self._container.get("lifecycle") or {}).get("postStart")
        if hook:
            found.append(self._after_start(hook, running))
        return found

    async def _after_start(self, hook: Json, running: Running) -> None:
        if not await self._commands.hook(hook, "FailedPostStartHook"):
            self._shop.keeper.signal(running, signal.SIGKILL)

    async def _watch_memory(self, running: Running, limit: int) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if held_bytes(running.overseer) > limit:
                self._is_out_of_memory = True
                self._shop.keeper.signal(running, signal.SIGKILL)
                return

    async def _probe(self, running: Running) -> None:
        """Probe as long as it runs: until it has started, only that; then whether it lives and is ready."""
        container = self._container
        prober = self._commands.prober()
        startup = container.get("startupProbe")
        if startup:
            started = asyncio.Event()
            task = asyncio.create_task(
                probing(
                    prober, startup, functools.partial(self._judged_start, running, started), self._failed("Startup")
                )
            )
            try:
                await started.wait()
            finally:
                task.cancel()
            self.state.started = True
            self.state.ready = container.get("readinessProbe") is None
            self._context.changed()
        probes = []
        if container.get("readinessProbe"):
            probes.append(probing(prober, container["readinessProbe"], self._judged_ready, self._failed("Readiness")))
        if container.get("livenessProbe"):
            dead = functools.partial(self._judged_alive, running, "liveness", container["livenessProbe"])
            probes.append(probing(prober, container["livenessProbe"], dead, self._failed("Liveness")))
        if probes:
            await asyncio.gather(*probes)

    def _judged_start(self, running: Running, started: asyncio.Event, good: bool) -> None:
        if good:
            started.set()
        else:
            self._judged_alive(running, "startup", self._container["startupProbe"], good)

    def _judged_alive(self, running: Running, kind: str, probe: Json, good: bool) -> None:
        if not good and not self._stopping and self._ending is None:
            text = f"Container {self.state.name} failed {kind} probe, will be restarted"
            self._event("Normal", "Killing", text)
            grace = probe.get("terminationGracePeriodSeconds")
            if grace is None:
                grace = self._context.pod["spec"].get("terminationGracePeriodSeconds", 30)
            self._ending = asyncio.create_task(self._end(running, grace))

    def _judged_ready(self, good: bool) -> None:
        if self.state.ready != good and self.state.is_running:
            self.state.ready = good
            self._context.changed()

    def _failed(self, kind: str) -> Callable[[str], None]:
        def failed(message: str) -> None:
            if not self._stopping:
                self._event("Warning", "Unhealthy", f"{kind} probe failed: {message}")

        return failed

    def _ended(self, code: int, reason: str, began: str, message: str = "") -> int:
        self._running, self.state.ready, self.state.started = None, False, False
        ended = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": self._stamp()}
        ended |= {"containerID": self.state.container_id} if self.state.container_id else {}
        ended |= {"signal": code - 128} if code > 128 and reason != _OUT_OF_MEMORY else {}
        self._set(terminated=ended | ({"message": message} if message else {}))
        return code

    def _is_restarted(self, code: int) -> bool:
        return self._policy == "Always" or (self._policy == "OnFailure" and code != 0)

    async def _back_off(self, seconds: float) -> None:
        name, pod = self.state.name, self._context.pod["metadata"]
        self._event("Warning", "BackOff", f"Back-off restarting failed container {name} in pod {pod['name']}")
        text = f"back-off {int(seconds)}s restarting failed container={name} pod={pod['name']}_{pod['namespace']}"
        self.state.last_state = {"terminated": self.state.state["terminated"]}
        await self._wait("CrashLoopBackOff", text, seconds)

    async def _wait(self, reason: str, message: str, seconds: float) -> None:
        self._set(waiting={"reason": reason, "message": message})
        await self._stopped_within(seconds)

    async def _stopped_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop_asked.wait()
        return self._stopping

    def _set(self, **state: Json) -> None:
        if "running" in state and "terminated" in self.state.state:
            self.state.last_state = {"terminated": self.state.state["terminated"]}
        self.state.state = dict(state)
        self._context.changed()

    def _event(self, kind: str, reason: str, message: str) -> None:
        field = f"spec.containers{{{self.state.name}}}"
        self._shop.tell(self._context.pod, kind, reason, message, field)

    def _stamp(self) -> str:
        return self._shop.objects.now().strftime(_TIME)
