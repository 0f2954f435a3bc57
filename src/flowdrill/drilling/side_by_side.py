"""Several drills at once, each in a process of its own, and never two that share something."""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import flowdrill.history.run_reports  # noqa: F401 - each drill needs it at its end: loaded once, shared by all forks
from flowdrill.analysis.lanes import next_of
from flowdrill.edges.host.forked import Defect, Forked, Gone, Send, Stopped, forked, signals_passed_on, waited
from flowdrill.errors import RunFolderError

_LOOK_SECONDS = 0.25
_LONGEST_NAME = 200  # of a log, without its ending


class Work(Protocol):
    """What a drill does, in its own process."""

    def __call__(self, send: Send, lane: int) -> object:
        """What comes of it. `lane`: from 1; no other job has it meanwhile."""


@dataclass(frozen=True, slots=True)
class Job:
    """One drill. `shares`: its namespace, or whatever no two may use at once."""

    name: str  # names its log
    named: str  # for people
    shares: str
    work: Work


@dataclass(frozen=True, slots=True)
class Said:
    """A word of a drill that is under way; not its result."""

    text: str


@dataclass(frozen=True, slots=True)
class NotBegun:
    """Why a drill has never begun."""

    why: str


STOPPED_BESIDE = "stopped before its run, or after it while its report was written (`flowdrill report RUN_FOLDER`)"
Ended = Defect | Gone | NotBegun | Stopped  # beside what the work itself returns


class Watch(Protocol):
    """Whoever shows how it goes on."""

    def began(self, job: Job) -> None:
        """A drill has begun."""

    def said(self, job: Job, text: str) -> None:
        """It has got as far as that."""

    def ended(self, job: Job) -> None:
        """It is over."""

    def look(self) -> None:
        """A moment has passed."""


class SideBySide:
    """Runs jobs, so many at once. Once it is told to stop, it starts no more, and waits for those in progress."""

    def __init__(self, parallel: int, logs: Path, watch: Watch) -> None:
        """Each job's output goes to a file in `logs`."""
        self._parallel, self._logs, self._watch = parallel, logs, watch
        self._running: dict[Job, Forked] = {}
        self._lanes: dict[Job, int] = {}
        self._stops: str | None = None
        self.signal: str | None = None  # the first that was heard

    @property
    def stops(self) -> str | None:
        """Why no further job begins."""
        return self._stops

    def stop(self, why: str) -> None:
        """Start no more. The first reason counts."""
        self._stops = self._stops or why

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, object]]:
        """Yield each job with what its work returned, or what became of it instead (`Ended`), as they end; those that
        never began come last. A signal is passed on to those in progress: they put everything back. RunFolderError
        when a log cannot be written."""
        waiting = list(jobs)
        with signals_passed_on(lambda: tuple(self._running.values()), self._heard):
            try:
                while waiting or self._running:
                    self._start(waiting)
                    if not self._running:
                        break
                    yield from self._news()
            finally:
                self._end_all()
        yield from ((one, NotBegun(self._stops or "the others ended first")) for one in waiting)

    def _heard(self, name: str) -> None:
        self.signal = self.signal or name
        self.stop(f"stopped by {name}")

    def _start(self, waiting: list[Job]) -> None:
        while self.stops is None and len(self._running) < self._parallel:
            place = next_of([one.shares for one in waiting], {one.shares for one in self._running})
            if place is None:
                return
            job = waiting.pop(place)
            lane = next(one for one in range(1, self._parallel + 1) if one not in self._lanes.values())
            try:
                self._running[job] = forked(partial(job.work, lane=lane), self._logs / _log_of(job.name))
            except OSError as error:
                waiting.insert(place, job)
                raise RunFolderError(
                    f"{error.filename or 'a process'}: {error.strerror}", "make room, and try again"
                ) from error
            self._lanes[job] = lane
            if self.signal is not None:  # it came while this was started: it may not have heard it
                self._running[job].signal(signal.SIGTERM)
            self._watch.began(job)

    def _news(self) -> Iterator[tuple[Job, object]]:
        jobs = {process: job for job, process in self._running.items()}
        for process in waited(list(jobs), _LOOK_SECONDS):
            job, word = jobs[process], process.next_word()
            if isinstance(word, Said):
                self._watch.said(job, word.text)
                continue
            process.let_go()
            del self._running[job], self._lanes[job]
            self._watch.ended(job)
            yield job, word
        self._watch.look()

    def _end_all(self) -> None:
        """However this ends, nobody is left behind: each puts everything back."""
        for process in self._running.values():
            process.signal(signal.SIGTERM)
        for process in self._running.values():
            while isinstance(process.next_word(), Said):
                continue
            process.let_go()
        self._running.clear()


def _log_of(name: str) -> str:
    """A workload's name may be longer than a file's."""
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return f"{name}.log"
