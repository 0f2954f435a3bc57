"""What `test_side_by_side.py` starts: a process that has no other thread, and may be forked and killed. Its first
argument says what its jobs do, the second is a folder for what they write down."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from flowdrill.drilling.side_by_side import Job, NotBegun, Said, SideBySide, Work
from flowdrill.edges.host.forked import Defect, Gone, Send, Stopped

WHAT, FOLDER = sys.argv[1], Path(sys.argv[2])
MARKS = FOLDER / "marks"


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def mark(text: str) -> None:
    """One line, whole: written by several processes."""
    descriptor = os.open(MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def waits(name: str) -> Work:
    """Until somebody ends it: then it puts back what it has broken."""

    def work(send: Send, lane: int) -> object:
        send(Said("broken"))
        mark(f"began {name} {os.getpid()}")
        try:
            while True:
                time.sleep(60)
        except KeyboardInterrupt:
            mark(f"restored {name}")
            return "restored"

    return work


def unheard(name: str) -> Work:
    """Until a signal ends it."""

    def work(send: Send, lane: int) -> object:
        mark(f"began {name} {os.getpid()}")
        while True:
            time.sleep(60)

    return work


def slowly(name: str) -> Work:
    """Until it is asked twice."""

    def work(send: Send, lane: int) -> object:
        for what in ("began", "asked", "restored"):
            mark(f"{what} {name}")
            with suppress(KeyboardInterrupt):
                send(Said(what))
                while what != "restored":
                    time.sleep(60)
        return "restored"

    return work


def short(name: str) -> Work:
    def work(send: Send, lane: int) -> object:
        send(Said("began"))
        mark(f"began {name} {lane}")
        say(f"output of {name}")
        time.sleep(0.05)
        mark(f"ended {name}")
        return f"result of {name}"

    return work


def killed(_name: str) -> Work:
    return lambda send, lane: os.kill(os.getpid(), 9)


def raises(_name: str) -> Work:
    def work(send: Send, lane: int) -> object:
        raise LookupError("nobody expected this")

    return work


class Unread(io.StringIO):
    """What is left over of a terminal that is gone."""

    def flush(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class Told:
    def began(self, job: Job) -> None:
        say(f"BEGAN {job.named}")

    def said(self, job: Job, text: str) -> None:
        say(f"SAID {job.named} {text}")
        if WHAT.endswith("nobody-watches"):
            raise LookupError("the view is gone")

    def ended(self, job: Job) -> None:
        say(f"ENDED {job.named}")

    def look(self) -> None:
        pass


def main() -> None:
    kinds = {"short": short, "waits": waits, "slowly": slowly, "unheard": unheard, "killed": killed, "raises": raises}
    work = kinds[WHAT.partition("-")[0]]
    more = "x" * 300 if WHAT.endswith("long-names") else ""
    names = [f"{space}{one}{more}" for space in "abc" for one in range(3)]
    if WHAT.endswith("nobody-reads"):
        sys.stderr = Unread()
    side_by_side = SideBySide(2, FOLDER, Told())
    for job, ended in side_by_side.run([Job(one, one, one[0], work(one)) for one in names]):
        say(f"RESULT {job.name} {shown(ended)}")
        if WHAT.endswith("stops"):
            side_by_side.stop("one was enough")
    sys.stderr = sys.__stderr__
    say(f"SIGNAL {side_by_side.signal}")


def shown(ended: object) -> str:
    if isinstance(ended, NotBegun):
        return f"not begun: {ended.why}"
    if isinstance(ended, Stopped):
        return "stopped"
    if isinstance(ended, Gone):
        return f"gone: {ended.described()}"
    if isinstance(ended, Defect):
        return f"defect: {ended.text.strip().splitlines()[-1]}"
    return str(ended)


if __name__ == "__main__":
    main()
