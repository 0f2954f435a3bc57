"""Puts the parts of a cluster together, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from flowdrill.cluster.api.app import KubernetesApi
from flowdrill.cluster.api.audit import AuditLog
from flowdrill.cluster.api.authentication import Authenticator
from flowdrill.cluster.api.authorization import Authorizer
from flowdrill.cluster.api.bootstrap import bootstrap
from flowdrill.cluster.api.default_roles import bootstrap_roles
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ResourceTypes
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.store import Store
from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.controllers.loop import ControllerLoop
from flowdrill.cluster.controllers.supporting import supporting_controllers
from flowdrill.cluster.controllers.workloads import workload_controllers
from flowdrill.cluster.events import EventRecorder
from flowdrill.cluster.kubeconfig import kubeconfig_text
from flowdrill.cluster.listening import Listening, listen
from flowdrill.cluster.network import Network
from flowdrill.cluster.node.claim_folders import ClaimFolders
from flowdrill.cluster.node.images import ImageStore
from flowdrill.cluster.node.node import Node
from flowdrill.cluster.node.service_proxy import ServiceProxy
from flowdrill.cluster.node.volumes import Volumes
from flowdrill.cluster.registry.app import RegistryApp
from flowdrill.cluster.registry.storage import Storage
from flowdrill.cluster.serving import serving
from flowdrill.cluster.state_folder import Settings, StateFolder
from flowdrill.errors import ClusterError

VERSION = "v1.36.0+flowdrill"  # what is served is that release's API, as far as it goes

_GARBAGE_AFTER_SECONDS = 3600.0

_log = logging.getLogger(__name__)


async def run_cluster(folder: StateFolder, tell_up: Callable[[], None], *, until_end_of: TextIO | None) -> None:
    """Run the cluster of `folder` until SIGTERM, SIGINT, or the end of a stream; `tell_up` is called once everything
    answers. FlowdrillError or OSError when it cannot start: then no process and no port is left behind."""
    settings = folder.settings()
    stop = _stop_asked(until_end_of)
    with ExitStack() as kept:
        listening = listen(settings.api_port, settings.registry_port, settings.prefix)
        kept.callback(listening.close)
        settings = _chosen(folder, settings, listening)
        network = Network(listening.prefix, listening.api_port)
        store = kept.enter_context(closing(Store(folder.database)))
        objects = Objects(store, ResourceTypes(), network, lambda: datetime.now(UTC))
        await _run_parts(folder, settings, listening, objects, tell_up, stop)
    _log.info("stopped")


async def _run_parts(
    folder: StateFolder,
    settings: Settings,
    listening: Listening,
    objects: Objects,
    tell_up: Callable[[], None],
    stop: asyncio.Event,
) -> None:
    try:
        bootstrap(objects)
        bootstrap_roles(objects)
    except StatusError as error:
        raise ClusterError(
            error.message, "see that there is room and that you may write there, or name another folder with --state"
        ) from error
    registry = f"127.0.0.1:{listening.registry_port}"
    images = ImageStore(folder.images, registry, frozenset(settings.trusted_registries))
    runtime = Path(settings.runtime) if settings.runtime else None
    authenticator = Authenticator(
        objects, folder.token.read_text("utf-8"), bytes.fromhex(folder.signing_key.read_text("utf-8"))
    )
    authority = (folder.certificates / "ca.crt").read_text("utf-8")
    claims = ClaimFolders(objects, folder.claims)
    volumes = Volumes(objects, authenticator.lasting_token, authority, claims)
    node = Node(objects, folder, images, volumes, runtime, VERSION)
    audit = AuditLog(folder.audit_log, objects.now)
    api = KubernetesApi(objects, authenticator, Authorizer(objects), node.logs, VERSION, audit=audit)
    controllers = ControllerLoop(
        objects.store,
        (*workload_controllers(objects), *supporting_controllers(objects, authenticator.lasting_token, authority)),
    )
    proxy = ServiceProxy(objects, EventRecorder(objects, "kube-proxy", "flowdrill-node"))
    async with AsyncExitStack() as running:
        await running.enter_async_context(serving(api, listening.api, folder.certificates))
        running.callback(api.stop)
        storage = Storage(folder.registry)
        # Before it serves: what a push has begun, and will go on with, is not to go away under it.
        await asyncio.to_thread(storage.collect_garbage, _GARBAGE_AFTER_SECONDS, time.time())
        folder.registry_down.unlink(missing_ok=True)
        app = RegistryApp(storage, is_down=folder.registry_down.exists)
        await running.enter_async_context(serving(app, listening.registry))
        if settings.runtime_version is not None:
            await asyncio.to_thread(push_base_image, registry, settings.runtime_version)
        parts = [asyncio.create_task(_part(one, stop)) for one in (controllers.run(), node.run(), proxy.run())]
        running.push_async_callback(_cancelled, parts)
        _log.info("up: API on port %d, registry on port %d", listening.api_port, listening.registry_port)
        tell_up()
        await stop.wait()
    for one in parts:
        one.result()


async def _part(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Run one part for as long as the cluster runs; when it fails, the cluster stops instead of limping on."""
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    finally:
        stop.set()


async def _cancelled(parts: list[asyncio.Task[None]]) -> None:
    for one in parts:
        one.cancel()
    await asyncio.wait(parts)


def _stop_asked(stream: TextIO | None) -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if stream is not None:

        def read() -> None:
            if not stream.buffer.read1():  # type: ignore[attr-defined]
                loop.remove_reader(stream)
                stop.set()

        loop.add_reader(stream, read)
    return stop


def _chosen(folder: StateFolder, settings: Settings, listening: Listening) -> Settings:
    """Keep what was chosen, so that the next start finds the same addresses; write the kubeconfig."""
    chosen = replace(
        settings, api_port=listening.api_port, registry_port=listening.registry_port, prefix=listening.prefix
    )
    if chosen != settings or not folder.kubeconfig.exists():
        folder.save(chosen)
        authority = (folder.certificates / "ca.crt").read_bytes()
        text = kubeconfig_text(listening.api_port, authority, folder.token.read_text("utf-8"))
        folder.write_private(folder.kubeconfig, text)
    return chosen
