"""Questions about permissions and identities, answered and not kept."""

from __future__ import annotations

from typing import Any

from flowdrill.cluster.api.authentication import ISSUER, Authenticator, User
from flowdrill.cluster.api.authorization import Attributes, Authorizer
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.status_error import bad_request, invalid


def answered(
    resource: ResourceType, body: Json, user: User, namespace: str, authorizer: Authorizer, authenticator: Authenticator
) -> Json:
    """Return the review with its status; StatusError 400 when it cannot be understood."""
    spec = body.get("spec") or {}
    if not isinstance(spec, dict):
        raise bad_request("spec: must be an object")
    match resource.kind:
        case "SelfSubjectAccessReview":
            status = _access(authorizer, user, spec, resource)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            groups = tuple(_texts(spec, "groups"))
            if not spec.get("user") and not groups:
                message = 'Invalid value: "": at least one of user or group must be specified'
                raise invalid(resource, "", [("spec.user", "FieldValueInvalid", message)])
            status = _access(authorizer, User(_text(spec, "user"), groups), spec, resource, namespace)
        case "SelfSubjectRulesReview":
            status = _rules(authorizer, user, str(spec.get("namespace", "")))
        case "SelfSubjectReview":
            status = {"userInfo": user_info(user)}
        case _:
            audiences = _texts(spec, "audiences") or [ISSUER]
            found = authenticator.user_of_token(_text(spec, "token"), audiences)
            status = {"authenticated": found is not None}
            status |= {"user": user_info(found), "audiences": audiences} if found else {}
    answer = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"creationTimestamp": None}}
    return answer | ({"spec": spec} if spec else {}) | {"status": status}


def _access(authorizer: Authorizer, user: User, spec: Json, resource: ResourceType, namespace: str = "") -> Json:
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    cause: tuple[str, str] | None = None
    if asked is not None and path is not None:
        cause = "spec.nonResourceAttributes", "cannot be specified in combination with resourceAttributes"
    elif asked is None and path is None:
        cause = (
            "spec.resourceAttributes",
            ("exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        )
    elif namespace and (not isinstance(asked, dict) or asked.get("namespace") != namespace):
        cause = "spec.resourceAttributes.namespace", "must match metadata.namespace"
    if cause is not None:
        raise invalid(resource, "", [(cause[0], "FieldValueInvalid", f"Invalid value: {cause[1]}")])
    if isinstance(asked, dict):
        attributes = Attributes(
            _text(asked, "verb"), _text(asked, "group"), _text(asked, "resource"), _text(asked, "subresource"),
            namespace or _text(asked, "namespace"), _text(asked, "name"),
        )  # fmt: skip
    elif isinstance(path, dict):
        attributes = Attributes(_text(path, "verb"), path=_text(path, "path"))
    else:
        raise bad_request("spec: resourceAttributes and nonResourceAttributes must be objects")
    decision = authorizer.decide(user, attributes)
    return {"allowed": decision.allowed} | ({"reason": decision.reason} if decision.reason else {})


def _rules(authorizer: Authorizer, user: User, namespace: str) -> Json:
    rules = authorizer.rules_of(user, namespace)
    about_resources = [rule for rule in rules if rule.get("resources")]
    about_paths = [rule for rule in rules if rule.get("nonResourceURLs")]
    return {"resourceRules": about_resources, "nonResourceRules": about_paths, "incomplete": False}


def user_info(user: User) -> Json:
    """Return an identity as reviews name it."""
    known: Json = {"username": user.name, "groups": list(user.groups)}
    extra = {name: list(values) for name, values in user.extra.items()}
    return known | ({"uid": user.uid} if user.uid else {}) | ({"extra": extra} if extra else {})


def _texts(value: Json, name: str) -> list[str]:
    found = value.get(name) or []
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise bad_request(f"spec.{name}: must be a list of texts")
    return found


def _text(value: Json, name: str) -> str:
    found: Any = value.get(name)
    return "" if found is None else str(found)
