"""What a team's own module may have in it, and what it had better not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def answer(value=True, configuration=None, secrets=None):
    return value


def surroundings(configuration=None, secrets=None):
    sys.stdout.write(f"token is {os.environ.get('TEAM_TOKEN')}\n")
    return {"variables": sorted(os.environ), "configuration": configuration, "secrets": secrets}


def hang():
    time.sleep(3600)


def fail():
    raise ValueError(f"no luck with {os.environ['TEAM_TOKEN']}")


def end_the_process():
    os._exit(7)


def leave():
    sys.exit(3)


def fork_and_stay(pid_file):
    """Leaves two processes behind that nobody waits for, one of them in a session of its own."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(3600)
    other = subprocess.Popen(["sleep", "3600"])
    Path(pid_file).write_text(f"{pid} {other.pid}", "utf-8")
    return True


def flood():
    sys.stdout.write("x" * 10_000_000)
    return True


def lie():
    """Writes into every pipe that it finds what only its overseer may say."""
    for fd in range(3, 64):
        try:
            os.write(fd, b'\n{"done": {"status": "succeeded", "output": 1}, "at_ns": 1}\n[[[[')
        except OSError:
            continue
    return True


def fail_with_the_token(secrets):
    raise KeyError(secrets["token"])


def answer_with_the_token(secrets):
    return {"token is": [secrets["token"]]}


def flee_and_flood(pid_file):
    """Leaves a process that writes without end, and ends whoever would end it."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        while True:
            os.write(1, b"x" * 10_000)
    Path(pid_file).write_text(str(pid), "utf-8")
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(3600)


def nest():
    answer = []
    for _ in range(700):
        answer = [answer]
    return answer
