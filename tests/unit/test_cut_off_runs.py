"""Whatever is left of a run that was killed: every report, which says that it was cut off, or one clear error."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowdrill.cli.main import main
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import RunFolderError
from flowdrill.history.run_reports import RENDERERS, write_reports
from flowdrill.model.events import (
    ClockPair,
    End,
    GuardEnded,
    GuardTookOver,
    ImageSet,
    Noted,
    Phase,
    PhaseStarted,
    Purpose,
    RunEnded,
    RunStarted,
    event_from_json,
    event_to_json,
)
from flowdrill.model.instant import Instant
from flowdrill.model.outcome import RECORD_BYTES
from flowdrill.model.result import Result, Verdict

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = ("plan.json", "events.jsonl", "outcomes.bin")
WHOLE = GOLDEN / "rollback-as-on-call"
LINES = (WHOLE / "events.jsonl").read_bytes().splitlines(keepends=True)
EVENTS = tuple(event_from_json(line) for line in LINES)
OUTCOMES = (WHOLE / "outcomes.bin").read_bytes()


def copied(folder: Path, source: Path = WHOLE) -> Path:
    """A run folder as it is before there is a report."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*RENDERERS))
    return folder


def reported(folder: Path) -> Result | None:
    """What all reports say of the folder, None when there is one clear error instead."""
    try:
        report = write_reports(folder)
    except RunFolderError:
        return None
    texts = {name: (folder / name).read_text() for name in RENDERERS}
    if report.result.end is None:
        assert report.result.verdict is Verdict.INCONCLUSIVE
        assert report.result.reasons[0].startswith("cut off ")
        assert 'end="cut off"' in texts.pop("metrics.prom")
        assert all("ut off " in text for text in texts.values())
    return report.result


@cache
def whole_verdict() -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        return write_reports(copied(Path(folder) / "run")).result.verdict


def test_the_recorded_run_is_a_pass_so_that_a_cut_one_could_be_mistaken_for_one() -> None:
    assert whole_verdict() is Verdict.PASS
    assert isinstance(EVENTS[-1], RunEnded)


def test_cut_after_every_event_that_begins_or_decides_something_the_report_says_in_which_phase(tmp_path: Path) -> None:
    seen, before = set(), ""
    folder = copied(tmp_path / "run")
    for number, event in enumerate(EVENTS, 1):
        if event.event == before or number == len(EVENTS):
            continue  # one of a row of equals is enough
        before = event.event
        (folder / "events.jsonl").write_bytes(b"".join(LINES[:number]))
        result = reported(folder)
        assert result is not None
        assert result.end is None
        phases = [one.phase for one in EVENTS[:number] if isinstance(one, PhaseStarted)]
        where = f"cut off in phase {phases[-1]}, " if phases else "cut off before the first phase, "
        assert result.reasons[0].startswith(where)
        shown = where[0].upper() + where[1:]
        assert all(shown in (folder / name).read_text() for name in ("report.md", "report.html", "junit.xml"))
        seen |= set(phases)
    assert seen == set(Phase)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(path.name for path in GOLDEN.iterdir())),
    file=st.sampled_from(RECORDED),
    share=st.floats(0, 1),
    zeros=st.sampled_from([0, 0, 1, 40, 4096]),
)
def test_whatever_of_a_file_is_left_it_is_a_report_or_one_clear_error(
    name: str, file: str, share: float, zeros: int
) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = copied(Path(made) / "run", GOLDEN / name)
        if not (folder / file).exists():
            return
        content = (folder / file).read_bytes()
        kept = content[: round(share * len(content))]
        (folder / file).write_bytes(kept + bytes(zeros))
        result = reported(folder)
        if file == "plan.json" and kept.rstrip() != content.rstrip():
            assert result is None
        if file == "events.jsonl" and len(kept) < len(content):
            assert result is None or result.end is None
        if result is not None and result.verdict is Verdict.PASS:
            whole = kept == content or (file == "plan.json" and kept.rstrip() == content.rstrip())
            assert whole or (file == "outcomes.bin" and len(kept) % RECORD_BYTES == 0)


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b"", "the last line"),
        (event_to_json(Noted(at_ns=EVENTS[-2].at_ns, text="whole JSON")), "no line end"),
        (b'{"event": "no', "torn"),
        (bytes(4096), "a power cut"),
        (bytes(40) + LINES[-1], "a hole that a power cut left"),
    ],
)
def test_what_was_torn_at_the_end_of_the_events_is_left_out(tmp_path: Path, tail: bytes, why: str) -> None:
    folder = copied(tmp_path / "run")
    (folder / "events.jsonl").write_bytes(b"".join(LINES[:-1]) + tail)
    record = read_run(folder)
    assert record.events == EVENTS[:-1], why
    assert record.torn == (("events.jsonl",) if tail else ())
    result = reported(folder)
    assert result is not None
    assert result.end is None
    assert ("events.jsonl was cut off in the middle" in "".join(result.notes)) is bool(tail)
    assert "the workload had been put back by then" in result.reasons[0]


def test_outcomes_that_are_missing_make_no_pass(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    counted = len(OUTCOMES) // RECORD_BYTES
    ended = EVENTS[-1]
    assert isinstance(ended, RunEnded)
    whole = write_reports(folder).result
    known = whole.requests.good + whole.requests.bad
    counting = RunEnded(ended.at_ns, ended.end, ended.why, ended.clock, ended.left_behind, outcomes=known)
    (folder / "events.jsonl").write_bytes(b"".join(LINES[:-1]) + event_to_json(counting) + b"\n")
    assert write_reports(folder).result.verdict is Verdict.PASS
    (folder / "outcomes.bin").write_bytes(OUTCOMES[: RECORD_BYTES * (counted - 30)])
    lacking = reported(folder)
    assert lacking is not None
    assert lacking.verdict is Verdict.INCONCLUSIVE
    assert lacking.reasons[0].startswith("cut off: outcomes.bin lacks ")
    (folder / "outcomes.bin").unlink()
    gone = reported(folder)
    assert gone is not None
    assert gone.verdict is Verdict.INCONCLUSIVE


def test_a_torn_end_of_the_outcomes_makes_no_pass(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    (folder / "outcomes.bin").write_bytes(OUTCOMES[:-3])
    result = reported(folder)
    assert result is not None
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reasons[0] == "cut off: the end of outcomes.bin is torn, and nobody knows how much is missing"


def test_a_run_that_was_cut_off_while_it_broke_the_workload_says_that_nobody_knows(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    at = next(n for n, one in enumerate(EVENTS, 1) if isinstance(one, PhaseStarted) and one.phase is Phase.BREAK)
    (folder / "events.jsonl").write_bytes(b"".join(LINES[:at]))
    result = reported(folder)
    assert result is not None
    assert "whether the workload was put back is not in it" in result.reasons[0]
    assert "whether the image was changed is not recorded" in (folder / "report.md").read_text()


def test_what_the_guard_wrote_follows_what_the_harness_wrote(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    cut = EVENTS[: len(EVENTS) // 2]
    (folder / "events.jsonl").write_bytes(b"".join(LINES[: len(cut)]) + b'{"torn')
    restores = PhaseStarted(cut[-1].at_ns + 5, Phase.RESTORE)
    late = Noted(cut[-1].at_ns + 9, "it is back")
    guard = b"".join(event_to_json(one) + b"\n" for one in (restores, late))
    (folder / "guard.jsonl").write_bytes(guard + b'{"event": "noted", "at_ns": 1, "text": "not finished"}')
    record = read_run(folder)
    assert record.events == (*cut, restores, late)
    assert record.torn == ("events.jsonl", "guard.jsonl")
    result = reported(folder)
    assert result is not None
    assert result.end is None
    assert result.phases[-1].phase == "restore"


def test_what_became_of_the_workload_is_told_by_whoever_took_over(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    at = next(n for n, one in enumerate(EVENTS, 1) if isinstance(one, PhaseStarted) and one.phase is Phase.DETECT)
    (folder / "events.jsonl").write_bytes(b"".join(LINES[:at]))
    started = EVENTS[0]
    assert isinstance(started, RunStarted)
    late = ClockPair(started.clock.monotonic_ns + 10**11, started.clock.utc_ns + 10**11)
    took_over = GuardTookOver(late.monotonic_ns, "guard (process 7 on here)", "the harness has ended", late)
    done = GuardEnded(late.monotonic_ns + 5, True, "as before", late)
    failed = GuardEnded(late.monotonic_ns + 5, False, "the API server is away", late)
    for events, says in (
        ((took_over,), "putting the workload back was begun by guard (process 7 on here), and its end is not in the"),
        ((took_over, done), "the workload was put back by guard (process 7 on here) at "),
        ((took_over, failed), "the workload was NOT put back by guard (process 7 on here) until "),
    ):
        (folder / "guard.jsonl").write_bytes(b"".join(event_to_json(one) + b"\n" for one in events))
        result = reported(folder)
        assert result is not None
        assert result.reasons[0].startswith("cut off in phase detect, ")
        assert says in result.reasons[0]
        assert "100 s after" not in result.reasons[0], "how far the run came is the harness's to tell"


def test_what_was_put_back_after_a_reboot_comes_last(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    started, cut = EVENTS[0], LINES[: len(EVENTS) // 2]
    assert isinstance(started, RunStarted)
    (folder / "events.jsonl").write_bytes(b"".join(cut))
    clock = ClockPair(5_000_000_000, started.clock.utc_ns + 3_600 * 10**9)  # five seconds after the host was started
    sent = Instant(6_000_000_000, 7_000_000_000)
    guard = (
        GuardTookOver(clock.monotonic_ns, "restore", "asked for", clock),
        ImageSet(sent.latest_ns, Purpose.RESTORE, "image", sent, None),
        GuardEnded(8_000_000_000, True, "as before", clock),
    )
    (folder / "guard.jsonl").write_bytes(b"".join(event_to_json(one) + b"\n" for one in guard))
    *_, took_over, image_set, ended = read_run(folder).events
    assert isinstance(image_set, ImageSet)
    since = [took_over.at_ns, image_set.instant.earliest_ns, image_set.at_ns, ended.at_ns]
    assert [(at_ns - started.clock.monotonic_ns) // 10**9 for at_ns in since] == [3600, 3601, 3602, 3603]
    result = reported(folder)
    assert result is not None
    assert "the workload was put back by restore at " in result.reasons[0]


def test_both_wrote_for_a_moment_and_are_read_by_their_clock(tmp_path: Path) -> None:
    folder = copied(tmp_path / "run")
    started = EVENTS[0]
    assert isinstance(started, RunStarted)
    harness = [started, Noted(started.at_ns + 2, "harness, 2"), Noted(started.at_ns + 4, "harness, 4")]
    guard = [Noted(started.at_ns + 2, "guard, 2"), Noted(started.at_ns + 3, "guard, 3"), Noted(started.at_ns + 5, "5")]
    (folder / "events.jsonl").write_bytes(b"".join(event_to_json(one) + b"\n" for one in harness))
    (folder / "guard.jsonl").write_bytes(b"".join(event_to_json(one) + b"\n" for one in guard))
    (folder / "outcomes.bin").unlink()
    assert [one.at_ns - started.at_ns for one in read_run(folder).events] == [0, 2, 2, 3, 4, 5]
    (folder / "guard.jsonl").write_bytes(b"")
    assert len(read_run(folder).events) == 3


@pytest.mark.parametrize("missing", ["plan.json", "events.jsonl"])
def test_a_folder_that_lacks_what_every_run_has_is_one_clear_error(
    tmp_path: Path, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(tmp_path / "run")
    (folder / missing).unlink()
    assert main(["report", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{missing}: No such file" in said
    assert "Traceback" not in said
    assert not (folder / "report.html").exists()


def test_a_run_that_was_killed_before_its_first_event_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(tmp_path / "run")
    (folder / "events.jsonl").write_bytes(b"")
    (folder / "outcomes.bin").unlink()
    assert main(["report", str(folder)]) == 2
    assert "cut off before its first one was kept" in capsys.readouterr().err


def test_the_terminal_says_it_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied(tmp_path / "run")
    (folder / "events.jsonl").write_bytes(b"".join(LINES[:-1]))
    assert main(["report", str(folder)]) == 0
    verdict, reason, *_ = capsys.readouterr().out.splitlines()
    assert verdict.startswith("INCONCLUSIVE: ")
    assert reason.strip().startswith("cut off in phase restore, ")


def test_an_end_that_counts_no_outcomes_is_an_older_versions(tmp_path: Path) -> None:
    ended = RunEnded(1, End.COMPLETED, "", ClockPair(0, 0))
    assert ended.outcomes is None
    assert event_from_json(event_to_json(ended).replace(b',"outcomes":null', b"")) == ended
