"""The Kubernetes API as plain JSON, through the official client: its addresses, TLS, logins and connection pool.

The client's generated models are left out on purpose: they cost 30 MB and a second of imports, and every object is
turned into a frozen snapshot at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import urllib3
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException

from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.object_shapes import check_answer
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable, refusal
from flowdrill.errors import ClusterError
from flowdrill.model.access import Subject
from flowdrill.model.json_text import parsed_json

Json = dict[str, Any]
Query = Sequence[tuple[str, str]]
Body = Json | list[Json]

STRATEGIC_MERGE = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_CONNECT_SECONDS, _READ_SECONDS = 5, 15
_DRY_RUN = ("dryRun", "All")
_TOO_MANY = 429  # of requests: this one was not carried out
_BUSY = frozenset({_TOO_MANY, 500, 502, 503, 504})
_PAUSE_FIRST, _PAUSE_LONGEST = 0.1, 2.0
_LOOK_SECONDS = 2.0  # how long what only looks is tried again
_PIECE = 1 << 16
_LARGEST_ANSWER = 256 << 20  # bytes: ten thousand pods with all that is in them
_LONGEST_LINE = 16 << 20  # bytes of one event; etcd takes no object of more than 1.5 MiB


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
            yield from self._response.stream(amt=_PIECE)  # one piece of a chunked answer may be of any size
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise UnreachableError(f"the connection broke: {printable(str(error))}", "try again") from error

    def lines(self) -> Iterator[bytes]:
        """Yield every complete line; AnswerError when one is longer than 16 MiB."""
        parts, length = list[bytes](), 0  # of a line that is not complete yet
        for chunk in self.chunks():
            *complete, last = chunk.split(b"\n")
            for end in complete:
                line = b"".join((*parts, end))
                parts, length = [], 0
                if line:
                    yield line
            parts.append(last)
            length += len(last)
            if length > _LONGEST_LINE:
                raise AnswerError(
                    f"a line has more than {_LONGEST_LINE} bytes", "see what is before the API server", 500
                )

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
    fence: Fence | None = None  # what may refuse to let anything be written
    read_seconds: float = _READ_SECONDS  # how long an answer may take

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
        """Return one object or one list; ClusterError when it is none as Kubernetes documents it."""
        answer = self._json("GET", path, query, patience_seconds=self._looking_seconds)
        try:
            check_answer(path, answer)
        except ValueError as error:
            raise self._strange(f"GET {path}", f": {error}") from error
        return answer

    def items(self, path: str, query: Query = ()) -> list[Json]:
        """Return a list's items, each with the kind and the version that the API server writes once for all."""
        answer = self.get(path, query)
        named = {"apiVersion": answer.get("apiVersion"), "kind": str(answer.get("kind")).removesuffix("List")}
        return [named | item for item in answer.get("items") or ()]

    def patch(self, path: str, body: Json, query: Query) -> Json:
        """Send a strategic merge patch, again and again while the server is busy or gone: it must set values only, so
        that sending it twice does no harm. A dry run has no more patience than any other look."""
        return self._json("PATCH", path, query, body, patience_seconds=self._patience_for(query))

    def json_patch(self, path: str, operations: list[Json], query: Query) -> Json:
        """Send a JSON patch (RFC 6902), again and again like any other: its operations must only replace."""
        return self._json(
            "PATCH", path, query, operations, content_type=JSON_PATCH, patience_seconds=self._patience_for(query)
        )

    def apply(self, path: str, body: Json) -> Json:
        """Apply an object on the server's side, taking over what other managers had set; sent again like a patch."""
        query = (("fieldManager", "flowdrill"), ("force", "true"))
        return self._json("PATCH", path, query, body, content_type=APPLY, patience_seconds=self.patience_seconds)

    def create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object; `dry_run` has the API server check everything and keep nothing: that is sent again while
        the server is busy. Anything else is sent again only after an answer 429, which says that nothing was done."""
        asked = (("fieldManager", "flowdrill"), *((_DRY_RUN,) if dry_run else ()))
        return self._json("POST", path, asked, body, patience_seconds=self._looking_seconds if dry_run else 0.0)

    def review(self, path: str, body: Json) -> Json:
        """Ask something by an object that the API server answers and does not keep; sent again like a dry run."""
        return self._json("POST", path, (), body, patience_seconds=self._looking_seconds)

    def delete(self, path: str, uid: str, resource_version: str | None = None) -> None:
        """Delete exactly this object, and what it owns in the background; AnswerError 409 when it is another one or,
        with `resource_version`, has changed. Sent again like a patch: AnswerError 404 when it is gone, which may be
        because of an answer that was lost."""
        preconditions = {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions}
        body = {**body, "propagationPolicy": "Background"}
        self._json("DELETE", path, (), body, patience_seconds=self.patience_seconds)

    def stream(self, path: str, query: Query = (), *, silence_seconds: float = _READ_SECONDS) -> Stream:
        """Open a watch or a log; reading fails after `silence_seconds` without a byte."""
        response = self._send("GET", path, query, None, silence_seconds)
        if response.status != 200:
            raise refusal(response.status, _body(response, self._lost), f"GET {path}", self.subject)
        return Stream(response)

    @property
    def _looking_seconds(self) -> float:
        return min(self.patience_seconds, _LOOK_SECONDS)

    def _patience_for(self, query: Query) -> float:
        return self._looking_seconds if _DRY_RUN in query else self.patience_seconds

    def _json(
        self, method: str, path: str, query: Query, body: Body | None = None, *,
        content_type: str | None = None, patience_seconds: float = 0.0,
    ) -> Json:  # fmt: skip
        began, pause = time.monotonic(), _PAUSE_FIRST
        while True:
            try:
                return self._once(method, path, query, body, content_type)
            except (UnreachableError, AnswerError) as error:
                status = error.status if isinstance(error, AnswerError) else None
                seconds = max(patience_seconds, self._looking_seconds) if status == _TOO_MANY else patience_seconds
                lasting = status is not None and status not in _BUSY
                if lasting or time.monotonic() + pause > began + seconds:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_LONGEST)

    def _once(self, method: str, path: str, query: Query, body: Body | None, content_type: str | None) -> Json:
        if self.fence is not None and method != "GET" and _DRY_RUN not in query:
            self.fence.refuse_if_closed()  # before each try: it may have closed meanwhile
        response = self._send(method, path, query, body, self.read_seconds, content_type)
        content = _body(response, self._lost)
        if not 200 <= response.status <= 299:
            raise refusal(response.status, content, f"{method} {path}", self.subject)
        try:
            answer = parsed_json(content)
        except ValueError as error:
            raise self._strange(f"{method} {path}") from error
        if not isinstance(answer, dict):
            raise self._strange(f"{method} {path}")
        return answer

    def _strange(self, asked: str, more: str = "") -> ClusterError:
        return ClusterError(
            f"{self.server} answered {asked} with something that is no Kubernetes object{more}",
            "check that the kubeconfig's server is a Kubernetes API server",
        )

    def _send(
        self, method: str, path: str, query: Query, body: Body | None, read_seconds: float,
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
                method, url, named, *content, _request_timeout=(min(_CONNECT_SECONDS, read_seconds), read_seconds)
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
        content = response.read(_LARGEST_ANSWER + 1)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise lost(error) from error
    if len(content) > _LARGEST_ANSWER:
        raise ClusterError(
            f"an answer of the API server has more than {_LARGEST_ANSWER} bytes", "see what is before the API server"
        )
    return content


def labels_query(selector: Mapping[str, Any]) -> Query:
    """Return the query for a workload's `spec.selector`."""
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for rule in selector.get("matchExpressions") or ():
        key, operator, values = rule["key"], rule["operator"], ",".join(rule.get("values") or ())
        terms.append({"Exists": key, "DoesNotExist": f"!{key}"}.get(operator, f"{key} {operator.lower()} ({values})"))
    return (("labelSelector", ",".join(terms)),)
