"""Which webhooks are asked about a write."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from flowdrill.cluster.api.attempt import Attempt, Operation
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import (
    MUTATING_WEBHOOKS,
    NAMESPACES,
    VALIDATING_WEBHOOKS,
    Json,
    ResourceType,
)
from flowdrill.cluster.api.selectors import LabelSelector, label_selector_of

_CONFIGURATIONS = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)  # of these nobody is asked, or nothing could be mended


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a configuration."""

    name: str
    client: Json
    authorities: str  # PEM; "" for those this machine trusts
    timeout_seconds: float
    ignores_failure: bool
    rules: tuple[Json, ...]
    namespaces: LabelSelector
    labels: LabelSelector


def webhooks_for(objects: Objects, configuration: ResourceType, attempt: Attempt) -> Iterator[Webhook]:
    """Yield the webhooks of one kind of configuration that a write concerns, in the order of their names. Nothing is
    done for it where there are none."""
    if attempt.resource in _CONFIGURATIONS:
        return
    for one in objects.store.all(configuration):
        for webhook in one.get("webhooks") or ():
            found = _webhook(webhook)
            if concerns(found, objects, attempt):
                yield found


def concerns(webhook: Webhook, objects: Objects, attempt: Attempt) -> bool:
    """Return whether a webhook is to be asked: a rule covers the write, and its selectors the namespace and the object,
    before or after."""
    return (
        any(_covers(rule, attempt) for rule in webhook.rules)
        and any(webhook.labels.matches(_labels(one)) for one in attempt.objects)
        and _selects(webhook.namespaces, objects, attempt)
    )


def _covers(rule: Json, attempt: Attempt) -> bool:
    resource = attempt.resource
    return (
        bool({"*", attempt.operation.value} & set(rule["operations"]))
        and bool({"*", resource.group} & set(rule["apiGroups"]))
        and bool({"*", resource.version} & set(rule["apiVersions"]))
        and any(_covers_resource(one, attempt) for one in rule["resources"])
        and rule.get("scope") in (None, "*", "Namespaced" if resource.namespaced else "Cluster")
    )


def _covers_resource(pattern: str, attempt: Attempt) -> bool:
    plain, _, below = pattern.partition("/")
    return plain in ("*", attempt.resource.plural) and below in ("*", attempt.subresource)


def _selects(selector: LabelSelector, objects: Objects, attempt: Attempt) -> bool:
    if not attempt.namespace or not selector.requirements:
        return True
    if attempt.resource == NAMESPACES and attempt.operation is not Operation.DELETE and attempt.object is not None:
        return selector.matches(_labels(attempt.object))
    namespace = objects.find(NAMESPACES, None, attempt.namespace)
    return namespace is not None and selector.matches(_labels(namespace))


def _labels(value: Json) -> Json:
    found = value["metadata"].get("labels") or {}
    return found if isinstance(found, dict) else {}


def _webhook(one: Json) -> Webhook:
    return Webhook(
        name=str(one["name"]),
        client=one["clientConfig"],
        authorities=_text(one["clientConfig"].get("caBundle")),
        timeout_seconds=float(one["timeoutSeconds"]),
        ignores_failure=one["failurePolicy"] == "Ignore",
        rules=tuple(one.get("rules") or ()),
        namespaces=label_selector_of(one["namespaceSelector"]),
        labels=label_selector_of(one["objectSelector"]),
    )


def _text(bundle: str | None) -> str:
    try:
        # What is no text becomes one that is no certificate: then nobody is trusted, instead of everybody known here.
        return base64.b64decode(bundle or "").decode("ascii", "backslashreplace")
    except binascii.Error:
        return "?"
