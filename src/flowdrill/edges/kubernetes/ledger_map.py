"""The ledger in a ConfigMap beside the workload: changed only as it was read, so that two writers lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Self

from flowdrill.analysis.ledger_chain import appended, ledger_text, parse_ledger, said_before
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.patching import FIELD_MANAGER
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError
from flowdrill.errors import ClusterError, LedgerError
from flowdrill.model.ledger import Ledger, LedgerEntry

KEY = "ledger.jsonl"
_TRIES = 10  # whoever is refused has seen somebody else get on
_PATIENCE_SECONDS = 10.0  # a drill is over when this is written: nothing waits for it but its user


def open_ledger_map(
    context: str, namespace: str, name: str, now: Callable[[], datetime], *, kubeconfig: str | None = None
) -> KubernetesLedger:
    """Return the ledger in the ConfigMap `name` on the cluster of `context`. Nothing is asked yet. ClusterError when
    there is no such context."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server, patience_seconds=_PATIENCE_SECONDS)
    return KubernetesLedger(api, namespace, name, now)


class KubernetesLedger:
    """The `LedgerBook` port, in a ConfigMap. Every method raises LedgerError, ClusterError or ForbiddenError."""

    def __init__(self, api: Api, namespace: str, name: str, now: Callable[[], datetime]) -> None:
        self._api, self._now, self._name = api, now, name
        self._maps = f"/api/v1/namespaces/{namespace}/configmaps"
        self._where = f"configmap/{name} in namespace {namespace}"
        self._by_hand = f"`kubectl -n {namespace} get configmap {name} -o yaml` shows it"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def read(self) -> Ledger:
        """Return the whole ledger, an empty one where there is no ConfigMap yet."""
        return self._ledger(self._found())

    def append(self, digest: str, reference: str, by: str, note: str) -> LedgerEntry:
        """Add one entry and return it. What `by` has said of `digest` is not said again: also not when the answer that
        it was written got lost."""
        for attempt in range(_TRIES):
            found = self._found()
            ledger = self._ledger(found)
            known = said_before(ledger, digest, by)
            if known is not None:
                return known
            grown = appended(ledger, digest=digest, reference=reference, verified_at=self._now(), by=by, note=note)
            try:
                self._write(found, ledger_text(grown))
            except (AnswerError, UnreachableError) as error:
                # somebody else was first, or it may have been written all the same: look again
                if attempt == _TRIES - 1 or (isinstance(error, AnswerError) and error.status not in {404, 409}):
                    raise
            else:
                return grown.entries[-1]
        raise AssertionError  # the last try returns or raises

    def _found(self) -> Json | None:
        try:
            return self._api.get(f"{self._maps}/{self._name}")
        except AnswerError as error:
            if error.status == 404:
                return None
            raise

    def _ledger(self, found: Json | None) -> Ledger:
        text = None if found is None else self._text(found)
        return Ledger(self._where) if text is None else parse_ledger(text, self._where)

    def _text(self, found: Json) -> str | None:
        """What is under the key, None when nothing is: a team may make the ConfigMap, and have the rest written."""
        data, binary = found.get("data"), found.get("binaryData")
        text = data.get(KEY) if isinstance(data, dict) else None
        if text is None and isinstance(data, dict | None) and not (isinstance(binary, dict) and KEY in binary):
            return None
        if not isinstance(text, str):
            raise LedgerError(
                f"{self._where}: its key {KEY} holds no text, so this is no ledger",
                f"{self._by_hand}; put a copy back, or name another one: policy.ledger.config_map in the drill",
            )
        return text

    def _write(self, found: Json | None, text: str) -> None:
        if found is None:
            meta = {"name": self._name, "labels": {"app.kubernetes.io/managed-by": "flowdrill"}}
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {KEY: text}}
            self._api.create(self._maps, made)
            return
        if found.get("immutable") is True:
            raise LedgerError(
                f"{self._where} is immutable: nothing can be added to it",
                "name another one: policy.ledger.config_map in the drill",
            )
        known = found.get("metadata")
        version = known.get("resourceVersion") if isinstance(known, dict) else None
        if not isinstance(version, str) or not version:
            raise ClusterError(
                f"{self._where}: the API server named no version of it", "check that it is a Kubernetes API server"
            )
        # with the version, the API server refuses (409) to lay this over anything but what was read
        body = {"metadata": {"resourceVersion": version}, "data": {KEY: text}}
        self._api.patch(f"{self._maps}/{self._name}", body, [("fieldManager", FIELD_MANAGER)])
