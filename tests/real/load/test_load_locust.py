"""LocustLoad with the real Locust, against a small server on loopback."""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from flowdrill.engine.facts import LoadDied
from flowdrill.errors import LoadError, PlanError
from flowdrill.model.outcome import Reason

API_KEY = "a-key-nobody-may-read"  # what `new_load` gives in FLOW_KEY
UNCOLLECTED = Path(__file__).with_name("uncollected.py")
FEW_OPEN = Path(__file__).with_name("few_open.py")
LOCUST_FILE = Path(__file__).parents[3] / "scenarios" / "load" / "run_flow.py"


def test_requests_keep_leaving_on_schedule_while_the_service_hangs(flow_server, new_load):
    load = new_load(flow_server.url, 100)
    load.start()
    load.until(lambda load: len(load.finished) >= 20)
    flow_server.command("hang")
    load.until(lambda load: len(load.sent) - len(load.finished) >= 150)
    flow_server.command("good")
    load.until(lambda load: len(load.finished) >= 200)
    load.stop()

    sent = load.sent
    assert [record.sequence for record in sent] == list(range(len(sent)))
    start_ns = sent[0].intended_ns
    assert all(abs(record.intended_ns - start_ns - record.sequence * 10_000_000) <= 1 for record in sent)
    assert all(record.sent_ns >= record.intended_ns for record in sent)
    assert {record.sequence for record in load.finished} == {record.sequence for record in sent}
    assert tuple(load.records) == load.recorded


def test_every_request_has_a_connection_of_its_own(flow_server, new_load):
    load = new_load(flow_server.url, 200)
    load.start()
    load.until(lambda load: len(load.finished) >= 100)
    load.stop()
    seen = flow_server.ask("report")
    assert len(seen["connection_of"]) == len(load.sent)
    assert max(Counter(seen["connection_of"]).values()) == 1
    assert seen["paths"] == ["POST /flows/echo/run HTTP/1.1"]
    assert seen["encodings"] == ["identity"]


def test_connections_are_renewed_after_the_wanted_number_of_requests(flow_server, new_load):
    load = new_load(flow_server.url, 100, requests_per_connection=5)
    load.start()
    load.until(lambda load: len(load.finished) >= 60)
    load.stop()
    assert max(Counter(flow_server.ask("report")["connection_of"]).values()) == 5
    assert load.count(Reason.GOOD) == len(load.sent)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("error", Reason.HTTP_STATUS),
        ("wrong", Reason.WRONG_ANSWER),
        ("redirect", Reason.MALFORMED),
        ("garbage", Reason.CONNECTION),
        ("truncated", Reason.CONNECTION),
        ("close", Reason.CONNECTION),
    ],
)
def test_answers_are_judged_and_locusts_own_statistics_agree(flow_server, new_load, mode, reason):
    load = new_load(flow_server.url, 50)
    load.start()
    flow_server.command(mode)
    load.until(lambda load: load.count(reason) >= 10)
    flow_server.command("good")
    load.until(lambda load: load.finished[-1].reason is Reason.GOOD)
    load.stop()
    assert {record.reason for record in load.finished} == {Reason.GOOD, reason}
    with (load.folder / "load" / "locust_stats.csv").open() as file:
        total = next(row for row in csv.DictReader(file) if row["Name"] == "Aggregated")
    assert (int(total["Request Count"]), int(total["Failure Count"])) == (len(load.finished), load.count(reason))
    samples = [json.loads(line) for line in (load.folder / "load" / "bad-answers.jsonl").read_text().splitlines()]
    assert [sample["reason"] for sample in samples] == [reason.name.lower()] * 5
    assert all(sample["body"] or sample["error"] or sample["http_status"] for sample in samples)


def test_locusts_files_have_their_last_rows_though_it_does_not_close_them(tmp_path):
    program = Path(__file__).with_name("rows_at_quit.py")
    told = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1].startswith(",Aggregated,1,0,")


def test_an_unanswered_request_ends_at_the_time_limit(flow_server, new_load):
    load = new_load(flow_server.url, 20, latency_objective="200ms", timeout="300ms")
    flow_server.command("hang")
    load.start()
    load.until(lambda load: load.count(Reason.NO_ANSWER) >= 5)
    assert all(record.finished_ns - record.sent_ns > 290_000_000 for record in load.finished)


def test_a_hang_at_the_very_limit_of_a_plan_is_lived_through(flow_server, new_load):
    load = new_load(flow_server.url, 200, FEW_OPEN, latency_objective="200ms", timeout="300ms")
    load.start()
    flow_server.command("hang")
    load.until(lambda load: load.count(Reason.NO_ANSWER) >= 150)
    load.stop()
    assert not any(isinstance(fact, LoadDied) for fact in load.facts)


@pytest.mark.parametrize("mode", ["good", "error", "close", "hang"])
def test_no_request_leaves_cycles_for_the_garbage_collector(flow_server, new_load, mode):
    load = new_load(
        flow_server.url, 200, UNCOLLECTED, latency_objective="200ms", timeout="300ms", requests_per_connection=2
    )
    load.start()
    flow_server.command(mode)
    load.until(lambda load: len(load.finished) >= 200)
    load.stop()
    told = re.search(r"objects in cycles: (\d+)", (load.folder / "locust.log").read_text())
    assert int(told[1]) < 100  # some are Locust's own


def test_a_service_that_refuses_connections_is_a_result_and_no_error(new_load):
    with socket.socket() as nobody:  # bound, but not listening
        nobody.bind(("127.0.0.1", 0))
        load = new_load(f"http://127.0.0.1:{nobody.getsockname()[1]}", 50)
        load.start()
        load.until(lambda load: len(load.finished) >= 10)
        load.stop()
    assert {(record.reason, record.http_status) for record in load.finished} == {(Reason.CONNECTION, 0)}


def test_the_api_key_is_sent_and_written_nowhere(flow_server, new_load):
    load = new_load(flow_server.url, 50, api_key_from="FLOW_KEY")
    flow_server.command("error")  # its body repeats the key
    load.start()
    load.until(lambda load: len(load.finished) >= 10)
    command_line = Path(f"/proc/{load.load._process.pid}/cmdline").read_bytes()
    load.stop()
    assert flow_server.ask("report")["keys"] == [API_KEY]
    assert API_KEY.encode() not in command_line
    written = {path: path.read_bytes() for path in load.folder.rglob("*") if path.is_file()}
    assert any(b"boom" in content for content in written.values())
    assert [path for path, content in written.items() if API_KEY.encode() in content] == []


def test_locust_that_got_ready_sends_nothing_until_it_is_started(flow_server, new_load):
    load = new_load(flow_server.url, 100)
    load.load.get_ready()
    load.load.get_ready()
    await_waiting(load.load._process.pid)
    started_ns = time.monotonic_ns()
    load.start()
    load.until(lambda load: len(load.finished) >= 5)
    load.stop()
    assert load.sent[0].sequence == 0
    assert load.sent[0].intended_ns > started_ns
    assert len(flow_server.ask("report")["connection_of"]) == len(load.sent)


@pytest.mark.parametrize("waits", [True, False])
def test_a_load_that_only_got_ready_is_ended_and_leaves_nothing(flow_server, new_load, tmp_path, waits):
    load = new_load(flow_server.url, 100)
    load.load.get_ready()
    pid = load.load._process.pid
    if waits:
        await_waiting(pid)
    load.stop()
    assert not runs(pid)
    assert flow_server.ask("report")["connection_of"] == []
    assert list(tmp_path.iterdir()) == []


def test_the_death_of_a_locust_that_got_ready_is_told_when_it_is_started(flow_server, new_load):
    load = new_load(flow_server.url, 100)
    load.load.get_ready()
    os.kill(load.load._process.pid, signal.SIGKILL)
    with pytest.raises(LoadError, match=r"sent no request \(exit code -9\)"):
        load.start()


def test_the_death_of_locust_is_told(flow_server, new_load):
    load = new_load(flow_server.url, 50)
    load.start()
    os.kill(load.load._process.pid, signal.SIGKILL)
    load.until(lambda load: isinstance(load.facts[-1], LoadDied) if load.facts else False)
    assert load.facts[-1].exit_code == -signal.SIGKILL
    assert "Starting Locust" in load.facts[-1].last_words
    load.stop()
    load.stop()


HARNESS = """
import os, sys, time
from pathlib import Path
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.locust_load import LocustLoad
from flowdrill.model.load_plan import LoadPlan
plan = LoadPlan.model_validate_json(sys.argv[1])
folder, locust_file = map(Path, sys.argv[2:4])
load = LocustLoad(plan, environ=os.environ, folder=folder, locust_file=locust_file, clock=MonotonicClock())
load.get_ready()
if sys.argv[4] == "started":
    load.start(lambda fact: None)
print(load._process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how_far", ["ready", "started"])
def test_locust_dies_with_the_harness_long_before_its_next_request(flow_server, tmp_path, how_far):
    plan = {"url": flow_server.url, "route": "lfx-run", "flow": "echo", "expect": "v1", "requests_per_second": 0.001}
    with subprocess.Popen(
        [sys.executable, "-c", HARNESS, json.dumps(plan), str(tmp_path), str(LOCUST_FILE), how_far],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as harness:
        locust = int(harness.stdout.readline())
        assert runs(locust)
        harness.kill()
    deadline = time.monotonic() + 30
    while runs(locust):
        assert time.monotonic() < deadline, "Locust outlived the harness"
        time.sleep(0.05)


def await_waiting(pid: int) -> None:
    """Return once Locust has loaded everything: it needs no more CPU time."""
    deadline, before = time.monotonic() + 30, -1
    while (used := cpu_ticks(pid)) != before or used < 20:
        assert time.monotonic() < deadline, "Locust does not come to wait"
        before = used
        time.sleep(0.5)


def cpu_ticks(pid: int) -> int:
    """Of user time, in hundredths of a second."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_locust_that_does_not_start_is_an_error_with_its_last_words(new_load, tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('no such thing')")
    load = new_load("http://127.0.0.1:1", 10, broken)
    with pytest.raises(LoadError, match="no such thing"):
        load.start()
    load.stop()
    assert load.facts == []


@pytest.mark.parametrize(("name", "problem"), [("NOT_THERE", "is not set or empty"), ("BAD_KEY", "holds characters")])
def test_an_api_key_that_cannot_be_sent_is_found_before_anything_starts(new_load, tmp_path, name, problem):
    with pytest.raises(PlanError, match=rf"load\.api_key_from: .* {name} {problem}") as caught:
        new_load("http://127.0.0.1:1", 10, api_key_from=name)
    assert API_KEY not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_locust_file_by_hand_says_how_it_is_meant_to_be_started():
    environ = {name: value for name, value in os.environ.items() if name != "FLOWDRILL_LOAD"}
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(LOCUST_FILE), "--headless"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.strip().splitlines()[-1] == (
        "FLOWDRILL_LOAD is not set: this Locust file is started by `flowdrill run`, not by hand."
    )


def test_locust_that_was_stopped_is_ended_all_the_same(flow_server, new_load):
    load = new_load(flow_server.url, rate=20)
    load.start()
    process = load.load._process
    os.kill(process.pid, signal.SIGSTOP)
    load.stop()
    assert process.returncode == 0, "it was asked to end, and not killed"


def test_a_disk_that_is_full_ends_the_load_and_is_told(flow_server, new_load):
    load = new_load(flow_server.url, rate=20)
    load.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        load.until(lambda load: isinstance(load.facts[-1], LoadDied) if load.facts else False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot be kept" in load.facts[-1].last_words
    assert 0 < len(load.recorded) < 100
