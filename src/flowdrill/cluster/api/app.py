"""The API server: every request from its first byte to its answer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from flowdrill.cluster.api.admission import Admission, Asks
from flowdrill.cluster.api.audit import Audited, AuditLog
from flowdrill.cluster.api.authentication import Authenticator, User
from flowdrill.cluster.api.authorization import Attributes, Authorizer, forbidden
from flowdrill.cluster.api.content import Send, begin_stream, form_of, list_of, send_body, send_json, shaped
from flowdrill.cluster.api.discovery import discovery_answer
from flowdrill.cluster.api.impersonation import acted_for
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.openapi import openapi_v2, openapi_v3, openapi_v3_index
from flowdrill.cluster.api.pod_logs import PodLogs
from flowdrill.cluster.api.request import Receive, Request, body_of, object_in, request_of
from flowdrill.cluster.api.resource_types import NAMESPACES, PODS, SERVICE_ACCOUNTS, Json, ResourceType
from flowdrill.cluster.api.reviews import answered
from flowdrill.cluster.api.role_giving import check_given
from flowdrill.cluster.api.selectors import parse_field_selector, parse_label_selector
from flowdrill.cluster.api.status_error import StatusError, bad_request, method_not_allowed, no_such_resource
from flowdrill.cluster.api.subresources import bound, finalized, log_options, scale_of
from flowdrill.cluster.api.watching import Watch
from flowdrill.cluster.api.webhook_client import WebhookClient
from flowdrill.cluster.api.writing import Writer, Written

_HEALTH = ("/healthz", "/livez", "/readyz")
_LONGEST_PAGE = 10_000

_log = logging.getLogger(__name__)


class KubernetesApi:
    """An ASGI application."""

    def __init__(
        self, objects: Objects, authenticator: Authenticator, authorizer: Authorizer, logs: PodLogs, version: str,
        webhooks: Asks | None = None, audit: AuditLog | None = None,
    ) -> None:  # fmt: skip
        self._objects, self._authenticator, self._authorizer = objects, authenticator, authorizer
        self._logs, self._version, self._audit = logs, version, audit
        self._admission = Admission(objects, webhooks or WebhookClient(objects))
        self._streams: set[asyncio.Task[None]] = set()
        self._answers: dict[str, Callable[[Request, Receive, Send, User], Any]] = {
            "get": self._get, "list": self._list, "watch": self._watch, "create": self._create,
            "update": self._change, "patch": self._change, "delete": self._delete,
            "deletecollection": self._delete_many,
        }  # fmt: skip

    def stop(self) -> None:
        """End all watches and followed logs, so that the server can end."""
        for stream in self._streams:
            stream.cancel()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; a refusal is a Status, a defect of ours a Status 500 and a line in the log."""
        if scope["type"] != "http":
            return
        started, audited = False, Audited(self._objects.now())

        async def sending(message: Any) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                audited.code = message["status"]
                if self._audit is not None:
                    self._audit.end(audited, scope)  # before anybody can know that it is done
            await send(message)

        try:
            await self._answer(scope, receive, sending, audited)
        except StatusError as error:
            await self._refuse(sending, error, started=started)
        except Exception:  # noqa: BLE001 - one request must not take the cluster down
            _log.exception("%s %s", scope["method"], scope["path"])
            defect = StatusError(500, "InternalError", "the embedded cluster has a defect: see its log")
            await self._refuse(sending, defect, started=started)

    async def _refuse(self, send: Send, error: StatusError, *, started: bool) -> None:
        if not started:
            await send_json(send, error.status(), error.code)
            return
        event = {"type": "ERROR", "object": error.status()}
        await send({"type": "http.response.body", "body": json.dumps(event).encode() + b"\n"})

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, send: Send, audited: Audited) -> None:
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        audited.sender = self._authenticator.user_of(authorization)
        audited.request = request = request_of(scope, self._objects.types)
        audited.user = user = acted_for(audited.sender, scope["headers"], self._authorizer)
        verb = request.verb
        self._allow(user, request.attributes)
        if request.resource is None:
            await self._answer_path(request, send)
        elif verb not in request.served_verbs:
            raise method_not_allowed()
        else:
            await self._answers[verb](request, receive, send, user)

    def _allow(self, user: User, asked: Attributes) -> None:
        decision = self._authorizer.decide(user, asked)
        if not decision.allowed:
            raise forbidden(user, asked, decision.reason)

    async def _answer_path(self, request: Request, send: Send) -> None:
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        path, types = request.path.rstrip("/"), self._objects.types.all()
        if path.startswith(_HEALTH):
            await send_body(send, b"ok", 200, b"text/plain; charset=utf-8")
            return
        accept = request.headers.get("accept", "")
        found = discovery_answer(path, types, self._version, accept)
        if found is None and path == "/openapi/v2":
            found = openapi_v2(types)
        elif found is None and path == "/openapi/v3":
            found = openapi_v3_index(types)
        elif found is None and path.startswith("/openapi/v3/"):
            found = openapi_v3(types, path.removeprefix("/openapi/v3/"))
        if found is None:
            raise no_such_resource()
        if found.get("kind") == "APIGroupDiscoveryList":
            kind = b"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            await send_body(send, json.dumps(found).encode(), 200, kind)
            return
        await send_json(send, found)

    async def _get(self, request: Request, receive: Receive, send: Send, _: User) -> None:
        resource, value = self._named(request)
        match request.subresource:
            case one if not one or (one == "status" and resource.has_status):
                await send_json(send, shaped(form_of(request), resource, value, self._objects.now()))
            case "scale" if resource.has_scale:
                await send_json(send, scale_of(value))
            case "log" if resource == PODS:
                await self._stream(self._logs.read(value, log_options(request, value)), receive, send, b"text/plain")
            case other:
                raise _not_here(other)

    async def _list(self, request: Request, _: Receive, send: Send, __: User) -> None:
        resource = _resource(request)
        labels, fields = _selectors(request, resource)
        found = self._objects.select(resource, request.namespace, labels, fields)
        metadata: Json = {"resourceVersion": str(self._objects.store.revision)}
        page = request.number("limit") or _LONGEST_PAGE
        start = _continued(request.query.get("continue", ""))
        keys = [(one["metadata"].get("namespace") or "", one["metadata"]["name"]) for one in found]
        first = next((number for number, key in enumerate(keys) if start is None or key > start), len(found))
        chosen = found[first : first + page]
        if first + page < len(found):
            token = json.dumps(keys[first + page - 1]).encode()
            metadata["continue"] = base64.urlsafe_b64encode(token).decode()
            metadata["remainingItemCount"] = len(found) - first - page
        await send_json(send, list_of(form_of(request), resource, chosen, metadata, self._objects.now()))

    async def _watch(self, request: Request, receive: Receive, send: Send, _: User) -> None:
        resource = _resource(request)
        labels, fields = _selectors(request, resource)
        store, now = self._objects.store, self._objects.now
        watch = Watch(store, request, resource, labels, fields, form_of(request), now)
        await self._stream(watch.lines(), receive, send, b"application/json", at_once=True)

    async def _stream(
        self, pieces: AsyncIterator[bytes], receive: Receive, send: Send, kind: bytes, *, at_once: bool = False
    ) -> None:
        """Send what comes until it ends, the client has gone, or the server stops. `at_once`: the answer begins before
        there is anything to send; an error is an event then."""

        async def forward() -> None:
            if at_once:
                await begin_stream(send, kind)
            first = not at_once
            async with aclosing(pieces):  # type: ignore[type-var]
                async for piece in pieces:
                    if first:
                        await begin_stream(send, kind)
                        first = False
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            if first:
                await begin_stream(send, kind)
            await send({"type": "http.response.body", "body": b""})

        sending = asyncio.create_task(forward())
        leaving = asyncio.create_task(_gone(receive))
        self._streams.add(sending)
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not sending.cancelled():
                sending.result()
        finally:
            self._streams.discard(sending)
            for task in (sending, leaving):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, StatusError):
                    await task

    async def _create(self, request: Request, receive: Receive, send: Send, user: User) -> None:
        resource, body = _resource(request), await body_of(receive)
        if not resource.kept:
            review = answered(
                resource, object_in(body, request.media_type), user, request.namespace or "",
                self._authorizer, self._authenticator,
            )  # fmt: skip
            await send_json(send, review, 201)
            return
        match request.subresource:
            case "":
                if request.name is not None:
                    raise method_not_allowed()
                written = await self._writer(user).create(request, resource, body)
            case "token" if resource == SERVICE_ACCOUNTS:
                account = self._objects.get(resource, request.namespace, request.name or "")
                asked = object_in(body, request.media_type)
                written = Written(self._authenticator.token_request(account, asked), 201)
            case "binding" if resource == PODS:
                written = Written(bound(self._objects, request, body), 201)
            case "eviction" if resource == PODS:
                written = await self._writer(user).evict(request, body)
            case other:
                raise _not_here(other)
        await self._send_written(request, resource, written, send)

    async def _change(self, request: Request, receive: Receive, send: Send, user: User) -> None:
        resource, body = _resource(request), await body_of(receive)
        if request.name is None:
            raise method_not_allowed()
        writer = self._writer(user)
        if request.subresource == "scale" and resource.has_scale:
            await self._send_written(request, resource, await writer.scale(request, resource, body), send)
            return
        if request.subresource == "finalize" and resource == NAMESPACES and request.method == "PUT":
            await send_json(send, finalized(self._objects, request, body))
            return
        if request.subresource not in ("", "status") or (request.subresource and not resource.has_status):
            raise _not_here(request.subresource)
        change = writer.patch if request.method == "PATCH" else writer.replace
        await self._send_written(request, resource, await change(request, resource, body), send)

    async def _delete(self, request: Request, receive: Receive, send: Send, user: User) -> None:
        resource, body = _resource(request), await body_of(receive)
        if request.subresource:
            raise _not_here(request.subresource)
        written = await self._writer(user).delete(request, resource, body, request.name or "")
        await send_json(send, written.value, warnings=written.warnings)

    async def _delete_many(self, request: Request, receive: Receive, send: Send, user: User) -> None:
        resource, body = _resource(request), await body_of(receive)
        labels, fields = _selectors(request, resource)
        found = self._objects.select(resource, request.namespace, labels, fields)
        writer = self._writer(user)
        for one in found:
            try:
                await writer.delete(request, resource, body, one["metadata"]["name"])
            except StatusError as error:
                if error.code != 404:  # it has gone while webhooks were asked about another one
                    raise
        metadata: Json = {"resourceVersion": str(self._objects.store.revision)}
        await send_json(send, list_of(form_of(request), resource, found, metadata, self._objects.now()))

    async def _send_written(self, request: Request, resource: ResourceType, written: Written, send: Send) -> None:
        value = shaped(form_of(request), resource, written.value, self._objects.now())
        await send_json(send, value, written.code, written.warnings)

    def _writer(self, user: User) -> Writer:
        def may_keep(request: Request, resource: ResourceType, value: Json) -> None:
            asked = request.attributes
            if asked.verb == "patch" and self._objects.find(resource, request.namespace, asked.name) is None:
                self._allow(user, replace(asked, verb="create"))  # an apply of something new
            check_given(self._objects, self._authorizer, user, resource, value, request.namespace or "")

        return Writer(self._objects, self._admission, user, may_keep)

    def _named(self, request: Request) -> tuple[ResourceType, Json]:
        resource = _resource(request)
        return resource, self._objects.get(resource, request.namespace, request.name or "")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _resource(request: Request) -> ResourceType:
    if request.resource is None:
        raise no_such_resource()
    return request.resource


def _selectors(request: Request, resource: ResourceType) -> tuple[Any, Any]:
    fields = request.query.get("fieldSelector", "")
    if request.name is not None:
        fields = f"metadata.name={request.name}"
    return parse_label_selector(request.query.get("labelSelector", "")), parse_field_selector(fields, resource.own_kind)


def _continued(token: str) -> tuple[str, str] | None:
    if not token:
        return None
    try:
        namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, RecursionError) as error:
        raise bad_request(f"continue key is not valid: {error}") from error
    return str(namespace), str(name)


def _not_here(subresource: str) -> StatusError:
    return method_not_allowed(f"the embedded cluster has no {subresource!r} here: its pods are plain processes")
