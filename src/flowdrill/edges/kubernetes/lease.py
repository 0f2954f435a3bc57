"""The lock: a Lease beside the workload that says which run holds it, when it was last renewed, and how to undo what
that run did. Whoever may act on the workload holds it: the harness, its guard, or `flowdrill restore`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.patching import FIELD_MANAGER
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable
from flowdrill.errors import ClusterError, DrillRefusedError, HarnessBackError
from flowdrill.model.drill import Target
from flowdrill.model.json_shapes import as_mapping, as_text, inside
from flowdrill.model.undo import Undo, undo_from_json, undo_to_json

UNDO = "flowdrill.dev/undo"
ASKS = "flowdrill.dev/asks"  # what whoever restores must be told by people
MANAGED_BY = ("app.kubernetes.io/managed-by", "flowdrill")
_TRIES = 5
_RENEWAL_SECONDS = 4.0  # for one answer: a renewal that takes longer is tried again
_MANAGER = (("fieldManager", FIELD_MANAGER),)


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A Lease as the API server has it. Anybody who may write it may have written anything."""

    name: str
    holder: str  # RUN, or RUN/WHO of those that act in its place
    since: str
    renewed: str  # changes with every renewal; by the holder's clock
    seconds: float  # how long a holder may be silent
    undo: str  # JSON, as written
    asks: str

    @property
    def run_id(self) -> str:
        """The run that it is about."""
        return self.holder.partition("/")[0]

    def age_seconds(self, now: datetime) -> float | None:
        """How long ago it was renewed, where `now` is by the holder's clock; None when it does not say."""
        try:
            return (now - datetime.fromisoformat(self.renewed)).total_seconds()
        except (ValueError, TypeError):
            return None

    def read_undo(self) -> Undo | None:
        """Return the undo, None when what is written there is none."""
        try:
            return undo_from_json(self.undo)
        except (ValueError, RecursionError):
            return None


class DrillLease:
    """The Lease of one workload. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, target: Target) -> None:
        self._api, self._target = api, target
        self._quick = replace(api, patience_seconds=0.0, fence=None, read_seconds=_RENEWAL_SECONDS)
        self._patient = replace(api, fence=None)
        self.name = f"flowdrill-{target.kind}-{target.name}"
        self._undo: Undo | None = None

    def take(self, undo: Undo) -> str:
        """Create it for the undo's run and return `lease/NAME`; DrillRefusedError when another run holds it."""
        self._undo = undo
        for attempt in range(_TRIES):
            try:
                self._patient.create(self._all, self._made(undo, undo.run_id))
            except (AnswerError, UnreachableError) as error:
                lost = isinstance(error, UnreachableError)  # then the Lease may have been made all the same
                if attempt == _TRIES - 1 or not (lost or (isinstance(error, AnswerError) and error.status == 409)):
                    raise
            else:
                break
            held = self.read()
            if held is not None and held.holder != undo.run_id:
                raise self.refusal(held)
            if held is not None:
                break
        return f"lease/{self.name}"

    def renew(self, holder: str, *, again_until: float = math.inf) -> str | None:
        """Say that `holder` is still at it; return None, or who else holds it. One that was deleted is made again, but
        only until then (monotonic seconds): later, whoever took it over may have put everything back. It is not made
        again, either, where a guard in the cluster may have given it back."""
        for _ in range(_TRIES):
            lease = self._read_raw(self._quick)
            if lease is None:
                late = time.monotonic() > again_until
                if self._undo is None or late or self._may_have_been_given_back(holder):
                    return "nobody any more"
                self._create_again(holder)
                continue
            held = held_lease(lease)
            if held.holder != holder:
                return held.holder or "nobody"
            if self._changed(lease, {"spec": {"renewTime": _now()}}):
                return None
        raise ClusterError(f"lease/{self.name} is changed again and again by somebody else", "find out who does it")

    def take_over(
        self, run_id: str, holder: str, undo: Undo | None, *, silent_seconds: float | None = None
    ) -> HeldLease | None:
        """Become its holder in place of whoever holds it for `run_id`; return it as it was, None when there was none:
        then it is made again, if there is an `undo`. DrillRefusedError when it is about another run; HarnessBackError
        when the harness, on this host, has renewed it within the last `silent_seconds`."""
        self._undo = undo or self._undo
        for _ in range(_TRIES):
            lease = self._read_raw(self._quick)
            if lease is None:
                if undo is None:
                    return None
                self._create_again(holder)
                return None
            held = held_lease(lease)
            if held.run_id != run_id:
                raise self.refusal(held)
            age_seconds = held.age_seconds(datetime.now(UTC))
            if silent_seconds and held.holder == run_id and age_seconds and 0 < age_seconds < silent_seconds:
                raise HarnessBackError(
                    f"{run_id} has renewed its Lease {age_seconds:.1f} s ago", "nothing needs to be done"
                )
            if self._changed(lease, {"spec": {"holderIdentity": holder, "renewTime": _now()}}):
                return held
        raise ClusterError(f"lease/{self.name} is changed again and again by somebody else", "find out who does it")

    def ask(self, question: str) -> None:
        """Write down what people must decide; "" when there is nothing any more."""
        body: Json = {"metadata": {"annotations": {ASKS: question or None}}}
        self._api.patch(f"{self._all}/{self.name}", body, _MANAGER)

    def give_back(self, holder: str) -> None:
        """Delete it when `holder` has it, and never anybody else's."""
        for attempt in range(_TRIES):
            lease = self._read_raw(self._api)
            if lease is None or held_lease(lease).holder != holder:
                return
            meta = lease["metadata"]
            try:
                self._api.delete(f"{self._all}/{meta['name']}", meta["uid"], meta["resourceVersion"])
            except (AnswerError, UnreachableError) as error:
                lost = isinstance(error, UnreachableError)
                if attempt == _TRIES - 1 or not (
                    lost or (isinstance(error, AnswerError) and error.status in {404, 409})
                ):
                    raise
            else:
                return

    def read(self) -> HeldLease | None:
        """Return it, None when there is none."""
        lease = self._read_raw(self._api)
        return None if lease is None else held_lease(lease)

    def seen_silent(self, held: HeldLease, pause: Callable[[float], None], now_seconds: Callable[[], float]) -> bool:
        """Return whether nobody renews it: looked at for as long as a holder may be silent, by this host's clock alone.
        `pause` waits that many seconds."""
        deadline = now_seconds() + held.seconds
        while now_seconds() < deadline:
            pause(min(1.0, held.seconds / 5))
            now = self.read()
            if now is None or (now.holder, now.renewed) != (held.holder, held.renewed):
                return False
        return True

    def refuse_if_held(self) -> None:
        """DrillRefusedError when a run holds it."""
        held = self.read()
        if held is not None:
            raise self.refusal(held)

    def refusal(self, held: HeldLease) -> DrillRefusedError:
        """Return the error that says who holds it, and what to do when they are dead."""
        undo, where = held.read_undo(), f"--namespace {self._target.namespace} --workload {self._target.workload}"
        host = "unknown" if undo is None else undo.host
        return DrillRefusedError(
            f"a drill is already running on {self._target.workload} in namespace {self._target.namespace}: "
            f"run {printable(held.holder)} on host {printable(host)} since "
            f"{printable(held.since or 'an unknown time')}, last renewed "
            f"{printable(held.renewed or 'at an unknown time')}",
            f"wait until it has ended; if it is dead and its guard too, `flowdrill restore --context CONTEXT {where}` "
            "puts back what it broke and frees the workload",
        )

    def _may_have_been_given_back(self, holder: str) -> bool:
        """Whether the guard in the cluster may have acted, and be gone, while this run was cut off."""
        return self._undo is not None and self._undo.guard_job is not None and holder == self._undo.run_id

    @property
    def _all(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._target.namespace}/leases"

    def _made(self, undo: Undo, holder: str) -> Json:
        now = _now()
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "labels": dict([MANAGED_BY]),
                "annotations": {UNDO: undo_to_json(undo)},
            },
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": math.ceil(undo.lease_seconds),
                "acquireTime": now,
                "renewTime": now,
            },
        }

    def _create_again(self, holder: str) -> None:
        assert self._undo is not None  # noqa: S101 - for the type checker
        try:
            self._quick.create(self._all, self._made(self._undo, holder))
        except AnswerError as error:
            if error.status != 409:
                raise

    def _changed(self, lease: Json, patch: Json) -> bool:
        """Patch exactly what was read; False when it has changed since, or the answer was lost."""
        body = {**patch, "metadata": {"resourceVersion": lease["metadata"]["resourceVersion"]}}
        try:
            self._quick.patch(f"{self._all}/{self.name}", body, _MANAGER)
        except AnswerError as error:
            if error.status in {404, 409}:
                return False
            raise
        return True

    def _read_raw(self, api: Api) -> Json | None:
        try:
            return api.get(f"{self._all}/{self.name}")
        except AnswerError as error:
            if error.status == 404:
                return None
            raise


def held_lease(lease: Json) -> HeldLease:
    """Return a Lease as the API server has sent it."""
    spec, annotations = inside(lease, "spec"), as_mapping(inside(lease, "metadata").get("annotations"))
    seconds = spec.get("leaseDurationSeconds")
    return HeldLease(
        name=str(inside(lease, "metadata").get("name") or ""),
        holder=as_text(spec.get("holderIdentity")) or "",
        since=as_text(spec.get("acquireTime")) or "",
        renewed=as_text(spec.get("renewTime")) or "",
        seconds=float(seconds) if isinstance(seconds, int) and 0 < seconds < 3600 else 15.0,
        undo=as_text(annotations.get(UNDO)) or "",
        asks=as_text(annotations.get(ASKS)) or "",
    )


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
