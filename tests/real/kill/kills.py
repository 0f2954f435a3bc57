"""One kill, and what must be true of the service afterwards: looked at from outside."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flowdrill.cluster.lifecycle import start_cluster
from flowdrill.cluster.state_folder import Settings
from tests.real.kill.arena import Arena
from tests.real.kill.moments import Instant
from tests.real.kill.running import USUAL, Around, RunningDrill
from tests.real.kill.stage import ALLOWED_SECONDS, flowdrill, until
from tests.real.kill.who_wrote import both_acting

_MOST_TRIES = 5
PASS, ERROR, INCONCLUSIVE, SIGINT = 0, 2, 3, 130


def kill_the_harness(arena: Arena, instant: Instant) -> None:
    """Its guard puts everything back, and makes the reports."""
    with _hit(arena, instant) as drill:
        killed = drill.kill_harness()
        assert_as_before(arena, drill, "the harness", killed)
        registered = any(one["event"] == "undo registered" for one in drill.events)
        if registered and drill.end is None and not gave_back(arena, drill):
            assert_guard_restored(arena, drill)
        assert_cut_off_unless_ended(drill)


def kill_locust(arena: Arena, instant: Instant) -> None:
    """The run itself puts everything back, and is an error."""
    with _hit(arena, instant) as drill:
        (pid,) = drill.locusts()
        killed = drill.kill("Locust", pid)
        assert_as_before(arena, drill, "Locust", killed)
        code = drill.wait()
        restored_anyway = any(
            one["event"] == "phase started" and one["phase"] == "restore" and one["at_ns"] / 1e9 < killed
            for one in drill.events
        )  # then everything was measured, and Locust is needed no more
        assert code == ERROR or (restored_anyway and code in (PASS, INCONCLUSIVE)), drill.told()
        assert restored_anyway or "Locust ended by itself with exit code -9" in drill.notes(), drill.told()
        assert drill.guard_events == [], drill.told()


def kill_the_guard(arena: Arena, instant: Instant) -> None:
    """The run starts another one, goes on, and passes."""
    for _ in range(_MOST_TRIES):
        with _hit(arena, instant) as drill:
            pid = kill_one_guard(drill)
            code = drill.wait()
            assert_as_before(arena, drill, "the guard", drill.ended_at())
            assert f"the guard (process {pid}) ended by itself, exit code -9" in drill.notes(), drill.told()
            assert drill.guard_events == [], drill.told()
        if code != INCONCLUSIVE:  # a machine that is too busy to send on schedule
            break
    assert code == PASS, drill.told()
    assert f"the guard (process {pid}) ended by itself" in (drill.run / "report.md").read_text(), drill.told()


def kill_the_cluster(arena: Arena, instant: Instant, away_seconds: float) -> None:
    """The API server ends, with everything that runs on it, and after a while is there again. Whatever the run makes of
    that: it puts everything back, or its guard does."""
    assert arena.cluster is not None
    folder = arena.cluster.folder
    with _hit(arena, instant) as drill:
        pid = folder.holder()
        assert pid is not None
        drill.kill("the cluster", pid)
        until(lambda: folder.holder() is None, "it is gone")
        time.sleep(away_seconds)
        start_cluster(folder, Settings())
        drill.wait()
        # a drill that goes on is not over when the API server is back: what counts is that it leaves nothing
        assert_as_before(arena, drill, "the API server", drill.ended_at())
        assert drill.end is not None, drill.told()


@contextmanager
def _hit(arena: Arena, instant: Instant, around: Around = USUAL) -> Iterator[RunningDrill]:
    """A drill at that instant. One that ended before it (a busy machine has no steady baseline) is begun again."""
    for _ in range(_MOST_TRIES):
        with arena.drill(around) as drill:
            if instant.await_it(drill):
                yield drill
                return
    raise AssertionError(f"never hit {instant}: {drill.told()}")


hit = _hit


def kill_one_guard(drill: RunningDrill) -> int:
    """Kill the run's guard once there is one; return which process that was."""
    until(lambda: bool(drill.guards()), "there is a guard")
    pid = drill.guards()[0]
    drill.kill("the guard", pid)
    return pid


def assert_as_before(arena: Arena, drill: RunningDrill, whose: str, since: float) -> None:
    """Within the lease and 15 s all is as it was, no process of the drill is left, and two never acted at once."""
    awaited = arena.current.until_as_before(since, ALLOWED_SECONDS)
    arena.noted(whose, awaited)
    assert not awaited.problems, "\n".join((str(awaited), *awaited.problems, drill.told(), arena.writes_told(drill)))
    until(lambda: not drill.guards() or not drill.ended(), "the guard ends")
    drill.wait()
    until(lambda: not drill.guards() and not drill.locusts(), "the guard and Locust end")
    problems = arena.current.problems()  # still: nobody does anything later
    assert not problems, "\n".join((*problems, drill.told(), arena.writes_told(drill)))
    both = both_acting(arena.writes(drill))
    assert not both, "\n".join((*both, arena.writes_told(drill), drill.told()))


def gave_back(arena: Arena, drill: RunningDrill) -> bool:
    """Whether the harness has given its Lease back: then all is put back, and it may have dismissed its guard."""
    own = [one for one in arena.writes(drill) if one.process == drill.pid]
    return bool(own) and own[-1].is_of_the_lease and own[-1].verb == "delete"


def assert_guard_restored(arena: Arena, drill: RunningDrill) -> None:
    """The guard has told what it did, after the harness was dead, and has made the reports."""
    if arena.cluster is not None:
        writers = {one.process for one in arena.writes(drill)}
        assert len(writers) == 2, (writers, drill.told())  # what `both_acting` looks at is there
    told = drill.guard_events
    assert told, drill.told()
    assert told[0]["event"] == "guard took over", drill.told()
    assert told[0]["at_ns"] / 1e9 >= min(drill.killed.values()), drill.told()
    assert told[-1]["event"] == "guard ended", drill.told()
    assert told[-1]["restored"], drill.told()
    assert told[-1]["left_behind"] == [], drill.told()
    for name in ("result.json", "report.html", "report.md", "junit.xml", "metrics.prom"):
        assert (drill.run / name).is_file(), (name, drill.told())


def assert_cut_off_unless_ended(drill: RunningDrill) -> None:
    """A report can be made of what is there. It says that the run was cut off, and is never a pass."""
    if drill.folder is None or not drill.events:
        return  # killed before it had begun to write
    done = flowdrill("report", drill.folder, "--json")
    assert done.returncode == 0, done.stderr + drill.told()
    result = json.loads(done.stdout)
    if drill.end is None:
        assert result["end"] is None
        assert result["verdict"] == "inconclusive", result["reasons"]
        assert "cut off" in result["reasons"][0], result["reasons"]
