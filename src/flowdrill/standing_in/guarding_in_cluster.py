"""The guard that a Job runs in the cluster: `python -m flowdrill.standing_in.guarding --in-cluster …`. It has no pipe
and no run folder: it looks at the drill's Lease, and acts when nobody keeps that any more, neither the harness nor the
guard beside it, which both may have gone with their host."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from flowdrill.edges.guard.post import Post
from flowdrill.edges.kubernetes.connect import IN_CLUSTER
from flowdrill.edges.kubernetes.guard_job import WATCHES, open_guard_job
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.terminal.lines import line_of, visible
from flowdrill.errors import ClusterError, DrillRefusedError, GuardActsError, TargetMissingError
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.events import Event, GuardTookOver
from flowdrill.model.guard_job import ROLE
from flowdrill.model.undo import Undo
from flowdrill.standing_in.guarding_by_lease import LeaseGuard, Watched
from flowdrill.standing_in.restoring import Broken, NoFolder, is_restored, stand_in, words_of

_WHY = "nobody renews the drill's Lease any more: the harness and its guard are dead, hang, or have lost the cluster"
_REASON = "FlowdrillGuard"  # of the event on the workload
_STOPPED = 128 + signal.SIGTERM  # not 0: the Job must make another pod
_DELETE_TRIES, _DELETE_PAUSE_SECONDS = 10, 3.0
_SUFFIX = 5  # characters at the end of a pod's name that tell it from the Job's other pods


@dataclass(frozen=True, slots=True)
class Station:
    """What the Job's command line tells: whose drill, and how its registry is reached."""

    target: Target
    run_id: str
    undo_digest: str
    registry: RegistryAccess

    def post(self) -> Post:
        """The cluster around this process."""
        return Post(IN_CLUSTER, None, "/")


def main(arguments: Sequence[str]) -> int:
    """Watch over one run, put everything back if need be, and take the Job away; 0 when there is nothing more to do."""
    station = _station(arguments)
    signal.signal(signal.SIGTERM, _stop)  # by itself it does nothing to the first process of a container
    role = f"{ROLE}-{socket.gethostname()[-_SUFFIX:]}"
    watched = Watched(station.run_id, station.undo_digest, f"{station.run_id}/{role}")
    with open_guard_job(IN_CLUSTER, station.target, None, station.registry) as job:
        guard = LeaseGuard(
            watched,
            look=job.lease.read,
            try_out=lambda: _try_out(station),
            act=lambda undo: _act(station, undo, role),
            now_seconds=time.monotonic,
            pause=time.sleep,
            say=_say,
        )
        said = guard.watch()
        _say(said)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _take_away(lambda: job.delete(station.run_id))
    return 0


def _station(arguments: Sequence[str]) -> Station:
    parser = argparse.ArgumentParser(prog="python -m flowdrill.standing_in.guarding")
    parser.add_argument("--in-cluster", action="store_true", required=True)
    for name in ("--namespace", "--workload", "--run", "--undo-digest"):
        parser.add_argument(name, required=True)
    parser.add_argument("--plain-http", action="store_true", help="the registry is reached without TLS")
    given = parser.parse_args(arguments)
    target = Target(namespace=given.namespace, workload=given.workload)
    return Station(target, given.run, given.undo_digest, RegistryAccess(plain_http=given.plain_http))


def _stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal.signal wants it
    raise SystemExit(_STOPPED)


def _try_out(station: Station) -> None:
    """See that it could act, and say what the harness waits for."""
    with open_workload(IN_CLUSTER, station.target):
        pass
    _say(f"{WATCHES} {station.run_id} of {station.target.workload} in namespace {station.target.namespace}")


def _act(station: Station, undo: Undo, role: str) -> str | None:
    """Put everything back; return what came of it, or None when it must be tried again. What is done is finished, even
    when this pod is told to end. GuardActsError when somebody else takes over."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        broken = Broken(undo, station.post(), access=station.registry)
        done = stand_in(broken, role, _WHY, NoFolder(), _show, holds_what_is_left=True)
    except GuardActsError:
        raise
    except (DrillRefusedError, TargetMissingError) as error:
        return f"nothing is put back: {error.problem}"
    finally:
        signal.signal(signal.SIGTERM, _stop)
    said = words_of(done)
    if not is_restored(done) and done.theirs is None:
        _say(said)
        return None
    _tell_cluster(station, f"run {undo.run_id} has died: {said}", warns=bool(done.left) or not is_restored(done))
    return said


def _tell_cluster(station: Station, words: str, *, warns: bool) -> None:
    """Leave word of it beside the workload: this process's log goes with the Job."""
    try:
        with open_workload(IN_CLUSTER, station.target) as workload:
            workload.tell_event(_REASON, visible(words), warns=warns)
    except ClusterError as error:
        _say(f"no event is written: {error.problem}")


def _take_away(delete: Callable[[], None]) -> None:
    for _ in range(_DELETE_TRIES):
        try:
            delete()
        except ClusterError as error:
            problem = error.problem
        else:
            return
        time.sleep(_DELETE_PAUSE_SECONDS)
    _say(f"the Job stays: {problem}")


def _show(event: Event) -> None:
    if isinstance(event, GuardTookOver):
        _say(f"takes over: {event.why}")
        return
    line = line_of(event)
    if line is not None:
        _say(line)


def _say(line: str) -> None:
    sys.stdout.write(f"{visible(line)}\n")
    sys.stdout.flush()
