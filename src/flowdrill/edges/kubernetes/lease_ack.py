"""An acknowledgement from another host: an annotation on the drill's Lease, which the drill looks at once a second."""

from __future__ import annotations

import json
from contextlib import closing

from flowdrill.analysis.redaction import redact
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.patching import FIELD_MANAGER
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.repeated_look import RepeatedLook
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.engine.facts import AckTold, Tell
from flowdrill.engine.ports import Clock
from flowdrill.errors import NoDrillError
from flowdrill.model.drill import Target
from flowdrill.model.instant import Instant
from flowdrill.model.json_shapes import as_mapping, as_text, inside
from flowdrill.model.json_text import parsed_json

ACK = "flowdrill.dev/acknowledged"
_EVERY_SECONDS = 1.0
_LONGEST_NAME = 100  # characters


def acknowledge_on_lease(
    context: str, target: Target, by: str, note: str, *, said_at: str, kubeconfig: str | None = None
) -> str:
    """Write the acknowledgement onto the target's Lease; return the id of the run that holds it. `said_at` tells it
    from an earlier one of the same text. NoDrillError when there is no Lease; ClusterError and ForbiddenError come
    through."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    with closing(api):
        lease = _read(api, target)
        if lease is None:
            raise NoDrillError(
                f"no drill is in progress on {target.workload} in namespace {target.namespace} of context {context!r}",
                "nothing was noted: see that the names are right; if they are, this is no drill",
            )
        body = {"metadata": {"annotations": {ACK: json.dumps({"by": by, "note": note, "at": said_at})}}}
        api.patch(_path(target), body, (("fieldManager", FIELD_MANAGER),))
    return printable(as_text(inside(lease, "spec").get("holderIdentity")) or "unknown")


class LeaseLook(RepeatedLook):
    """A `Source` of acknowledgements on the Lease."""

    def __init__(self, api: Api, target: FoundTarget, clock: Clock) -> None:
        super().__init__("lease-look", _EVERY_SECONDS)
        self._api, self._target, self._clock = api, target, clock
        self._known, self._asked_before_ns = "", 0

    def start_watching(self, tell: Tell) -> None:
        """From now on tell what is written there."""
        self._asked_before_ns = self._clock.now_ns()
        super().start_watching(tell)

    def _look(self, tell: Tell) -> None:
        asked_ns = self._clock.now_ns()
        lease = _read(self._api, self._target)
        said = as_text(inside(lease, "metadata", "annotations").get(ACK)) or ""
        if said not in ("", self._known):
            now_ns = self._clock.now_ns()
            by, how = _words(said)
            tell(AckTold(now_ns, Instant(self._asked_before_ns, now_ns), by, how))
        self._known, self._asked_before_ns = said, asked_ns


def _words(said: str) -> tuple[str, str]:
    """Who said it, and how: anybody who may write the Lease may have written anything."""
    try:
        told = as_mapping(parsed_json(said))
    except ValueError:
        told = {}
    by, note = (printable(redact(as_text(told.get(key)) or "")) for key in ("by", "note"))
    return by[:_LONGEST_NAME] or "somebody", "flowdrill ack, on the Lease" + (f": {note}" if note else "")


def _path(target: Target | FoundTarget) -> str:
    name = f"flowdrill-{target.kind}-{target.name}"
    return f"/apis/coordination.k8s.io/v1/namespaces/{target.namespace}/leases/{name}"


def _read(api: Api, target: Target | FoundTarget) -> Json | None:
    try:
        return api.get(_path(target))
    except AnswerError as error:
        if error.status == 404:
            return None
        raise
