"""The logins that the kubelet would pull the workload's images with. Their content is in no text that is made here."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.looking import looked_at, object_name
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.json_text import parsed_json
from flowdrill.model.surroundings import Opponent, PullSecret

_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
_MOST_SECRETS = 20


@dataclass(frozen=True, slots=True)
class PullAccess:
    """What a new pod of the workload pulls with."""

    secrets: tuple[PullSecret, ...]
    opponents: tuple[Opponent, ...] = ()  # a service account that is not there: then there is no new pod
    unknown: tuple[str, ...] = ()


def pull_access_of(api: Api, target: FoundTarget, template: Json) -> PullAccess:
    """Return the secrets that the pod template names, else those of its service account: the API server copies these
    only into pods that name none."""
    pod = inside(template, "spec")
    names = _names(pod)
    if names:
        return PullAccess(tuple(_secret(api, target, name) for name in names))
    account = object_name(pod.get("serviceAccountName")) or "default"
    looked = looked_at(api, f"{target.core('serviceaccounts')}/{account}")
    if not looked.known:
        return PullAccess((), unknown=(f"the pull secrets of serviceaccount/{account}: {looked.problem}",))
    if looked.first is None:
        return PullAccess((), opponents=(_no_account(target, printable(account)),))
    return PullAccess(tuple(_secret(api, target, name) for name in _names(looked.first)))


def _names(holder: Json) -> list[str]:
    named = (as_text(one.get("name")) for one in as_mappings(holder.get("imagePullSecrets")))
    return list(dict.fromkeys(name for name in named if name is not None))[:_MOST_SECRETS]


def _no_account(target: FoundTarget, account: str) -> Opponent:
    return Opponent(
        name=f"serviceaccount/{account}",
        effect="it is not there, and without it the API server admits no new pod of the workload",
        remedy=f"kubectl -n {target.namespace} create serviceaccount {account}, with the bindings that it had",
        blocks=True,
    )


def _secret(api: Api, target: FoundTarget, name: str) -> PullSecret:
    shown = printable(name)
    if object_name(name) is None:
        return PullSecret(shown, None, "that is no name of a secret: the kubelet pulls without it")
    looked = looked_at(api, f"{target.core('secrets')}/{name}")
    if not looked.known:
        return PullSecret(shown, None, looked.problem)
    if looked.first is None:
        return PullSecret(shown, None, f"there is no secret {shown}: the kubelet pulls without it")
    kind = as_text(looked.first.get("type")) or "Opaque"
    if kind not in _KEYS:
        wanted = " or ".join(_KEYS)
        return PullSecret(shown, None, f"its type is {printable(kind)}, not {wanted}: the kubelet does not use it")
    text = as_text(as_mapping(looked.first.get("data")).get(_KEYS[kind]))
    if text is None:
        return PullSecret(shown, None, f"it has no key {_KEYS[kind]}: the kubelet does not use it")
    config = _config(text, wrapped=kind == "kubernetes.io/dockerconfigjson")
    if config is None:
        return PullSecret(shown, None, f"its key {_KEYS[kind]} holds no Docker configuration")
    return PullSecret(shown, config)


def _config(encoded: str, *, wrapped: bool) -> str | None:
    """The Docker configuration; the older form is only what the newer one has below `auths`."""
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
        content = parsed_json(text)
    except (binascii.Error, ValueError):  # whose messages may hold a part of the secret
        return None
    if not isinstance(content, dict):
        return None
    return text if wrapped else json.dumps({"auths": content})
