"""The commands that put a workload back by hand: a shell takes them as they are."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

from flowdrill.model.undo import Undo

UNDO = Undo("run", "deployment/app", "shop", "flow", "app@sha256:1", None, "host")
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
    recovery, wait, image = words(replace(UNDO, recovery_image="app@sha256:2", fields={"env": []}))
    assert recovery[3:6] == ["patch", "deployment/app", "-p"]
    assert '"image": "app@sha256:2"' in recovery[-1]
    assert wait == ["kubectl", "-n", "shop", "rollout", "status", "deployment/app"]
    assert '"image": "app@sha256:1"' in image[-1]
