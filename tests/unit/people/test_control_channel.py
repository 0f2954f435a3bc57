"""`flowdrill ack` and `flowdrill inject`: both ends of the control channel, over a real socket."""

from __future__ import annotations

import json
import os
import queue
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.people.control_channel import ControlChannel
from flowdrill.edges.people.messages import LINK, LONGEST_LINE, Answer, Message
from flowdrill.edges.people.saying import command_started_ns, newest_in_progress, say
from flowdrill.engine.facts import AckTold, Fact, InjectTold, SourceTold
from flowdrill.errors import NoDrillError, RunFolderError
from flowdrill.model.events import ImageSet, Phase, PhaseStarted, Purpose
from flowdrill.model.instant import Instant


class Run:
    """A run folder whose drill listens."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text("{}")
        self.folder, self.told = folder, queue.SimpleQueue[Fact]()
        self.channel = ControlChannel(folder, "run-1")

    def listen(self) -> Run:
        self.channel.start_watching(self.told.put)
        return self

    def breaks(self, ago_seconds: float) -> None:
        at = time.monotonic_ns() - round(ago_seconds * 1e9)
        self.channel.see(ImageSet(at, Purpose.BREAK, "image", Instant(at, at), None))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path / "reports" / "20260101T000000Z-a").listen()
    yield made
    made.channel.stop_watching()


def ack(text: str = "", by: str = "alice") -> Message:
    return Message(kind="ack", by=by, text=text, asked_ns=command_started_ns())


def test_an_acknowledgement_is_told_with_the_time_since_the_command_was_started(run: Run) -> None:
    run.breaks(ago_seconds=12)
    before = time.monotonic_ns()
    answer = say(run.folder, ack("on it"))
    fact = run.told.get(timeout=5)
    assert isinstance(fact, AckTold)
    assert (fact.by, fact.how) == ("alice", "flowdrill ack: on it")
    assert fact.instant.earliest_ns <= before <= fact.instant.latest_ns == fact.arrived_ns <= time.monotonic_ns()
    assert answer.since_break_seconds is not None
    assert answer.since_break_seconds >= 12
    assert answer.words.startswith("acknowledged by alice, 12.")


def test_before_the_break_it_is_said_that_it_does_not_count(run: Run) -> None:
    answer = say(run.folder, ack())
    assert answer.since_break_seconds is None
    assert "it does not count" in answer.words
    assert isinstance(run.told.get(timeout=5), AckTold)


def test_an_inject_is_told(run: Run) -> None:
    run.breaks(ago_seconds=1)
    answer = say(run.folder, Message(kind="inject", by="eve", text="a customer calls", asked_ns=0))
    assert run.told.get(timeout=5) == InjectTold(_any_time(), "a customer calls", "eve")
    assert answer.words.startswith("told by eve: a customer calls, 1.")


class _any_time(int):  # noqa: N801 - reads as a value
    def __eq__(self, other: object) -> bool:
        return isinstance(other, int)

    __hash__ = int.__hash__


def test_once_the_workload_is_being_put_back_nothing_more_is_taken(run: Run) -> None:
    run.channel.see(PhaseStarted(1, Phase.RESTORE))
    with pytest.raises(NoDrillError, match="already over"):
        say(run.folder, ack())
    assert run.told.empty()


def test_only_this_user_may_enter_and_nothing_is_left(run: Run) -> None:
    to = (run.folder / LINK).readlink()
    assert stat.S_IMODE(to.parent.stat().st_mode) == 0o700
    assert len(str(to)) < 108
    run.channel.stop_watching()
    assert not (run.folder / LINK).is_symlink()
    assert not to.parent.exists()
    run.channel.stop_watching()


def test_hostile_texts_are_cut_redacted_and_printable(run: Run) -> None:
    text = "\x1b[2Jpassword=hunter2 \u202e" + "x" * 500
    say(run.folder, ack(text, by="\x1b\x07"))
    fact = run.told.get(timeout=5)
    assert isinstance(fact, AckTold)
    assert fact.by == "somebody"
    assert fact.how.isprintable()
    assert "hunter2" not in fact.how


@pytest.mark.parametrize(
    "line",
    [
        b"not json\n",
        b"[]\n",
        b'{"kind":"stop","by":"a","asked_ns":0}\n',
        b'{"kind":"ack","by":"","asked_ns":0}\n',
        b'{"kind":"inject","by":"a","asked_ns":0,"text":"%s"}\n' % (b"x" * 601),
        b"x" * (LONGEST_LINE + 5000),
    ],
)
def test_what_is_no_message_is_refused_and_the_next_one_is_heard(run: Run, line: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str((run.folder / LINK).readlink()))
        connection.sendall(line)
        answer = Answer.model_validate_json(connection.recv(65536))
    assert answer.refused is not None
    say(run.folder, ack())
    assert isinstance(run.told.get(timeout=5), AckTold)
    assert run.told.empty()


def test_who_says_nothing_does_not_keep_others_from_being_heard(run: Run) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str((run.folder / LINK).readlink()))
        assert say(run.folder, ack()).refused is None


def test_a_clock_that_is_not_this_hosts_makes_no_instant_that_cannot_be(run: Run) -> None:
    for asked_ns in (0, 2**62):
        say(run.folder, Message(kind="ack", by="a", asked_ns=asked_ns))
        fact = run.told.get(timeout=5)
        assert isinstance(fact, AckTold)
        assert 0 <= fact.instant.latest_ns - fact.instant.earliest_ns <= 60_000_000_000


def test_a_folder_that_is_none_and_a_drill_that_does_not_listen_are_said(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is no run folder"):
        say(tmp_path, ack())
    silent = Run(tmp_path / "reports" / "a")
    with pytest.raises(NoDrillError, match="it is not past preflight, or it was killed"):
        say(silent.folder, ack())
    (silent.folder / "events.jsonl").write_text('{"at_ns":1,"event":"run ended"}\n')
    with pytest.raises(NoDrillError, match="already over"):
        say(silent.folder, ack())


def test_events_that_are_a_pipe_are_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    os.mkfifo(tmp_path / "events.jsonl")
    with pytest.raises(NoDrillError, match="no drill listens there"):
        say(tmp_path, ack())


def test_a_link_that_a_killed_drill_has_left_is_no_drill(tmp_path: Path) -> None:
    dead = Run(tmp_path / "reports" / "a")
    (dead.folder / LINK).symlink_to(tmp_path / "gone")
    with pytest.raises(NoDrillError, match="no drill listens there"):
        say(dead.folder, ack())
    with pytest.raises(NoDrillError, match="no drill is in progress in"):
        newest_in_progress(tmp_path / "reports")


def test_a_channel_that_cannot_be_opened_is_told_and_the_drill_goes_on(tmp_path: Path) -> None:
    run = Run(tmp_path / "a")
    (run.folder / LINK).mkdir()
    run.listen()
    fact = run.told.get(timeout=5)
    assert isinstance(fact, SourceTold)
    assert "the control channel" in fact.source
    run.channel.stop_watching()


def test_without_a_folder_the_newest_that_is_in_progress_is_meant(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = Run(tmp_path / "reports" / "20260102T000000Z-b")
    monkeypatch.chdir(tmp_path)
    assert main(["ack", "--by", "alice"]) == 0
    assert "acknowledged by alice" in capsys.readouterr().out
    newer.listen()
    assert main(["inject", "look at the dashboard", "--by", "eve", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["words"] == "told by eve: look at the dashboard"
    assert isinstance(newer.told.get(timeout=5), InjectTold)
    assert main(["inject", str(run.folder), "and here"]) == 0
    newer.channel.stop_watching()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ack"], "no drill is in progress in reports"),
        (["ack", "elsewhere"], "is no run folder"),
        (["inject", " "], "TEXT is empty"),
        (["ack", "--note", "x" * 601], "the text has 601 characters"),
        (["ack", "--by", "x" * 101], "--by has 101 characters"),
    ],
)
def test_what_cannot_be_said_is_an_error_of_the_users(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--context", "c"], "need each other"),
        (["--context", "c", "--namespace", "n", "--workload", "deployment/a", "reports/x"], "and no RUN_FOLDER"),
        (["--context", "c", "--namespace", "n", "--workload", "pod/a"], "needs deployment/NAME"),
    ],
)
def test_a_workload_on_a_cluster_is_named_in_full(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ack", *arguments]) == 2
    assert says in capsys.readouterr().err
