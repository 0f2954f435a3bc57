"""What a webhook configuration must be."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flowdrill.cluster.api.metadata_rules import SUBDOMAIN, Cause, quoted
from flowdrill.cluster.api.resource_types import Json

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_FORMAT = "desired format: https://host[/path]"
_CHOICES = {
    "failurePolicy": ("Fail", "Ignore"), "matchPolicy": ("Equivalent", "Exact"),
    "sideEffects": ("None", "NoneOnDryRun"), "reinvocationPolicy": ("IfNeeded", "Never"),
}  # fmt: skip


def webhook_errors(value: Json) -> Iterator[Cause]:
    """Yield what is wrong with a Validating- or MutatingWebhookConfiguration."""
    names: set[str] = set()
    for number, one in enumerate(value.get("webhooks") or ()):
        at, name = f"webhooks[{number}]", str(one.get("name") or "")
        if not SUBDOMAIN.fullmatch(name) or name.count(".") < 2:
            message = (
                f"Invalid value: {quoted(name)}: should be a domain with at least three segments separated by dots"
            )
            yield f"{at}.name", "FieldValueInvalid", message
        elif name in names:
            yield f"{at}.name", "FieldValueDuplicate", f"Duplicate value: {quoted(name)}"
        names.add(name)
        yield from _webhook(one, at)


def _webhook(one: Json, at: str) -> Iterator[Cause]:
    for part, rule in enumerate(one.get("rules") or ()):
        yield from _rule(rule, f"{at}.rules[{part}]")
    for name, supported in _CHOICES.items():
        if one.get(name) is not None:
            yield from _choice(one[name], f"{at}.{name}", supported)
    if one.get("sideEffects") is None:
        message = "Required value: must specify one of None, NoneOnDryRun"
        yield f"{at}.sideEffects", "FieldValueRequired", message
    seconds = one["timeoutSeconds"]
    if not 1 <= seconds <= 30:
        message = f"Invalid value: {seconds}: the timeout value must be between 1 and 30 seconds"
        yield f"{at}.timeoutSeconds", "FieldValueInvalid", message
    yield from _versions(one.get("admissionReviewVersions") or [], f"{at}.admissionReviewVersions")
    for name in ("namespaceSelector", "objectSelector"):
        for part, wanted in enumerate((one.get(name) or {}).get("matchExpressions") or ()):
            if wanted.get("operator") not in _OPERATORS:
                message = f"Invalid value: {quoted(wanted.get('operator'))}: not a valid selector operator"
                yield f"{at}.{name}.matchExpressions[{part}].operator", "FieldValueInvalid", message
    if one.get("matchConditions"):
        yield f"{at}.matchConditions", "FieldValueForbidden", "Forbidden: the embedded cluster does not evaluate CEL"
    yield from _client(one.get("clientConfig") or {}, f"{at}.clientConfig")


def _versions(versions: list[str], at: str) -> Iterator[Cause]:
    if not versions:
        yield at, "FieldValueRequired", "Required value: must specify one of v1, v1beta1"
    elif "v1" not in versions:
        yield at, "FieldValueInvalid", f"Invalid value: {_strings(versions)}: must include at least one of v1"


def _rule(rule: Json, at: str) -> Iterator[Cause]:
    for name in ("operations", "apiGroups", "apiVersions", "resources"):
        given = rule.get(name) or []
        if not given:
            yield f"{at}.{name}", "FieldValueRequired", "Required value"
        if name != "resources" and "*" in given and len(given) > 1:
            yield f"{at}.{name}", "FieldValueInvalid", _alone(given, name)
    for number, one in enumerate(rule.get("operations") or ()):
        yield from _choice(one, f"{at}.operations[{number}]", _OPERATIONS)
    plain = [one for one in rule.get("resources") or () if "/" not in one]
    if "*" in plain and len(plain) > 1:
        message = _alone(rule["resources"], "resources without subresources")
        yield f"{at}.resources", "FieldValueInvalid", message
    if rule.get("scope") is not None:
        yield from _choice(rule["scope"], f"{at}.scope", ("*", "Cluster", "Namespaced"))


def _client(client: Json, at: str) -> Iterator[Cause]:
    url, service = client.get("url"), client.get("service")
    if (url is None) == (service is None):
        yield at, "FieldValueRequired", "Required value: exactly one of url or service is required"
    if url is not None:
        yield from _url(url, f"{at}.url")
    if service is not None:
        for name in ("name", "namespace"):
            if not service.get(name):
                yield f"{at}.service.{name}", "FieldValueRequired", f"Required value: service {name} is required"
        if not 0 < service["port"] < 65536:
            message = f"Invalid value: {service['port']}: port is not valid: must be between 1 and 65535, inclusive"
            yield f"{at}.service.port", "FieldValueInvalid", message
        if service.get("path") and not service["path"].startswith("/"):
            message = f"Invalid value: {quoted(service['path'])}: must start with a '/'"
            yield f"{at}.service.path", "FieldValueInvalid", message
    try:
        base64.b64decode(client.get("caBundle") or "", validate=True)
    except (binascii.Error, ValueError):
        yield f"{at}.caBundle", "FieldValueInvalid", "Invalid value: must be base64"


def _url(url: str, at: str) -> Iterator[Cause]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        yield at, "FieldValueRequired", f"Required value: url must be a valid URL: {error}; {_FORMAT}"
        return
    if parts.scheme != "https":
        message = f"Invalid value: {quoted(parts.scheme)}: 'https' is the only allowed URL scheme; {_FORMAT}"
        yield at, "FieldValueInvalid", message
    if not host:
        yield at, "FieldValueInvalid", f'Invalid value: "": host must be specified; {_FORMAT}'
    if parts.username is not None:
        yield at, "FieldValueInvalid", "Invalid value: user information is not permitted in the URL"
    if parts.fragment:
        yield (
            at,
            "FieldValueInvalid",
            f"Invalid value: {quoted(parts.fragment)}: fragments are not permitted in the URL",
        )
    if parts.query:
        message = f"Invalid value: {quoted(parts.query)}: query parameters are not permitted in the URL"
        yield at, "FieldValueInvalid", message


def _choice(value: Any, at: str, supported: Iterable[str]) -> Iterator[Cause]:
    if value not in supported:
        listed = ", ".join(map(quoted, supported))
        yield at, "FieldValueNotSupported", f"Unsupported value: {quoted(value)}: supported values: {listed}"


def _alone(given: list[str], what: str) -> str:
    return f"Invalid value: {_strings(given)}: if '*' is present, must not specify other {what}"


def _strings(values: list[str]) -> str:
    return f"[]string{{{', '.join(map(quoted, values))}}}"
