"""The commands that put a workload back by hand: a shell takes them as they are."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage
from flowdrill.model.obstacle import ObstacleUndo
from flowdrill.model.undo import Undo, undo_digest, undo_from_json, undo_to_json

UNDO = Undo("run", "deployment/app", "shop", "flow", "app@sha256:1", None, "host")
REFERENCE = parse_image_reference("app.test/app@sha256:" + "2" * 64)
RECOVERY = BrokenImage(REFERENCE, REFERENCE, (), 1, ())
HOSTILE = 'it\'s; $(rm -rf ~) `x` && "y"\n\\ ä'


def words(undo: Undo) -> list[list[str]]:
    """Return each command as a shell would split it; only `&&` between them means anything to it."""
    lexer = shlex.shlex(undo.by_hand(), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    commands: list[list[str]] = [[]]
    for word in lexer:
        if word == "&&":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def test_an_image_alone_is_set() -> None:
    assert UNDO.by_hand() == "kubectl -n shop set image deployment/app flow=app@sha256:1"


def test_fields_are_put_back_with_the_image_in_one_patch() -> None:
    env = [{"name": "A", "value": HOSTILE}]
    (command,) = words(replace(UNDO, fields={"env": env, "livenessProbe": None}))
    assert command[:-1] == ["kubectl", "-n", "shop", "patch", "deployment/app", "-p"]
    (container,) = json.loads(command[-1])["spec"]["template"]["spec"]["containers"]
    assert container == {
        "name": "flow", "image": "app@sha256:1", "env": [*env, {"$patch": "replace"}], "livenessProbe": None,
    }  # fmt: skip


def test_a_config_map_comes_first_and_a_restart_last() -> None:
    config, image, restart = words(replace(UNDO, beside={"configmap/flows": {"data": {"a b.json": HOSTILE}}}))
    assert config[:-1] == ["kubectl", "-n", "shop", "patch", "configmap/flows", "-p"]
    assert json.loads(config[-1]) == {"data": {"a b.json": HOSTILE}}
    assert image == ["kubectl", "-n", "shop", "set", "image", "deployment/app", "flow=app@sha256:1"]
    assert restart == ["kubectl", "-n", "shop", "rollout", "restart", "deployment/app"]


def test_names_that_a_shell_would_act_on_are_quoted() -> None:
    (command,) = words(replace(UNDO, image=HOSTILE.replace("\n", " ")))
    assert command[-1] == f"flow={HOSTILE}".replace("\n", " ")


def test_what_the_drill_has_started_is_deleted_last_and_by_its_run() -> None:
    config, _, restart, delete = words(replace(UNDO, beside={"configmap/flows": {"data": {}}}, started="deployment/a"))
    assert (config[3], restart[3]) == ("patch", "rollout")
    assert delete == ["kubectl", "-n", "shop", "delete", "deployment", "-l", "flowdrill.dev/run=run"]


def test_data_is_put_back_by_an_image_of_its_own_before_the_stable_one() -> None:
    recovery, wait, image = words(replace(UNDO, recovery=RECOVERY, fields={"env": []}))
    assert recovery[3:6] == ["patch", "deployment/app", "-p"]
    assert f'"image": "{REFERENCE}"' in recovery[-1]
    assert wait == ["kubectl", "-n", "shop", "rollout", "status", "deployment/app"]
    assert '"image": "app@sha256:1"' in image[-1]


def test_an_undo_is_written_down_and_read_back_whole() -> None:
    undo = replace(
        UNDO,
        fields={"env": [{"name": "A", "value": HOSTILE}], "command": None},
        beside={"configmap/flows": {"data": {"a": HOSTILE}}},
        obstacles=(ObstacleUndo("rollout-paused", ("kubectl patch",), {"a": [1]}),),
        broken=RECOVERY,
        recovery=RECOVERY,
        digests=("sha256:1",),
        replicas=0,
    )
    assert undo_from_json(undo_to_json(undo)) == undo
    assert undo_digest(undo) == undo_digest(undo_from_json(undo_to_json(undo)))
    assert undo_digest(undo) != undo_digest(replace(undo, replicas=1))


def test_an_image_that_neither_the_drill_nor_the_stable_release_has_is_somebody_elses() -> None:
    undo = replace(UNDO, image="a.test/app:1", digests=("sha256:" + "3" * 64,), broken=RECOVERY)
    assert undo.owns("a.test/app:1")
    assert undo.owns("mirror.test/app@sha256:" + "3" * 64)
    assert undo.owns(str(REFERENCE))
    assert not undo.owns("a.test/app:2")
    assert not undo.owns("?")
