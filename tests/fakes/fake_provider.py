"""A model provider in memory: a mode, a rollout that takes a while, and a log."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.errors import ClusterError
from flowdrill.model.provider_log import WrittenLog
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange
from tests.fakes.fake_time import FakeTime

LABEL = "deployment/provider"


class FakeProvider:
    """The `Provider` port. A new mode serves `roll_seconds` after its patch, and the old one until then; the old
    mode's pods take their log with them. With `stands` False it is not there until it is started, or when somebody
    has deleted it (`go`)."""

    def __init__(self, time: FakeTime, *, mode: str = "ok", roll_seconds: float = 1.0, stands: bool = True) -> None:
        self.modes = [mode]  # as they were set
        self.there = stands
        self.starts: list[tuple[str, str]] = []  # (image, run id), as accepted
        self.start_problem: ClusterError | None = None
        self.remove_problem: ClusterError | None = None
        self._standing, self._ends_ns = stands, 0
        self._others: dict[str, Callable[[Mapping[str, Any]], None]] = {}
        self.log_problem: ClusterError | None = None
        self.unread: tuple[str, ...] = ()
        self.settles = True
        self._time, self._roll_ns = time, round(roll_seconds * 1e9)
        self._set_ns = time.now_ns() - self._roll_ns
        self._lines: list[tuple[int, str]] = []

    @property
    def container(self) -> dict[str, Any]:
        return {"name": "provider", "env": [{"name": "PROVIDER_MODE", "value": self.modes[-1]}]}

    @property
    def serving(self) -> str:
        """The mode of the pods that serve."""
        return self.modes[-1] if self._rolled_out() or len(self.modes) == 1 else self.modes[-2]

    def join(self, others: dict[str, Callable[[Mapping[str, Any]], None]]) -> None:
        """Take patches among a workload's other objects, as long as it is there."""
        self._others = others
        self._be(there=self.there)

    def go(self) -> None:
        """Be deleted by somebody else."""
        self._be(there=False)

    def _be(self, *, there: bool) -> None:
        self.there = there
        self._others.pop(LABEL, None)
        if there:
            self._others[LABEL] = self.patched

    def stands(self) -> bool:
        return self.there

    def start(self, image: str, run_id: str, *, dry_run: bool = False) -> None:
        if self.start_problem is not None:
            raise self.start_problem
        if self.there:
            raise ClusterError(f"somebody else has made {LABEL} since the drill looked for it", "drill again")
        if not dry_run:
            self.starts.append((image, run_id))
            self._set_ns = self._time.now_ns()
            self._be(there=True)

    def remove(self, run_id: str) -> str | None:
        if self.remove_problem is not None:
            raise self.remove_problem
        if self.there and (run_id in {run for _, run in self.starts}):
            self._ends_ns = self._time.now_ns() + self._roll_ns
            self._lines.clear()
            self._be(there=False)
            return f"{LABEL} is still there"
        return f"1 pods of {LABEL} still end" if self._time.now_ns() < self._ends_ns else None

    def patched(self, patch: Mapping[str, Any]) -> None:
        """What the API server does with a patch of the workload."""
        (container,) = patch["spec"]["template"]["spec"]["containers"]
        (variable,) = container["env"]
        assert (container["name"], variable["name"]) == ("provider", "PROVIDER_MODE")
        if variable["value"] != self.modes[-1]:
            self.modes.append(variable["value"])
            self._set_ns = self._time.now_ns()
            self._time.after(self._roll_ns / 1e9, self._lines.clear)

    def serve(self, calls: int = 1) -> None:
        """Take requests to the model, and write them down."""
        at = datetime.fromtimestamp(self._time.pair().utc_ns / 1e9, UTC).isoformat()
        good = self.serving == "ok"
        line = {
            "time": at, "mode": self.serving, "status": 200 if good else 500,
            "prompt_tokens": 2 * good, "completion_tokens": 4 * good,
        }  # fmt: skip
        self._lines += [(self._time.now_ns(), json.dumps(line))] * calls

    def release(self, change: ProviderChange) -> Release:
        release = provider_release(change, self.container, LABEL)
        return release if self._standing else replace(release, stable_beside={})

    def unsettled(self) -> str | None:
        self._refuse_gone()
        return None if self.settles and self._rolled_out() else f"{LABEL}: 0 of 1 replicas ready"

    def log(self, since_seconds: float) -> WrittenLog:
        self._refuse_gone()
        if self.log_problem is not None:
            raise self.log_problem
        from_ns = self._time.now_ns() - since_seconds * 1e9
        return WrittenLog("".join(f"{line}\n" for at_ns, line in self._lines if at_ns >= from_ns), self.unread)

    def _refuse_gone(self) -> None:
        if not self.there:
            raise ClusterError(f"{LABEL} not found", "name what there is")

    def _rolled_out(self) -> bool:
        return self._time.now_ns() >= self._set_ns + self._roll_ns
