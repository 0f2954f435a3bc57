"""A claim's volume outlives its pods, and goes with the claim, but never under a pod that still runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flowdrill.cluster.api.objects import Part
from flowdrill.cluster.api.resource_types import EVENTS, PERSISTENT_VOLUME_CLAIMS, Json
from flowdrill.cluster.node.claim_folders import ClaimFolders
from flowdrill.cluster.node.environment import ConfigError
from flowdrill.cluster.node.volumes import Volumes
from tests.unit.cluster.controllers.driven import named
from tests.unit.cluster.node.test_node import Stage, run, until

SPEC: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
MOUNTS = [{"name": "v", "mountPath": "/data"}]
POD: Json = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
WRITES = "echo word >> /data/words; cat /data/words"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def claimed(stage: Stage, phase: str = "Bound", **spec: str) -> str:
    """Make the claim `data`; its uid."""
    resource = PERSISTENT_VOLUME_CLAIMS
    made = stage.objects.create(resource, named(resource, "data", spec={**SPEC, **spec}))
    stage.objects.change(resource, "shop", "data", lambda one: one.update(status={"phase": phase}), part=Part.STATUS)
    return str(made["metadata"]["uid"])


def let_go(stage: Stage) -> None:
    """The claim is gone, whoever has it."""
    stage.objects.delete(PERSISTENT_VOLUME_CLAIMS, "shop", "data")
    stage.objects.change(PERSISTENT_VOLUME_CLAIMS, "shop", "data", lambda one: one["metadata"].pop("finalizers"))


def volumes_of(stage: Stage) -> list[str]:
    return sorted(one.name for one in stage.folder.claims.iterdir())


def test_what_a_pod_wrote_is_there_for_the_next_one_and_goes_with_the_claim(stage: Stage) -> None:
    async def story() -> None:
        uid = claimed(stage)
        for wanted in ("word\n", "word\nword\n"):
            stage.make(WRITES, spec=POD, volumeMounts=MOUNTS)
            await until(stage.ended)
            assert await stage.log() == wanted
            stage.delete()
            await until(lambda: stage.pod is None)
            assert volumes_of(stage) == [uid]
        let_go(stage)
        await until(lambda: not volumes_of(stage))
        again = claimed(stage)
        stage.make(WRITES, spec=POD, volumeMounts=MOUNTS)
        await until(stage.ended)
        assert await stage.log() == "word\n", "another claim of the same name begins empty"
        assert volumes_of(stage) == [again]

    run(stage, story())


def test_a_container_that_is_started_again_finds_what_it_wrote(stage: Stage) -> None:
    async def story() -> None:
        claimed(stage)
        script = "echo word >> /data/words; test $(wc -l < /data/words) = 2"
        stage.make(script, spec={**POD, "restartPolicy": "OnFailure"}, volumeMounts=MOUNTS)
        await until(lambda: (stage.ended() or {}).get("exitCode") == 0)
        assert stage.container["restartCount"] == 1

    run(stage, story())


@pytest.mark.parametrize(("phase", "why"), [(None, "not found"), ("Pending", "is not bound")])
def test_a_pod_on_the_node_waits_for_its_claim_and_says_so(stage: Stage, phase: str | None, why: str) -> None:
    async def story() -> None:
        if phase:
            claimed(stage, phase)
        stage.make("exit 0", spec=POD, volumeMounts=MOUNTS)
        await until(lambda: "FailedMount" in stage.events())
        assert any(f'persistentvolumeclaim "data" {why}' in one["message"] for one in stage.objects.select(EVENTS))
        assert not stage.folder.claims.exists()
        bound: Json = {"phase": "Bound"}
        if phase:
            stage.objects.change(
                PERSISTENT_VOLUME_CLAIMS, "shop", "data", lambda one: one.update(status=bound), part=Part.STATUS
            )
        else:
            claimed(stage)
        assert (await until(stage.ended))["exitCode"] == 0

    run(stage, story())


def test_a_claim_that_is_forced_away_leaves_the_volume_to_the_pod_that_runs(stage: Stage) -> None:
    async def story() -> None:
        uid = claimed(stage)
        script = "trap 'exit 0' TERM; echo up; while :; do echo word >> /data/words; sleep 0.01; done"
        stage.make(script, spec=POD, volumeMounts=MOUNTS)
        await stage.up()
        let_go(stage)
        assert volumes_of(stage) == [uid]
        stage.delete()
        await until(lambda: stage.pod is None)
        await until(lambda: not volumes_of(stage))

    run(stage, story())


def test_volumes_of_claims_that_are_gone_are_cleaned_at_the_start(stage: Stage) -> None:
    async def story() -> None:
        await until(lambda: volumes_of(stage) == [uid])

    uid = claimed(stage)
    for name in (uid, "of-a-claim-that-is-gone"):
        (stage.folder.claims / name / "deep").mkdir(parents=True)
    run(stage, story())
    assert (stage.folder.claims / uid / "deep").is_dir()


def test_a_claim_for_a_device_cannot_be_mounted(stage: Stage) -> None:
    claimed(stage, volumeMode="Block")
    with pytest.raises(ConfigError, match="no block devices"):
        ClaimFolders(stage.objects, stage.folder.claims).of("shop", "data")


@pytest.mark.parametrize("inner", ["/data/inner", "/data/deep/inner", "/other/../data/inner"])
def test_nothing_is_mounted_over_what_a_volume_keeps(stage: Stage, tmp_path: Path, inner: str) -> None:
    claimed(stage)
    claims = ClaimFolders(stage.objects, stage.folder.claims)
    kept = claims.of("shop", "data") / "inner" / "words"
    kept.parent.mkdir()
    kept.touch()
    volumes = Volumes(stage.objects, str, "", claims)
    sources = [*POD["volumes"], {"name": "w", "emptyDir": {}}]
    pod = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"volumes": sources}}
    pod["spec"]["automountServiceAccountToken"] = False  # type: ignore[index]
    made = volumes.make(pod, tmp_path / "pod", "127.231.64.1")
    container = {"volumeMounts": [{"name": "w", "mountPath": inner}, *MOUNTS]}
    with pytest.raises(ConfigError, match="in a persistent volume"):
        volumes.mount(container, made, tmp_path / "root", {})
    assert kept.exists()
    shutil.rmtree(tmp_path / "root")
    assert kept.exists(), "what a container leaves behind never leads to a volume"
