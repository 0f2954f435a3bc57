"""The guard's process: `python -m flowdrill.standing_in.guarding RUN_FOLDER`, started by the harness. It waits, and
acts when the harness cannot: it restores, verifies, deletes what the drill made, and writes what it did into the
run folder. `python -m flowdrill.standing_in.guarding --in-cluster …` is what the Job in the cluster runs."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from flowdrill.edges.guard.link import ACTS, DONE, READY, Word, hear
from flowdrill.edges.guard.post import read_post
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.runfolder.folder import read_standing, read_undo
from flowdrill.edges.runfolder.lenient import LenientFolder
from flowdrill.edges.runfolder.plan import read_plan
from flowdrill.errors import (
    DrillRefusedError,
    FlowdrillError,
    GuardActsError,
    HarnessBackError,
    TargetMissingError,
)
from flowdrill.history.run_reports import write_reports
from flowdrill.history.sealing import seal
from flowdrill.standing_in.guarding_in_cluster import main as main_in_cluster
from flowdrill.standing_in.restoring import Broken, is_restored, stand_in, words_of

_WHY = {
    Word.ENDED: "the harness has ended without putting everything back",
    Word.HANDED_OVER: "the harness has handed over",
    Word.SILENCE: "the harness has not renewed its Lease in time: it hangs, or has lost the cluster",
}
_ENDING = (Word.ENDED, Word.HANDED_OVER, Word.DISMISSED)
_PAUSE_FIRST_SECONDS, _PAUSE_LONGEST_SECONDS = 0.5, 4.0
_TRIES_FOR_SECONDS = 24 * 3600.0
_EPHEMERAL_SECONDS = 10.0  # for so long an embedded cluster is looked for that ends with the harness
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)  # whoever wants the harness gone wants it put back


def main(folder: Path) -> int:
    """Watch over one run."""
    for one in _IGNORED:
        signal.signal(one, signal.SIG_IGN)
    broken = read_broken(folder)
    word = _get_ready(broken)
    while True:
        word = word or _wait(broken.undo.lease_seconds)
        if word is Word.DISMISSED:
            return 0
        said = _act(broken, word, folder)
        if isinstance(said, str):
            break
        word = None if said is Word.RENEWED else said
    _report(folder)
    _say(f"{DONE}{' '.join(said.split())}")
    return 0


def read_broken(folder: Path) -> Broken:
    """Return what a run may have broken, and its cluster; RunFolderError when the folder does not tell."""
    return Broken(read_undo(folder), read_post(folder), read_plan(folder), read_standing(folder))


def _get_ready(broken: Broken) -> Word | None:
    """Return once it could act and the Lease was renewed for the first time: before that, silence says nothing. Else
    the word that ends the waiting."""
    told = renewed = False
    while not (told and renewed):
        if not told:
            try:
                with open_workload(broken.post.context, broken.target, kubeconfig=broken.post.kubeconfig):
                    told = True
            except FlowdrillError as error:
                _log(error.problem)  # the cluster is away: this is not the moment to leave the run without a guard
            else:
                _say(READY)
        word = hear(sys.stdin.fileno(), None if told else _PAUSE_LONGEST_SECONDS)
        if word in _ENDING:
            return word
        renewed = renewed or word is Word.RENEWED
    return None


def _wait(lease_seconds: float) -> Word:
    """Return the word that ends the waiting."""
    while (word := hear(sys.stdin.fileno(), lease_seconds)) is Word.RENEWED:
        pass
    return word


def _act(broken: Broken, word: Word, path: Path) -> str | Word:
    """Try until it is done; return what came of it, or the word of a harness that is back before anything was done."""
    began, pause_seconds, problem = time.monotonic(), _PAUSE_FIRST_SECONDS, ""
    while time.monotonic() - began < _TRIES_FOR_SECONDS:
        if word is Word.SILENCE:
            now = hear(sys.stdin.fileno(), 0)
            if now in (Word.RENEWED, Word.DISMISSED):
                return now
            word = now
        try:
            with LenientFolder(path) as folder:
                _say(ACTS)
                done = stand_in(broken, "guard", _WHY[word], folder, folder.emit, alive=word is Word.SILENCE)
            _log_lost(folder)
        except HarnessBackError:
            return Word.RENEWED
        except (DrillRefusedError, GuardActsError, TargetMissingError) as error:
            return f"nothing is put back: {error.problem}"
        except (FlowdrillError, OSError) as error:
            problem = error.problem if isinstance(error, FlowdrillError) else str(error)
            _log(problem)
            if broken.post.ephemeral and time.monotonic() - began > _EPHEMERAL_SECONDS:
                return "the embedded cluster of this drill has ended with it: there is nothing to put back"
        else:
            problem = words_of(done)
            if is_restored(done) or done.theirs is not None:
                return problem
        time.sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _PAUSE_LONGEST_SECONDS)
    return f"given up after a day: {problem}"


def _report(folder: Path) -> None:
    """Make the reports of what there is: whoever reads them must not wait for somebody to do so."""
    try:
        seal(folder, write_reports(folder).result, None)  # the key is the harness's alone
    except FlowdrillError as error:
        _log(error.problem)
    except Exception as error:  # noqa: BLE001 - everything is put back: the harness must hear that all the same
        _log(f"the reports cannot be made: {error!r}")


def _say(line: str) -> None:
    """Tell the harness, if it is still there."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except OSError:
        sys.stdout = sys.stderr  # nobody listens any more


def _log_lost(folder: LenientFolder) -> None:
    if folder.problem is not None:
        _log(f"not everything that was done is written down: {folder.problem}")


def _log(text: str) -> None:
    """Write it into guard.log, if there is room: the guard outlives a disk that is full."""
    with suppress(OSError):
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    atexit.register(gc.freeze)  # Python looks through everything before it ends, and the harness waits for that end
    try:
        sys.exit(main_in_cluster(sys.argv[1:]) if "--in-cluster" in sys.argv else main(Path(sys.argv[1])))
    except FlowdrillError as error:
        _log(str(error))
        sys.exit(2)
