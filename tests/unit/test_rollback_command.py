"""The team's own rollback as a process: what it is told, what it writes, and how it ends, whatever it does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.rollback.command import Command, Place
from flowdrill.engine.ports import RollbackAttempt
from flowdrill.errors import PlanError
from flowdrill.model.rollback import RollbackRequest, RollbackTaken

STABLE = "r.test/flow@sha256:" + "a" * 64
REQUEST = RollbackRequest("run-1", STABLE, "sha256:" + "a" * 64, {}, "why", "replicaset/app-1", {})
SECRET = "hunter2-and-more"


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "not within 20 s"
        time.sleep(0.01)


def place(folder: Path, kubeconfig: str | None = "/k/config") -> Place:
    return Place(folder, "demo", "deployment/app", "flow", "lab", kubeconfig)


def command(folder: Path, *argv: str, **environ: str) -> Command:
    return Command(argv, place(folder), {"PATH": os.environ["PATH"], **environ}, MonotonicClock())


def script(folder: Path, text: str) -> str:
    (folder / "back.sh").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "back.sh").chmod(0o755)
    return "./back.sh"


def over(attempt: RollbackAttempt) -> RollbackTaken:
    """What came of it, once nothing of it goes on."""
    until(attempt.taken)
    attempt.stop()
    taken = attempt.taken()
    assert taken is not None
    return taken


def text_of(taken: RollbackTaken) -> str:
    ((name, _, text),) = taken.files
    assert name == "rollback-command.txt"
    return text


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_runs_in_the_drills_folder_and_is_told_what_the_drill_is_about(tmp_path: Path) -> None:
    name = script(tmp_path, 'pwd; env | sort; echo to stderr >&2; echo "$1|$2"')
    taken = over(command(tmp_path, name, "a b", "$HOME", OWN="kept").begin(REQUEST))
    assert (taken.refused, taken.instant, taken.how) == (None, None, "command ./back.sh a b $HOME")
    lines = {line.partition("] ")[2] for line in text_of(taken).splitlines()}
    assert {
        str(tmp_path),
        "to stderr",
        "a b|$HOME",
        "OWN=kept",
        "FLOWDRILL_RUN_ID=run-1",
        "FLOWDRILL_NAMESPACE=demo",
        "FLOWDRILL_WORKLOAD=deployment/app",
        "FLOWDRILL_CONTAINER=flow",
        f"FLOWDRILL_STABLE_IMAGE={STABLE}",
        f"FLOWDRILL_STABLE_DIGEST=sha256:{'a' * 64}",
        "FLOWDRILL_CONTEXT=lab",
        "KUBECONFIG=/k/config",
    } <= lines
    assert text_of(taken).startswith("command ./back.sh a b $HOME\nexit code 0 after ")


def test_each_line_has_the_time_since_the_command_began(tmp_path: Path) -> None:
    text = text_of(
        over(command(tmp_path, script(tmp_path, "printf one; sleep 0.3; echo ' more'; echo two")).begin(REQUEST))
    )
    (first, second) = text.splitlines()[3:]
    assert first.endswith("s] one more")
    assert second.endswith("s] two")
    at = [float(line[1:].partition(" s]")[0]) for line in (first, second)]
    assert at[1] - at[0] >= 0.25


def test_one_that_fails_is_a_refusal_with_its_last_words(tmp_path: Path) -> None:
    name = script(tmp_path, "echo begun; echo 'no such release' >&2; echo; exit 3")
    taken = over(command(tmp_path, name).begin(REQUEST))
    assert taken.refused == "command ./back.sh ended with exit code 3: no such release"
    assert taken.may_have_changed
    assert "exit code 3 after" in text_of(taken)


def test_one_that_is_killed_says_by_which_signal(tmp_path: Path) -> None:
    taken = over(command(tmp_path, script(tmp_path, "kill -SEGV $$")).begin(REQUEST))
    assert taken.refused == "command ./back.sh ended with signal SIGSEGV: it wrote nothing"


def test_secrets_are_redacted_by_their_variables_names_and_by_their_shape(tmp_path: Path) -> None:
    name = script(
        tmp_path,
        "echo \"using $DEPLOY_TOKEN\"; printf 'half '; printf 'hunter2-'; sleep 0.1; echo and-more; env;"
        "echo Authorization: Bearer abcdefghijkl; printf '%s\\n' \"$PRIVATE_KEY\"; exit 1",
    )
    taken = over(
        command(
            tmp_path, name, "--password", "swordfish1", DEPLOY_TOKEN=SECRET, PRIVATE_KEY="line-of-a-key\nsecond-line"
        ).begin(REQUEST)
    )
    told = f"{taken.refused}\n{taken.how}\n{text_of(taken)}"
    for secret in (SECRET, "hunter2", "swordfish1", "abcdefghijkl", "line-of-a-key", "second-line"):
        assert secret not in told
    assert "using [redacted]" in told
    assert "half [redacted]" in told
    assert "--password [redacted]" in taken.how


def test_what_it_writes_cannot_steer_a_terminal(tmp_path: Path) -> None:
    name = script(tmp_path, r"printf '\033[2Jclear\007\n50%%\r100%%\r\n'; printf '\377\376 no utf-8\n'; exit 1")
    text = text_of(over(command(tmp_path, name).begin(REQUEST)))
    assert not {"\033", "\007", "\r"} & set(text)
    assert "50%\n100%\n" in text


def test_megabytes_do_not_hold_it_up_and_only_their_end_is_kept(tmp_path: Path) -> None:
    name = script(tmp_path, "head -c 5000000 /dev/zero | tr '\\0' x; yes line | head -n 200000; echo the end")
    text = text_of(over(command(tmp_path, name).begin(REQUEST)))
    assert len(text.encode()) < 210 * 1024
    assert "[only the end]\n[" in text
    assert text.endswith("the end\n")


def test_a_line_without_an_end_is_kept_in_part(tmp_path: Path) -> None:
    text = text_of(over(command(tmp_path, script(tmp_path, "head -c 900000 /dev/zero | tr '\\0' x")).begin(REQUEST)))
    assert 100_000 < len(text) < 210 * 1024


def test_one_that_hangs_is_ended_with_all_its_children(tmp_path: Path) -> None:
    text = "trap 'echo told; exit' TERM\nsleep 600 & echo $! > child\n(trap '' TERM; sleep 600) & echo $! > deaf\n"
    attempt = command(tmp_path, script(tmp_path, text + "echo waiting > ready; wait")).begin(REQUEST)
    until((tmp_path / "ready").exists)
    assert attempt.taken() is None
    taken = over_after_stop(attempt)
    assert taken.refused is not None
    assert "had not ended after" in taken.refused
    for name in ("child", "deaf"):
        until(lambda name=name: not alive(int((tmp_path / name).read_text())))
    assert text_of(taken).endswith("told\n")


def over_after_stop(attempt: RollbackAttempt) -> RollbackTaken:
    attempt.stop()
    taken = attempt.taken()
    assert taken is not None
    return taken


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    text = "trap '' TERM INT HUP\necho $$ > ready\nwhile :; do sleep 1; done"
    attempt = command(tmp_path, script(tmp_path, text)).begin(REQUEST)
    until(lambda: (tmp_path / "ready").exists() and (tmp_path / "ready").read_text().endswith("\n"))
    taken = over_after_stop(attempt)
    assert not alive(int((tmp_path / "ready").read_text()))
    assert "signal SIGKILL" in text_of(taken)


def test_children_that_it_leaves_behind_do_not_hold_it_up_and_are_ended(tmp_path: Path) -> None:
    attempt = command(tmp_path, script(tmp_path, "sleep 600 & echo $! > child; echo done")).begin(REQUEST)
    taken = over(attempt)
    assert taken.refused is None
    assert text_of(taken).endswith("done\n")
    until(lambda: not alive(int((tmp_path / "child").read_text())))


def test_stopping_again_is_harmless(tmp_path: Path) -> None:
    attempt = command(tmp_path, script(tmp_path, "exit 0")).begin(REQUEST)
    over(attempt)
    attempt.stop()
    taken = attempt.taken()
    assert taken is not None
    assert taken.refused is None


def test_a_signal_to_the_drills_own_group_does_not_reach_it(tmp_path: Path) -> None:
    attempt = command(tmp_path, script(tmp_path, "cut -d' ' -f5 /proc/$$/stat > group; sleep 600")).begin(REQUEST)
    until(lambda: (tmp_path / "group").exists() and (tmp_path / "group").read_text().strip())
    group = int((tmp_path / "group").read_text())
    attempt.stop()
    assert group != os.getpgid(0)


def test_a_program_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    for argv, problem in (
        ("./back.sh", r"back\.sh: no such file"),
        ("no-such-program", r"there is no `no-such-program` on the PATH$"),
    ):
        missing = command(tmp_path, argv)
        with pytest.raises(PlanError) as refused:
            missing.found()
        assert problem.replace("\\", "").rstrip("$") in refused.value.problem
        taken = missing.begin(REQUEST).taken()
        assert taken is not None
        assert taken.refused == refused.value.problem
    (tmp_path / "back.sh").write_text("#!/bin/sh\n")
    with pytest.raises(PlanError, match=r"write \./back\.sh"):
        command(tmp_path, "back.sh").found()
    with pytest.raises(PlanError, match="must not be executed") as refused:
        command(tmp_path, "./back.sh").found()
    assert "chmod +x" in refused.value.remedy


def test_what_cannot_be_started_is_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "back.sh"
    path.write_text("#!/no/such/shell\n")
    path.chmod(0o755)
    taken = command(tmp_path, "./back.sh").begin(REQUEST).taken()
    assert taken is not None
    assert taken.refused == "command ./back.sh cannot be started: No such file or directory"
    path.write_bytes(b"no script")
    taken = command(tmp_path, "./back.sh").begin(REQUEST).taken()
    assert taken is not None
    assert str(taken.refused).startswith("command ./back.sh cannot be started: Exec format error")


def test_programs_are_found_where_the_environment_says(tmp_path: Path) -> None:
    script(tmp_path, "true")
    assert command(tmp_path, "back.sh", PATH=str(tmp_path)).found() == str(tmp_path / "back.sh")
    assert command(tmp_path, "./back.sh").found() == str(tmp_path / "back.sh")
