"""The `Activities` port: the activities of one drill, by Chaos Toolkit's own library, each in a process of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact, secret_texts, secrets_of
from flowdrill.edges.chaostoolkit.activity_child import START_SECONDS, ActivityChild, ChildEnd
from flowdrill.edges.chaostoolkit.activity_journal import ActivityJournal
from flowdrill.edges.chaostoolkit.checking import problems_of
from flowdrill.engine.facts import ActivityBegan, ActivityOver, Tell
from flowdrill.engine.ports import Clock
from flowdrill.errors import ActivityError
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ChaosPlan, experiment_activity
from flowdrill.model.instant import Instant

_NEEDED = frozenset(  # no secret is in these, and programs do not run well without
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PYTHONPATH", "SSL_CERT_FILE"),
        *("SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "no_proxy"),
    }
)
_JOIN_SECONDS = 10.0
_NO_BOTTOM = "its answer is nested too deep to be kept"
_SHOWN = 200  # characters of a probe's answer in an event


@dataclass(frozen=True, slots=True)
class ActivityRoom:
    """Where activities run: the drill file's folder, and the variables that say which cluster is meant."""

    folder: Path
    environ: Mapping[str, str]
    cluster: Mapping[str, str]  # KUBECONFIG and KUBERNETES_CONTEXT, as chaostoolkit-kubernetes reads them


def cluster_variables(context: str, kubeconfig: str | None, *, within: bool) -> dict[str, str]:
    """Return what tells chaostoolkit-kubernetes which cluster is meant; `within`: a pod of that cluster."""
    if within:
        return {"CHAOSTOOLKIT_IN_POD": "true"}
    return {"KUBERNETES_CONTEXT": context, **({"KUBECONFIG": kubeconfig} if kubeconfig else {})}


class ChaosActivities:
    """The activities of one drill. Where no run is, only `problems` makes sense."""

    def __init__(self, plan: ChaosPlan, room: ActivityRoom, clock: Clock, run_folder: Path | None = None) -> None:
        self._plan, self._room, self._clock = plan, room, clock
        self._environ = own_environment(plan, room)
        self._secrets = secrets_known(plan, room.environ)
        self._journal = None if run_folder is None else ActivityJournal(run_folder, plan, self._secrets)
        self._tell: Tell | None = None
        self._waiting: dict[ActivitySlot, ActivityChild] = {}  # ready, and not told to begin
        self._running: dict[ActivitySlot, ActivityChild] = {}
        self._lock = threading.Lock()
        self._by_name = {one.name: one for _, one in plan.activities}

    def problems(self) -> tuple[str, ...]:
        """Return what Chaos Toolkit has against them; see the port."""
        return tuple(self._clean(one) for one in problems_of(self._plan, self._environ, self._room.folder))

    def start(self, tell: Tell) -> None:
        """Start the processes of those that wait for a moment; see the port."""
        self._tell = tell
        slots = [ActivitySlot(ActivityPlace.DURING, one.name) for one in self._plan.during]
        slots += [ActivitySlot(ActivityPlace.BEFORE, one.name) for one in self._plan.before if one.background]
        for slot in slots:
            try:
                self._waiting[slot] = self._spawn(slot)
            except OSError as error:
                raise ActivityError(
                    f"activity {slot.name!r} cannot be started: {error.strerror}", "see that this host has room for it"
                ) from error
        for slot, child in self._waiting.items():
            if not child.await_ready(START_SECONDS + _JOIN_SECONDS):
                raise ActivityError(
                    f"activity {slot.name!r} did not get ready to begin", "see chaos/activities.json in the run folder"
                )

    def begin(self, slot: ActivitySlot, at_ns: int = 0) -> None:
        """Have one begin; see the port."""
        child = self._waiting.pop(slot, None)
        if child is None:
            try:
                child = self._spawn(slot)
            except OSError as error:
                self._over(slot, ChildEnd(ActivityEnd.NOT_BEGUN, f"it cannot be started: {error.strerror}"))
                return
        with self._lock:
            self._running[slot] = child
        child.begin(at_ns)

    def stop(self) -> None:
        """End all of them; see the port."""
        waiting, self._waiting = self._waiting, {}
        with self._lock:
            children = (*waiting.values(), *self._running.values())
        for child in children:
            child.stop()

    def close(self) -> None:
        """End all of them, and wait until they are gone."""
        with self._lock:
            children = (*self._waiting.values(), *self._running.values())
        self.stop()
        for child in children:
            child.join(_JOIN_SECONDS)

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return the journal, where there is one."""
        return () if self._journal is None else self._journal.evidence()

    def _spawn(self, slot: ActivitySlot) -> ActivityChild:
        one = self._by_name[slot.name]
        request = {**request_of(self._plan, self._room.folder), "what": "work", "title": slot.name,
                   "activity": experiment_activity(one)}  # fmt: skip
        return ActivityChild(
            request,
            environ=self._environ,
            folder=self._room.folder,
            limit_seconds=self._plan.limit_seconds(one),
            clock=self._clock,
            began=lambda instant: self._began(slot, instant),
            over=lambda end: self._over(slot, end),
        )

    def _began(self, slot: ActivitySlot, instant: Instant) -> None:
        if self._tell is not None:
            self._tell(ActivityBegan(self._clock.now_ns(), slot, instant))

    def _over(self, slot: ActivitySlot, end: ChildEnd) -> None:
        with self._lock:
            asked = self._running.pop(slot, None) is not None
        try:
            self._tell_over(slot, end, asked=asked)
        except RecursionError:  # its answer is nested without a bottom: it is told without
            self._tell_over(slot, replace(end, run=None, says=end.says or _NO_BOTTOM), asked=asked)

    def _tell_over(self, slot: ActivitySlot, end: ChildEnd, *, asked: bool) -> None:
        says = self._clean(end.says) if end.says else self._answer(end)
        if self._journal is not None and (asked or end.end is not ActivityEnd.STOPPED):
            self._journal.add(slot, self._by_name[slot.name], end, says)
        if self._tell is not None and (asked or end.end is not ActivityEnd.STOPPED):
            self._tell(ActivityOver(self._clock.now_ns(), slot, end.ended, end.end, end.tolerance_met, says))

    def _answer(self, end: ChildEnd) -> str:
        if end.tolerance_met is None or end.run is None:
            return ""
        return self._clean(repr(end.run.get("output")))[:_SHOWN]

    def _clean(self, text: str) -> str:
        return printable(redact(text, self._secrets))


def request_of(plan: ChaosPlan, folder: Path) -> dict[str, Any]:
    """Return what every request has: no value of a secret is in it, only the variables' names."""
    secrets = {name: {key: one.model_dump() for key, one in section.items()} for name, section in plan.secrets.items()}
    return {"folder": str(folder), "configuration": plan.configuration, "secrets": secrets}


def secrets_known(plan: ChaosPlan, environ: Mapping[str, str]) -> frozenset[str]:
    """Return what must be written nowhere: the values of the plan's secrets, and everything of the environment that is
    secret by its name; also as an error's text, JSON or a URL writes them."""
    known = secrets_of(environ) | secrets_of_plan(plan, environ)
    return known | {
        written for one in known for written in (repr(one)[1:-1], json.dumps(one)[1:-1], quote(one, safe=""))
    }


def secrets_of_plan(plan: ChaosPlan, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the values of the plan's secrets."""
    return secret_texts(environ.get(name, "") for name in plan.secret_variables)


def own_environment(plan: ChaosPlan, room: ActivityRoom) -> dict[str, str]:
    """Return the variables that programs need, those that the plan names, and where the cluster is: nothing else."""
    named = _NEEDED | set(plan.variables)
    kept = {name: value for name, value in room.environ.items() if name in named or name.startswith("LC_")}
    return {**kept, **room.cluster}
