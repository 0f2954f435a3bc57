"""The journal of a drill's activities, `chaos/activities.json`: as Chaos Toolkit writes one of an experiment, so that
its tools can read it, with the run's own clock beside. Secrets are taken out before it is written."""

from __future__ import annotations

import json
import platform
import socket
import threading
from pathlib import Path
from typing import Any

from flowdrill.analysis.redaction import cleaned, redact
from flowdrill.analysis.shown_plan import shown_plan
from flowdrill.durable_file import replace_whole
from flowdrill.edges.chaostoolkit.activity_child import ChildEnd
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ActivityPlan, ChaosPlan, experiment_activity
from flowdrill.model.instant import Instant

FOLDER, FILE = "chaos", "activities.json"
_MOST_OUTPUT = 20_000  # characters of what an activity printed


class ActivityJournal:
    """Written anew, whole, after every activity. A disk that is full loses it, and nothing else."""

    def __init__(self, run_folder: Path, plan: ChaosPlan, secrets: frozenset[str]) -> None:
        self._path, self._plan, self._secrets = run_folder / FOLDER / FILE, plan, secrets
        self._runs: list[tuple[ActivityPlace, dict[str, Any]]] = []
        self._chaoslib = ""
        self._problem: str | None = None
        self._lock = threading.Lock()

    def add(self, slot: ActivitySlot, one: ActivityPlan, end: ChildEnd, says: str) -> None:
        """Add what became of an activity. Raises nothing."""
        with self._lock:
            self._chaoslib = end.chaoslib or self._chaoslib
            self._runs.append((slot.place, self._entry(slot, one, end, says)))
            text = json.dumps(self._journal(), indent=2, default=str, ensure_ascii=False) + "\n"
            try:
                self._path.parent.mkdir(exist_ok=True)
                replace_whole(self._path, text.encode("utf-8", "replace"))
            except OSError as error:
                self._problem = error.strerror or str(error)

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path, what it shows), where something was written."""
        with self._lock:
            if not self._path.is_file():
                return ()
            lost = f" (not whole: {self._problem})" if self._problem else ""
        return ((f"{FOLDER}/{FILE}", f"the journal of the drill's Chaos Toolkit activities, redacted{lost}"),)

    def _entry(self, slot: ActivitySlot, one: ActivityPlan, end: ChildEnd, says: str) -> dict[str, Any]:
        run = dict(end.run or {"activity": experiment_activity(one), "output": None, "status": "failed"})
        if end.end is ActivityEnd.STOPPED:
            run["status"] = "aborted"
        run["flowdrill"] = {
            "place": slot.place,
            "end": end.end,
            "says": says,
            "began_ns": _both(end.began),
            "ended_ns": _both(end.ended),
        }
        if end.output:
            run["printed"] = redact(end.output, self._secrets)[-_MOST_OUTPUT:]
        return self._clean(run)

    def _clean(self, run: dict[str, Any]) -> dict[str, Any]:
        """Without the secrets' values, wherever they are, and without what is secret by its name."""
        plain = json.loads(json.dumps(run, default=str))
        return shown_plan(cleaned(plain, lambda text: redact(text, self._secrets)))

    def _journal(self) -> dict[str, Any]:
        held = {place: [run for at, run in self._runs if at is place] for place in ActivityPlace}
        bad = [run for _, run in self._runs if run.get("status") != "succeeded" or run.get("tolerance_met") is False]
        experiment = shown_plan(self._plan.model_dump(mode="json", exclude_defaults=True))
        return {
            "chaoslib-version": self._chaoslib,
            "platform": platform.platform(),
            "node": socket.gethostname(),
            "experiment": {"title": "a drill's activities", "method": [], "chaos": experiment},
            "status": "completed" if not bad else "failed",
            "deviated": any(run.get("tolerance_met") is False for run in bad),
            "steady_states": {
                "before": _hypothesis(held[ActivityPlace.STEADY_STATE]),
                "after": _hypothesis(held[ActivityPlace.RESTORED]),
                "during": [],
            },
            "run": [*held[ActivityPlace.BEFORE], *held[ActivityPlace.DURING]],
            "rollbacks": held[ActivityPlace.AFTER],
        }


def _hypothesis(runs: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not runs:
        return None
    return {"steady_state_met": all(run.get("tolerance_met") is True for run in runs), "probes": runs}


def _both(instant: Instant | None) -> list[int] | None:
    return None if instant is None else [instant.earliest_ns, instant.latest_ns]
