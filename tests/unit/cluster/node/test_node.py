"""Pods on the node, from their images to their end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.pod_logs import LogOptions
from flowdrill.cluster.api.resource_types import EVENTS, NAMESPACES, PODS, SECRETS, Json
from flowdrill.cluster.node.claim_folders import ClaimFolders
from flowdrill.cluster.node.images import ImageStore, PulledImage, PullError
from flowdrill.cluster.node.node import Node
from flowdrill.cluster.node.node_status import NODE_NAME
from flowdrill.cluster.node.volumes import Volumes
from flowdrill.cluster.state_folder import StateFolder
from flowdrill.errors import ClusterError
from flowdrill.oci.image_config import parse_config
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named

IMAGE, MISSING, SLOW = "host/app:1", "host/missing:1", "host/slow:1"
STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.05; done"
T = TypeVar("T")


class Images(ImageStore):
    """Has one image, which is here from the start; another never comes."""

    def __init__(self, folder: Path) -> None:
        (folder / "app").mkdir(parents=True)
        super().__init__(folder, "host", frozenset())
        config = parse_config(json.dumps({"rootfs": {"diff_ids": []}}).encode(), "here")
        self._image = PulledImage(IMAGE, f"host/app@sha256:{'0' * 64}", 0, config, folder)
        self.pulls: list[str] = []

    def present(self, reference: str) -> PulledImage | None:
        return self._image if reference == IMAGE else None

    async def pull(self, reference: str) -> PulledImage:
        self.pulls.append(reference)
        if reference == SLOW:
            await asyncio.get_running_loop().create_future()
        if reference == MISSING:
            raise PullError("not found")
        return self._image


class Stage:
    """A node that runs, and its API."""

    def __init__(self, folder: Path) -> None:
        self.objects: Objects = fresh_objects(Clock())
        for name in ("kube-node-lease", "default"):
            self.objects.create(NAMESPACES, named(NAMESPACES, name, None))
        self.images = Images(folder / "images")
        self.folder = StateFolder(folder)
        self.folder.pods.mkdir()
        volumes = Volumes(self.objects, str, "", ClaimFolders(self.objects, self.folder.claims))
        self.node = Node(self.objects, self.folder, self.images, volumes, None, "v1")

    def make(self, script: str = STUBBORN, *, spec: Json | None = None, **container: Any) -> None:
        main = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script], **container}
        whole = {"nodeName": NODE_NAME, "restartPolicy": "Never", "containers": [main], **(spec or {})}
        self.objects.create(PODS, named(PODS, "web", spec={"terminationGracePeriodSeconds": 600, **whole}))

    @property
    def pod(self) -> Json | None:
        return self.objects.find(PODS, "shop", "web")

    @property
    def container(self) -> Json:
        return dict((((self.pod or {}).get("status") or {}).get("containerStatuses") or [{}])[0])

    def waits_for(self, reason: str) -> bool:
        return bool(((self.container.get("state") or {}).get("waiting") or {}).get("reason") == reason)

    def ended(self) -> Json | None:
        found: Json | None = (self.container.get("state") or {}).get("terminated")
        return found

    def delete(self, grace_seconds: int | None = None) -> None:
        self.objects.delete(PODS, "shop", "web", DeleteOptions(grace_seconds=grace_seconds))

    def events(self) -> list[str]:
        return [str(one["reason"]) for one in self.objects.select(EVENTS, "shop")]

    async def log(self) -> str:
        assert self.pod is not None
        return b"".join([piece async for piece in self.node.logs.read(self.pod, LogOptions("main"))]).decode()

    async def up(self) -> None:
        await until(lambda: "running" in (self.container.get("state") or {}))
        while not await self.log():
            await asyncio.sleep(0.005)


async def until(condition: Callable[[], T | None]) -> T:
    end = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < end, "it does not come"
        await asyncio.sleep(0.005)
    return found


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def run(stage: Stage, story: Coroutine[Any, Any, None]) -> None:
    async def play() -> None:
        node, told = asyncio.create_task(stage.node.run()), asyncio.create_task(story)
        await asyncio.wait({node, told}, return_when=asyncio.FIRST_COMPLETED)
        if node.done():
            node.result()
        node.cancel()
        await asyncio.gather(node, return_exceptions=True)
        told.result()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        ({"image": MISSING, "imagePullPolicy": "Never"}, "ErrImageNeverPull"),
        ({"image": MISSING}, "ErrImagePull"),
        ({"image": SLOW}, "ContainerCreating"),
        ({"envFrom": [{"secretRef": {"name": "gone"}}]}, "CreateContainerConfigError"),
        ({"command": None}, "CreateContainerConfigError"),
    ],
)
def test_a_pod_that_waits_says_for_what_and_can_be_deleted_meanwhile(
    stage: Stage, container: Json, reason: str
) -> None:
    async def story() -> None:
        stage.make(**container)
        await until(lambda: stage.waits_for(reason))
        stage.delete()
        await until(lambda: stage.pod is None)

    run(stage, story())


def test_a_pod_in_back_off_can_be_deleted(stage: Stage) -> None:
    async def story() -> None:
        stage.make("echo words; exit 3", spec={"restartPolicy": "Always"})
        await until(lambda: stage.waits_for("CrashLoopBackOff"))
        assert (stage.container["restartCount"], await stage.log()) == (1, "words\n")
        stage.delete()
        await until(lambda: stage.pod is None)

    run(stage, story())


@pytest.mark.parametrize(("policy", "pulls"), [("IfNotPresent", []), ("Never", []), ("Always", [IMAGE])])
def test_an_image_that_is_here_is_pulled_only_when_that_is_asked_for(
    stage: Stage, policy: str, pulls: list[str]
) -> None:
    async def story() -> None:
        stage.make("exit 0", imagePullPolicy=policy)
        assert (await until(stage.ended))["exitCode"] == 0
        assert stage.images.pulls == pulls

    run(stage, story())


def test_a_program_that_is_none_ends_with_a_reason_and_an_empty_log(stage: Stage) -> None:
    async def story() -> None:
        stage.make(command=["/etc/passwd"])
        ended = await until(stage.ended)
        assert (ended["exitCode"], ended["reason"]) == (128, "ContainerCannotRun")
        assert "Permission denied" in ended["message"]
        assert await stage.log() == ""

    run(stage, story())


def test_what_a_pod_waited_for_lets_it_run_when_it_comes(stage: Stage) -> None:
    async def story() -> None:
        stage.make("echo $KEY", envFrom=[{"secretRef": {"name": "late"}}])
        await until(lambda: stage.waits_for("CreateContainerConfigError"))
        stage.objects.create(SECRETS, named(SECRETS, "late", data={"KEY": "JCQkKFgp"}))
        await until(stage.ended)
        assert await stage.log() == "$$$(X)\n"

    run(stage, story())


def test_a_second_deletion_with_less_grace_hurries_the_first_and_its_hook(stage: Stage) -> None:
    async def story() -> None:
        stage.make(lifecycle={"preStop": {"exec": {"command": ["sleep", "600"]}}})
        await stage.up()
        stage.delete()
        await until(lambda: "Killing" in stage.events())
        assert stage.pod is not None
        stage.delete(1)
        await until(lambda: stage.pod is None)

    run(stage, story())


def test_a_forced_deletion_leaves_no_process(stage: Stage) -> None:
    async def story() -> None:
        stage.make(f"echo $$$$; {STUBBORN}")
        await stage.up()
        pid = int((await stage.log()).split()[0])
        stage.delete(0)
        assert stage.pod is None
        await until(lambda: not Path(f"/proc/{pid}").exists())

    run(stage, story())


def test_a_failed_liveness_probe_runs_the_hook_and_ends_as_the_program_does(stage: Stage) -> None:
    async def story() -> None:
        probe = {"exec": {"command": ["false"]}, "failureThreshold": 1}
        hook = {"preStop": {"exec": {"command": ["sh", "-c", "touch $HOME/hook"]}}}
        script = "trap 'ls $HOME; exit 0' TERM; while :; do sleep 0.05; done"
        stage.make(script, livenessProbe=probe, lifecycle=hook)
        ended = await until(stage.ended)
        assert (ended["exitCode"], ended["reason"]) == (0, "Completed")
        assert await stage.log() == "hook\n"
        assert "Unhealthy" in stage.events()

    run(stage, story())


def test_containers_wait_for_the_initial_ones(stage: Stage) -> None:
    async def story() -> None:
        stage.make(spec={"initContainers": [{"name": "first", "image": SLOW, "command": ["true"]}]})
        await until(lambda: stage.waits_for("PodInitializing") and stage.images.pulls)
        assert stage.images.pulls == [SLOW]

    run(stage, story())


def test_a_working_folder_that_nobody_has_is_made_in_the_containers_copy(stage: Stage, tmp_path: Path) -> None:
    async def story() -> None:
        nowhere = "/flowdrill-tests/nowhere"
        stage.make("pwd", workingDir=nowhere)
        await until(stage.ended)
        folder = (await stage.log()).strip()
        assert folder.startswith(str(tmp_path))
        assert folder.endswith(f"/containers/main/root{nowhere}")
        assert not Path("/flowdrill-tests").exists()

    run(stage, story())


def test_a_node_whose_keeper_is_gone_ends(stage: Stage) -> None:
    async def play() -> None:
        node = asyncio.create_task(stage.node.run())
        stage.make()
        await stage.up()
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        (keeper,) = (int(pid) for pid in children if b"keeper.py" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(keeper, signal.SIGKILL)
        with pytest.raises(ClusterError, match="has ended"):
            await node

    asyncio.run(play())
