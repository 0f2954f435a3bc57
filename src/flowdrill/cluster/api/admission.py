"""Admission: webhooks may change what is about to be written, and must allow it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import json
import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

from flowdrill.cluster.api.attempt import Attempt
from flowdrill.cluster.api.decoding import decode_error, without_nulls
from flowdrill.cluster.api.defaults import fill_defaults
from flowdrill.cluster.api.documents import json_document
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.patching import JSON_PATCH, patched
from flowdrill.cluster.api.resource_types import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Json
from flowdrill.cluster.api.reviews import user_info
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.webhook_client import CallError
from flowdrill.cluster.api.webhooks import Webhook, concerns, webhooks_for

_VERSION, _KIND = "admission.k8s.io/v1", "AdmissionReview"
_LONGEST_MESSAGE = 4096
_MOST_WARNINGS = 8  # of one webhook


class Asks(Protocol):
    """Asks a webhook."""

    async def ask(self, webhook: Webhook, body: bytes) -> bytes:
        """Return the body of the answer to a review; CallError."""
        ...


class Admission:
    """Asks the webhooks that are configured now. Without one nothing is awaited: a write stays one turn of the loop."""

    def __init__(self, objects: Objects, client: Asks) -> None:
        self._objects, self._client = objects, client

    async def changed(self, attempt: Attempt) -> tuple[Json, tuple[str, ...]]:
        """Return the object as mutating webhooks want it, one after the other, and their warnings; StatusError."""
        assert attempt.object is not None  # noqa: S101 - for the type checker: a deletion changes nothing
        value, warnings, drafted = attempt.object, list[str](), False
        for webhook in [*webhooks_for(self._objects, MUTATING_WEBHOOKS, attempt)]:
            if not drafted:
                value, drafted = copy.deepcopy(value), True
                if not attempt.subresource:
                    fill_defaults(attempt.resource, value)
            now = replace(attempt, object=value)
            if not concerns(webhook, self._objects, now):
                continue
            response = await self._response(webhook, now)
            if response is None:
                continue
            _check_allowed(webhook, response)
            warnings += _warnings(response)
            value = _patched(now, value, response)
        return value, tuple(warnings)

    async def allow(self, attempt: Attempt) -> tuple[str, ...]:
        """Ask all validating webhooks at once; return their warnings, StatusError for the first one that denies."""
        webhooks = [*webhooks_for(self._objects, VALIDATING_WEBHOOKS, attempt)]
        if not webhooks:
            return ()
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._outcome(one, attempt)) for one in webhooks]
        outcomes = [one.result() for one in asked]
        for outcome in outcomes:
            if isinstance(outcome, StatusError):
                raise outcome
        return tuple(text for one in outcomes if not isinstance(one, StatusError) for text in one)

    async def _outcome(self, webhook: Webhook, attempt: Attempt) -> StatusError | list[str]:
        try:
            response = await self._response(webhook, attempt)
            if response is None:
                return []
            _check_allowed(webhook, response)
        except StatusError as error:
            return error
        return _warnings(response)

    async def _response(self, webhook: Webhook, attempt: Attempt) -> Json | None:
        """What a webhook says, None when it cannot be asked and that does not matter."""
        uid = str(uuid.uuid4())
        body = {"kind": _KIND, "apiVersion": _VERSION, "request": _request(attempt, uid)}
        try:
            return _response_in(await self._client.ask(webhook, json.dumps(body).encode()), uid)
        except CallError as error:
            if webhook.ignores_failure:
                return None
            raise _internal(f'failed calling webhook "{webhook.name}": {error}') from error


def _request(attempt: Attempt, uid: str) -> Json:
    resource, subresource = attempt.resource, attempt.subresource
    kind: Json = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    if subresource == "scale":
        kind = {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    elif subresource == "eviction":
        kind = {"group": "policy", "version": "v1", "kind": "Eviction"}
    path = {"group": resource.group, "version": resource.version, "resource": resource.plural}
    below = {"subResource": subresource, "requestSubResource": subresource} if subresource else {}
    named = {"name": attempt.name, "namespace": attempt.namespace}
    return {
        "uid": uid, "kind": kind, "resource": path, "requestKind": kind, "requestResource": path, **below,
        **{name: text for name, text in named.items() if text},
        "operation": attempt.operation.value, "userInfo": user_info(attempt.user), "object": attempt.object,
        "oldObject": attempt.old, "dryRun": attempt.dry_run, "options": attempt.options,
    }  # fmt: skip


def _response_in(body: bytes, uid: str) -> Json:
    """The response of an AdmissionReview; CallError for anything else."""
    try:
        review = json_document(body)
    except StatusError as error:
        raise CallError(f"couldn't get version/kind; json parse error: {error.message}") from error
    response = review.get("response") if isinstance(review, dict) else None
    if not isinstance(response, dict):
        raise CallError("webhook response was absent")
    if (review.get("apiVersion"), review.get("kind")) != (_VERSION, _KIND):
        seen = f"{_shown(review.get('apiVersion'))}, Kind={_shown(review.get('kind'))}"
        raise CallError(f"expected webhook response of {_VERSION}, Kind={_KIND}, got {seen}")
    if response.get("uid") != uid:
        raise CallError(f'expected response.uid="{uid}", got "{_shown(response.get("uid"))}"')
    if response.get("patch") and response.get("patchType") != "JSONPatch":
        raise CallError('webhook returned response.patch but not response.patchType="JSONPatch"')
    return response


def _check_allowed(webhook: Webhook, response: Json) -> None:
    """StatusError when a webhook has denied."""
    if response.get("allowed") is True:
        return
    status = response.get("status")
    status = status if isinstance(status, dict) else {}
    code, reason, message = status.get("code"), status.get("reason"), status.get("message")
    code = code if isinstance(code, int) and 400 <= code < 600 else 400
    reason = str(reason)[:_LONGEST_MESSAGE] if reason else ""
    denied = f'admission webhook "{webhook.name}" denied the request'
    text = str(message or reason)[:_LONGEST_MESSAGE]
    raise StatusError(code, reason, f"{denied}: {text}" if text else f"{denied} without explanation")


def _patched(attempt: Attempt, value: Json, response: Json) -> Json:
    if not response.get("patch"):
        return value
    try:
        patch = base64.b64decode(str(response["patch"]), validate=True)
        changed = patched(attempt.resource, value, patch, JSON_PATCH)
    except (binascii.Error, ValueError) as error:
        raise _internal(f"the patch is not base64: {error}") from error
    except StatusError as error:
        raise _internal(error.message) from error
    if attempt.subresource in ("scale", "eviction"):
        return changed
    malformed = decode_error(attempt.resource, changed)
    if malformed is not None:
        raise _internal(malformed)
    return without_nulls(attempt.resource, changed)


def _internal(message: str) -> StatusError:
    text = message[:_LONGEST_MESSAGE]
    details = {"causes": [{"message": text}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {text}", details)


def _warnings(response: Json) -> list[str]:
    given: Any = response.get("warnings")
    texts: Iterable[Any] = given if isinstance(given, list) else ()
    return [_header_text(one) for one in texts if isinstance(one, str) and one][:_MOST_WARNINGS]


def _header_text(text: str) -> str:
    """A text that may stand in quotes in a header."""
    plain = "".join(one if one.isprintable() else " " for one in text[:256])
    return plain.replace("\\", "\\\\").replace('"', '\\"')


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:80]
