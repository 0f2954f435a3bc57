"""Roles of `flowdrill rbac`, applied in a playground, and the identities that have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml
from kubernetes import client

from flowdrill.report.rbac_manifests import RoleManifest, Rule, rbac_manifests
from tests.contract.playground import Json, Playground


def applied(play: Playground, roles: tuple[RoleManifest, ...], subject: str, *, makes_account: bool = False) -> None:
    """Apply what `flowdrill rbac` prints, with the real kubectl."""
    play.kubectl("apply", "-f", "-", stdin=rbac_manifests(roles, subject, makes_account=makes_account, intro="test"))


def without(role: RoleManifest, rule: Rule, verb: str) -> list[Rule]:
    """The role's rules, but for one verb of one rule."""
    fewer = [replace(one, verbs=tuple(v for v in one.verbs if one != rule or v != verb)) for one in role.rules]
    return [one for one in fewer if one.verbs]


def kubeconfig_of(play: Playground, account: str, folder: Path) -> Path:
    """A kubeconfig of a service account: its context is `own`, and it may do what the account may."""
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600))
    token = play.core.create_namespaced_service_account_token(account, play.namespace, request).status.token
    settings = play.api.configuration
    content: Json = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": settings.host, "certificate-authority": settings.ssl_ca_cert}}
        ],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "own", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "own.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path
