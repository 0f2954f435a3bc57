"""Activities run by Chaos Toolkit's own library in processes of their own: whatever their code does, the harness knows
what became of it, and nothing of it is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("chaoslib")

from flowdrill.edges.chaostoolkit.activities import ActivityRoom, ChaosActivities, cluster_variables, secrets_of_plan
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.engine.facts import ActivityBegan, ActivityOver, Fact
from flowdrill.errors import ActivityError
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ChaosPlan
from flowdrill.model.instant import seconds_to_ns
from flowdrill.preparing.chaos_activities import secrets_given

HERE = Path(__file__).parent
TOKEN = "very-secret-token"
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "TEAM_TOKEN": TOKEN, "HARNESS_API_KEY": "not-for-them"}
LIMIT_SECONDS = 60.0


class Bench:
    """Activities of one plan, and what was told of them."""

    def __init__(self, folder: Path, plan: Mapping[str, Any], environ: Mapping[str, str] = ENVIRON) -> None:
        self.folder, self.facts, self._news = folder, list[Fact](), threading.Condition()
        self.plan = ChaosPlan.model_validate_json(json.dumps(plan))
        room = ActivityRoom(HERE, environ, cluster_variables("there", "/kube/config", within=False))
        self.activities = ChaosActivities(self.plan, room, MonotonicClock(), folder)

    def tell(self, fact: Fact) -> None:
        with self._news:
            self.facts.append(fact)
            self._news.notify_all()

    def run(self, name: str, place: ActivityPlace = ActivityPlace.BEFORE) -> ActivityOver:
        self.activities.begin(ActivitySlot(place, name))
        return self.over(name)

    def over(self, name: str) -> ActivityOver:
        def found() -> ActivityOver | None:
            return next((one for one in self.facts if isinstance(one, ActivityOver) and one.slot.name == name), None)

        with self._news:
            assert self._news.wait_for(lambda: found() is not None, LIMIT_SECONDS), self.facts
        told = found()
        assert told is not None
        return told

    def began(self, name: str) -> ActivityBegan:
        with self._news:
            assert self._news.wait_for(lambda: bool(self._begun(name)), LIMIT_SECONDS), self.facts
        return self._begun(name)[0]

    def _begun(self, name: str) -> list[ActivityBegan]:
        return [one for one in self.facts if isinstance(one, ActivityBegan) and one.slot.name == name]

    @property
    def journal(self) -> dict[str, Any]:
        text = (self.folder / "chaos/activities.json").read_text()
        assert TOKEN not in text
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(*before: dict[str, Any], environ: Mapping[str, str] = ENVIRON, **more: Any) -> Bench:
        bench = Bench(tmp_path, {"before": list(before), **more}, environ)
        made.append(bench)
        bench.activities.start(bench.tell)
        return bench

    yield make
    for bench in made:
        bench.activities.close()


def python(name: str, func: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": "team_activities", "func": func, **more.pop("provider", {})}
    return {"name": name, "type": kind, "provider": provider, **more}


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_an_action_is_done_and_its_instants_lie_in_order(benches: Any) -> None:
    bench = benches(python("do", "answer"))
    before = time.monotonic_ns()
    over = bench.run("do")
    began = bench.began("do").instant
    assert (over.end, over.tolerance_met, over.says) == (ActivityEnd.DONE, None, "")
    assert before <= began.earliest_ns <= began.latest_ns
    assert began.earliest_ns <= over.instant.earliest_ns <= over.instant.latest_ns <= time.monotonic_ns()
    (run,) = bench.journal["run"]
    assert (run["status"], run["output"], run["flowdrill"]["end"]) == ("succeeded", True, "done")
    assert run["flowdrill"]["began_ns"] == [began.earliest_ns, began.latest_ns]


@pytest.mark.parametrize(
    ("tolerance", "value", "met"),
    [(True, True, True), (True, False, False), ([1, 5], 3, True), ({"type": "range", "range": [0, 1]}, 2, False)],
)
def test_a_tolerance_is_chaos_toolkits_own(benches: Any, tolerance: object, value: object, met: bool) -> None:
    bench = benches(python("ask", "answer", "probe", tolerance=tolerance, provider={"arguments": {"value": value}}))
    over = bench.run("ask")
    assert (over.end, over.tolerance_met, over.says) == (ActivityEnd.DONE, met, repr(value))


def test_an_answer_that_cannot_be_compared_is_no_answer(benches: Any) -> None:
    bench = benches(python("ask", "answer", "probe", tolerance=[1, 5], provider={"arguments": {"value": "many"}}))
    over = bench.run("ask")
    assert (over.end, over.tolerance_met) == (ActivityEnd.FAILED, None)
    assert over.says.startswith("its answer cannot be compared: TypeError")


def test_it_sees_what_the_drill_gives_it_and_where_the_cluster_is_and_no_more(benches: Any) -> None:
    bench = benches(
        python("look", "surroundings", "probe", provider={"secrets": ["team"]}),
        configuration={"plain": "text", "home": {"type": "env", "key": "HOME"}},
        secrets={"team": {"token": {"type": "env", "key": "TEAM_TOKEN"}}},
    )
    assert bench.run("look").end is ActivityEnd.DONE
    (run,) = bench.journal["run"]
    variables = run["output"]["variables"]
    assert "HARNESS_API_KEY" not in variables
    assert {"HOME", "PATH", "KUBECONFIG", "KUBERNETES_CONTEXT", "TEAM_TOKEN"} <= set(variables)
    assert run["output"]["configuration"] == {"plain": "text", "home": "/nowhere"}
    assert "token is [redacted]" in run["printed"]


def test_one_that_ends_its_overseer_and_floods_is_over_all_the_same(benches: Any, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    bench = benches(python("flee", "flee_and_flood", provider={"arguments": {"pid_file": str(pid_file)}}), limit="2s")
    over = bench.run("flee")
    assert over.end in (ActivityEnd.DIED, ActivityEnd.TIMED_OUT)
    until(lambda: gone(int(pid_file.read_text())), "it writes on, though nobody reads")


def test_an_answer_without_a_bottom_is_no_reason_to_lose_it(benches: Any) -> None:
    bench = benches(python("deep", "nest"))
    assert bench.run("deep").end is ActivityEnd.DONE
    assert bench.journal["run"][0]["flowdrill"]["end"] == "done"


@pytest.mark.parametrize("func", ["fail_with_the_token", "answer_with_the_token"])
def test_a_secret_is_known_however_it_is_written(benches: Any, func: str) -> None:
    token = "pa\\ss'wörd\"&%"
    probe = python("it", func, "probe", tolerance="x", provider={"secrets": ["team"]})
    secrets = {"team": {"token": {"type": "env", "key": "TEAM_TOKEN"}}}
    bench = benches(probe, environ={**ENVIRON, "TEAM_TOKEN": token}, secrets=secrets)
    said = bench.run("it").says
    assert "[redacted]" in said
    assert "ss" not in said
    assert "rd" not in json.dumps([one.get("exception") for one in bench.journal["run"]])


def test_a_secret_that_could_be_any_word_is_taken_out_of_no_event() -> None:
    keys = {name: {"type": "env", "key": name} for name in ("LONG", "SHORT", "WORD", "NUMBER")}
    plan = ChaosPlan.model_validate_json(json.dumps({"secrets": {"team": keys}}))
    environ = {"LONG": "a-long-secret", "SHORT": "1", "WORD": "true", "NUMBER": "1234567890"}
    assert secrets_given(plan, environ) == ("a-long-secret",)
    assert secrets_of_plan(plan, environ) == {"a-long-secret", "true", "1234567890"}


@pytest.mark.parametrize(
    ("func", "end", "says"),
    [
        ("fail", ActivityEnd.FAILED, "ValueError: no luck with [redacted]"),
        ("end_the_process", ActivityEnd.DIED, "its process ended by itself, with exit code 7"),
        ("leave", ActivityEnd.FAILED, "SystemExit: 3"),
    ],
)
def test_what_ends_badly_is_said_as_it_is(benches: Any, func: str, end: ActivityEnd, says: str) -> None:
    bench = benches(python("bad", func), environment=["TEAM_TOKEN"])
    over = bench.run("bad")
    assert (over.end, over.says) == (end, says)
    assert bench.journal["run"][0]["status"] == "failed"


def test_what_hangs_is_ended_at_its_limit(benches: Any) -> None:
    bench = benches(python("hang", "hang", limit="300ms"))
    over = bench.run("hang")
    assert (over.end, over.says) == (ActivityEnd.TIMED_OUT, "it had not ended after 0.3 s")


def test_whatever_it_leaves_behind_ends_with_it(benches: Any, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    bench = benches(python("fork", "fork_and_stay", provider={"arguments": {"pid_file": str(pids)}}))
    assert bench.run("fork").end is ActivityEnd.DONE
    until(lambda: all(gone(int(pid)) for pid in pids.read_text().split()), "they are gone")


@pytest.mark.parametrize("func", ["flood", "lie"])
def test_one_that_writes_wherever_it_can_is_still_understood(benches: Any, func: str) -> None:
    bench = benches(python("noise", func))
    assert bench.run("noise").end is ActivityEnd.DONE
    assert len(bench.journal["run"][0]["printed"]) < 30_000


def test_a_program_and_its_answer(benches: Any) -> None:
    provider = {"type": "process", "path": "sh", "arguments": ["-c", "echo $TEAM_TOKEN; exit 4"]}
    bench = benches({"name": "run", "type": "probe", "tolerance": 4, "provider": provider}, environment=["TEAM_TOKEN"])
    over = bench.run("run")
    assert (over.end, over.tolerance_met) == (ActivityEnd.DONE, True)
    assert bench.journal["run"][0]["output"]["status"] == 4


def test_one_that_waits_for_a_moment_is_ready_and_begins_when_it_is_told(benches: Any) -> None:
    bench = benches(during=[python("kill", "answer", at="triggered")])
    at_ns = time.monotonic_ns() + seconds_to_ns(0.2)
    bench.activities.begin(ActivitySlot(ActivityPlace.DURING, "kill"), at_ns)
    assert bench.over("kill").end is ActivityEnd.DONE
    assert bench.began("kill").instant.earliest_ns >= at_ns


def test_one_that_was_never_told_to_begin_ends_without_a_word(benches: Any) -> None:
    bench = benches(during=[python("kill", "answer", at="triggered")])
    bench.activities.close()
    assert bench.facts == []
    assert bench.activities.evidence() == ()


def test_one_that_runs_is_ended_when_the_drill_is_over(benches: Any) -> None:
    bench = benches(python("hang", "hang"))
    bench.activities.begin(ActivitySlot(ActivityPlace.BEFORE, "hang"))
    bench.began("hang")
    bench.activities.stop()
    assert bench.over("hang").end is ActivityEnd.STOPPED
    assert bench.journal["run"][0]["status"] == "aborted"


def test_one_whose_secret_is_missing_does_not_get_ready(benches: Any) -> None:
    secrets = {"team": {"token": {"type": "env", "key": "NOT_SET"}}}
    with pytest.raises(ActivityError, match="activity 'kill' did not get ready"):
        benches(during=[python("kill", "answer", at="triggered")], secrets=secrets)


PROBLEMS = [
    ({"module": "chaosnowhere.pod"}, "the module chaosnowhere.pod is not installed: install the extension that has it"),
    ({"func": "nothing"}, "does not expose a function called 'nothing'"),
    ({"arguments": {"colour": "red"}}, "argument 'colour' is not part of the function signature"),
    ({"func": "fork_and_stay"}, "required argument 'pid_file' is missing"),
    ({"module": "broken_module"}, "the module broken_module cannot be imported: RuntimeError: never"),
    ({"module": "ending_module"}, "its process ended by itself, with exit code 9"),
]


@pytest.mark.parametrize(("provider", "says"), PROBLEMS)
def test_what_chaos_toolkit_has_against_an_activity_is_said_with_its_name(
    tmp_path: Path, provider: dict[str, Any], says: str
) -> None:
    for name, text in (("broken_module", "raise RuntimeError('never')"), ("ending_module", "import os\nos._exit(9)")):
        (tmp_path / f"{name}.py").write_text(text)
    (tmp_path / "team_activities.py").write_text((HERE / "team_activities.py").read_text())
    plan = ChaosPlan.model_validate_json(json.dumps({"before": [python("bad", "answer", provider=provider)]}))
    room = ActivityRoom(tmp_path, ENVIRON, {})
    (problem,) = ChaosActivities(plan, room, MonotonicClock()).problems()
    assert problem.startswith("'bad': ")
    assert says in problem


def test_a_tolerance_of_a_wrong_type_and_a_variable_that_is_not_set_are_both_told(benches: Any) -> None:
    bench = benches(
        python("ask", "answer", "probe", tolerance=1.5), configuration={"url": {"type": "env", "key": "NOT_SET"}}
    )
    first, second = bench.activities.problems()
    assert first.startswith("'ask': hypothesis probe tolerance must either be an integer")
    assert second.endswith("reference to an environment key that does not exist: NOT_SET")


def test_without_chaos_toolkit_it_is_said_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "chaoslib.py").write_text("raise ImportError('no such thing', name='chaoslib')")
    code = (
        "import json, os, sys; from pathlib import Path\n"
        "from flowdrill.edges.chaostoolkit.checking import problems_of\n"
        "from flowdrill.model.chaos_plan import ChaosPlan\n"
        f"plan = ChaosPlan.model_validate_json({json.dumps(json.dumps({'before': [python('do', 'answer')]}))})\n"
        "problems_of(plan, os.environ, Path('/'))"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ)
    assert "MissingPartError" in done.stderr
    assert "pip install 'flowdrill[chaos]'" in done.stderr


def test_it_ends_with_everything_below_it_when_the_harness_is_killed(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    plan = {"before": [python("fork", "fork_and_stay", provider={"arguments": {"pid_file": str(pids)}}),
                       python("hang", "hang")]}  # fmt: skip
    code = (
        "import sys, time; from pathlib import Path\n"
        "from tests.unit.chaostoolkit.test_activity_processes import Bench\n"
        "from flowdrill.model.activity import ActivityPlace, ActivitySlot\n"
        "import json\n"
        f"bench = Bench(Path({str(tmp_path)!r}), json.loads({json.dumps(json.dumps(plan))}))\n"
        "bench.activities.start(bench.tell)\n"
        "bench.activities.begin(ActivitySlot(ActivityPlace.BEFORE, 'hang'))\n"
        "bench.began('hang')\n"
        "print('hangs', flush=True)\n"
        "time.sleep(600)\n"
    )
    harness = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=HERE.parents[2], start_new_session=True
    )
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"hangs\n"
        below = _children_of(harness.pid)
        assert len(below) == 2  # its overseer, and who runs it
    finally:
        harness.kill()
        harness.wait()
        harness.stdout.close()  # type: ignore[union-attr]
    until(lambda: all(map(gone, below)), "they are gone")


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in (pid, *found):
            found.append(int(path.parent.name))
    return found
