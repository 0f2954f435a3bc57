"""What is run beside a container's process: commands of probes, as `exec` does, and lifecycle hooks."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import signal
from collections.abc import Callable

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.node.keeper_client import ProcessPlan, StartError
from flowdrill.cluster.node.logs import last_words
from flowdrill.cluster.node.path_mapping import mapping_for
from flowdrill.cluster.node.pod_context import PodContext
from flowdrill.cluster.node.probes import Prober
from flowdrill.cluster.node.workshop import Workshop

_OUTPUT = 4096  # bytes of a probe's or hook's output that are shown
_NUMBERS = itertools.count(1)


class ContainerCommands:
    """Those of one container, in its environment and its root. `plan`: how its process was started last."""

    def __init__(
        self, shop: Workshop, context: PodContext, container: Json, event: Callable[[str, str, str], None]
    ) -> None:
        """`event` takes an event's type, reason and message."""
        self._shop, self._context, self._container, self._event = shop, context, container, event
        self.plan: ProcessPlan | None = None

    def prober(self) -> Prober:
        """What asks the container, by its address and the names of its ports."""
        ports = {one["name"]: one["containerPort"] for one in self._container.get("ports") or () if one.get("name")}
        return Prober(self._context.address, ports, self._run)

    async def hook(self, hook: Json, reason: str) -> bool:
        """Run a lifecycle hook; return whether it went well. An event of that reason tells when it did not."""
        if hook.get("sleep"):
            await asyncio.sleep(hook["sleep"].get("seconds") or 0)
            return True
        limit = self._context.pod["spec"].get("terminationGracePeriodSeconds", 30)
        result = await self.prober().ask({**hook, "timeoutSeconds": limit or 1})
        if not result.good:
            self._event("Warning", reason, result.message[:500])
        return result.good

    async def _run(self, argv: list[str], timeout: float) -> tuple[int, str]:
        """Run a command; its exit code and the end of what it said."""
        plan, name = self.plan, self._container["name"]
        if plan is None or not argv:
            return 1, "there is no command"
        root = self._context.folder / "containers" / name / "root"
        mapping = mapping_for(self._container, root, self._context.address)
        argv = [mapping.text(str(part)) for part in argv]
        log = plan.log.with_name(f".exec-{name}-{next(_NUMBERS)}.log")
        found = shutil.which(argv[0], path=plan.env["PATH"])
        try:
            running = await self._shop.keeper.start(ProcessPlan([found or argv[0], *argv[1:]], plan.env, plan.cwd, log))
        except StartError as error:
            return 126, str(error)
        try:
            async with asyncio.timeout(timeout):
                code = await asyncio.shield(running.ended)
            return code, last_words(log, _OUTPUT)
        finally:
            if not running.ended.done():
                self._shop.keeper.signal(running, signal.SIGKILL)
            for one in (log, log.with_name(f"{log.name}.1")):
                one.unlink(missing_ok=True)
