"""A model provider in memory: a mode, a rollout that takes a while, and a log."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    mode's pods take their log with them."""

    def __init__(self, time: FakeTime, *, mode: str = "ok", roll_seconds: float = 1.0) -> None:
        self.modes = [mode]  # as they were set
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
        return provider_release(change, self.container, LABEL)

    def unsettled(self) -> str | None:
        return None if self.settles and self._rolled_out() else f"{LABEL}: 0 of 1 replicas ready"

    def log(self, since_seconds: float) -> WrittenLog:
        if self.log_problem is not None:
            raise self.log_problem
        from_ns = self._time.now_ns() - since_seconds * 1e9
        return WrittenLog("".join(f"{line}\n" for at_ns, line in self._lines if at_ns >= from_ns), self.unread)

    def _rolled_out(self) -> bool:
        return self._time.now_ns() >= self._set_ns + self._roll_ns
