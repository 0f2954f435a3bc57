"""The Kubernetes API as plain JSON, through the official client: its addresses, TLS, logins and connection pool.

The client's generated models are left out on purpose: they cost 30 MB and a second of imports, and every object is
turned into a frozen snapshot at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import urllib3
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable, refusal
from flowdrill.errors import ClusterError
from flowdrill.model.access import Subject

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
_CONNECT_SECONDS, _READ_SECONDS = 5, 15
_DRY_RUN = ("dryRun", "All")
_BUSY = frozenset({429, 500, 502, 503, 504})
_PAUSE_FIRST, _PAUSE_LONGEST = 0.1, 2.0
_LOOK_SECONDS = 2.0  # how long what only looks is tried again


class Stream(AbstractContextManager["Stream"]):
    """An open answer, read while it arrives. `cut` may be called from another thread to end a blocked read."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # An answer read to its end has gone back to the pool already; any other connection is of no more use.
        self._response.close()

    def chunks(self) -> Iterator[bytes]:
        """Yield what arrives, as it arrives; UnreachableError when the connection breaks."""
        try:
            yield from self._response.stream(amt=None)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise UnreachableError(f"the connection broke: {printable(str(error))}", "try again") from error

    def lines(self) -> Iterator[bytes]:
        """Yield every complete line."""
        rest = bytearray()
        for chunk in self.chunks():
            rest += chunk
            *complete, last = bytes(rest).split(b"\n") if b"\n" in chunk else (bytes(rest),)
            rest = bytearray(last)
            yield from (line for line in complete if line)

    def cut(self) -> None:
        """End the stream for whoever reads it. Harmless when it has ended."""
        try:
            self._response.shutdown()
        except (OSError, ValueError, RuntimeError):
            return  # already over


@dataclass(frozen=True, slots=True)
class Api:
    """Requests to one API server. Every method raises ClusterError or ForbiddenError: AnswerError with the status, or
    UnreachableError."""

    client: ApiClient
    server: str
    subject: Subject | None = None  # whom every request impersonates; None: the client's own identity
    patience_seconds: float = 30.0  # how long a request that may be sent twice is tried again

    def acting_as(self, subject: Subject | None) -> Api:
        """Return the same API, over the same warm connections, for somebody else."""
        return replace(self, subject=subject)

    def close(self) -> None:
        """Close every connection now; the client itself would leave that to the garbage collector."""
        pools = self.client.rest_client.pool_manager.pools
        for key in pools.keys():  # noqa: SIM118 - this container cannot be iterated
            if (pool := pools.get(key)) is not None:
                pool.close()
        self.client.close()

    def get(self, path: str, query: Query = ()) -> Json:
        """Return one object or one list."""
        return self._json("GET", path, query, patience_seconds=self._looking_seconds)

    def items(self, path: str, query: Query = ()) -> list[Json]:
        """Return a list's items, each with the kind and the version that the API server writes once for all."""
        answer = self.get(path, query)
        named = {"apiVersion": answer.get("apiVersion"), "kind": str(answer.get("kind")).removesuffix("List")}
        return [named | item for item in answer.get("items") or ()]

    def patch(self, path: str, body: Json, query: Query) -> Json:
        """Send a strategic merge patch, again and again while the server is busy or gone: it must set values only, so
        that sending it twice does no harm. A dry run has no more patience than any other look."""
        patience_seconds = self._looking_seconds if _DRY_RUN in query else self.patience_seconds
        return self._json("PATCH", path, query, body, patience_seconds=patience_seconds)

    def apply(self, path: str, body: Json) -> Json:
        """Apply an object on the server's side, taking over what other managers had set; sent again like a patch."""
        query = (("fieldManager", "flowdrill"), ("force", "true"))
        return self._json("PATCH", path, query, body, content_type=APPLY, patience_seconds=self.patience_seconds)

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object; `dry_run` has the API server check everything and keep nothing: that is sent again while
        the server is busy."""
        asked = (("fieldManager", "flowdrill"), *((_DRY_RUN,) if dry_run else ()))
        return self._json("POST", path, asked, body, patience_seconds=self._looking_seconds if dry_run else 0.0)

    def review(self, path: str, body: Json) -> Json:
        """Ask something by an object that the API server answers and does not keep; sent again like a dry run."""
        return self._json("POST", path, (), body, patience_seconds=self._looking_seconds)

    def delete(self, path: str, uid: str, resource_version: str | None = None) -> None:
        """Delete exactly this object, and what it owns in the background; AnswerError 409 when it is another one or,
        with `resource_version`, has changed."""
        preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        self._json("DELETE", path, (), {**body, "propagationPolicy": "Background"})

    def stream(self, path: str, query: Query = (), *, silence_seconds: float = _READ_SECONDS) -> Stream:
        """Open a watch or a log; reading fails after `silence_seconds` without a byte."""
        response = self._send("GET", path, query, None, silence_seconds)
        if response.status != 200:
            raise refusal(response.status, _body(response, self._lost), f"GET {path}", self.subject)
        return Stream(response)

    @property
    def _looking_seconds(self) -> float:
        return min(self.patience_seconds, _LOOK_SECONDS)

    def _json(
        self, method: str, path: str, query: Query, body: Json | None = None, *,
        content_type: str | None = None, patience_seconds: float = 0.0,
    ) -> Json:  # fmt: skip
        deadline, pause = time.monotonic() + patience_seconds, _PAUSE_FIRST
        while True:
            try:
                return self._once(method, path, query, body, content_type)
            except (UnreachableError, AnswerError) as error:
                lasting = isinstance(error, AnswerError) and error.status not in _BUSY
                if lasting or time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_LONGEST)

    def _once(self, method: str, path: str, query: Query, body: Json | None, content_type: str | None) -> Json:
        response = self._send(method, path, query, body, _READ_SECONDS, content_type)
        content = _body(response, self._lost)
        if not 200 <= response.status <= 299:
            raise refusal(response.status, content, f"{method} {path}", self.subject)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            answer = error
        if not isinstance(answer, dict):
            raise ClusterError(
                f"{self.server} answered {method} {path} with something that is no Kubernetes object",
                "check that the kubeconfig's server is a Kubernetes API server",
            )
        return answer

    def _send(
        self, method: str, path: str, query: Query, body: Json | None, read_seconds: float,
        content_type: str | None = None,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        headers = {"Accept": "application/json, */*"}
        if body is not None:
            headers["Content-Type"] = content_type or (STRATEGIC_MERGE if method == "PATCH" else "application/json")
        try:
            method, url, all_headers, *content = self.client.param_serialize(
                method, path, query_params=list(query), header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            named = _impersonating(all_headers, self.subject)
            answer = self.client.call_api(
                method, url, named, *content, _request_timeout=(_CONNECT_SECONDS, read_seconds)
            )
        except (urllib3.exceptions.HTTPError, ApiException, OSError) as error:
            raise self._lost(error) from error
        response: urllib3.BaseHTTPResponse = answer.response
        return response

    def _lost(self, error: Exception) -> UnreachableError:
        reason = error.reason if isinstance(error, ApiException) else error
        return UnreachableError(
            f"the API server {self.server} cannot be reached: {printable(str(reason))}",
            "check that the cluster runs, the address and the network (VPN, proxy), then try `kubectl version`",
        )


def _impersonating(headers: Mapping[str, str], subject: Subject | None) -> Mapping[str, str]:
    """The headers with whom they act for: a group is a header of its own, under one name."""
    if subject is None:
        return headers
    named = urllib3.HTTPHeaderDict(headers)
    named.add("Impersonate-User", subject.user)
    for group in subject.groups:
        named.add("Impersonate-Group", group)
    return named


def _body(response: urllib3.BaseHTTPResponse, lost: Any) -> bytes:
    try:
        return response.data
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise lost(error) from error


def labels_query(selector: Mapping[str, Any]) -> Query:
    """Return the query for a workload's `spec.selector`."""
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        key, operator, values = rule["key"], rule["operator"], ",".join(rule.get("values") or ())
        terms.append({"Exists": key, "DoesNotExist": f"!{key}"}.get(operator, f"{key} {operator.lower()} ({values})"))
    return (("labelSelector", ",".join(terms)),)
