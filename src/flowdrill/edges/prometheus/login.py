"""How a Prometheus or Alertmanager is logged in to: headers and TLS, with secrets from the environment."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowdrill.analysis.header_secret import unfit_for_a_header
from flowdrill.errors import PlanError
from flowdrill.model.detect_plan import Connection


@dataclass(frozen=True, slots=True)
class Login:
    """What every request bears. `secrets` must be in nothing that is written."""

    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext
    secrets: tuple[str, ...] = field(default=(), repr=False)


def login_of(plan: Connection, key: str, near: Path, environ: Mapping[str, str]) -> Login:
    """Return the login that a drill names under `key`; files are named from `near`, the drill file's folder. PlanError
    when a variable is not set, or a file cannot be used."""
    headers, secrets = dict(plan.headers), list[str]()
    if plan.bearer_token_from is not None:
        token = _secret(plan.bearer_token_from, f"{key}.bearer_token_from", environ)
        headers["Authorization"], secrets = f"Bearer {token}", [token]
    elif plan.username is not None and plan.password_from is not None:
        password = _secret(plan.password_from, f"{key}.password_from", environ)
        both = base64.b64encode(f"{plan.username}:{password}".encode()).decode()
        headers["Authorization"], secrets = f"Basic {both}", [password, both]
    return Login(headers, _trust(plan, key, near), tuple(secrets))


def _secret(variable: str, key: str, environ: Mapping[str, str]) -> str:
    secret = environ.get(variable, "").strip()
    unfit = unfit_for_a_header(secret)
    if unfit is None:
        return secret
    raise PlanError(
        f"{key}: the environment variable {variable} {unfit}",
        f"Export {variable}, or leave {key} out.",
    )


def _trust(plan: Connection, key: str, near: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if plan.ca_file is not None:
        path = near / plan.ca_file
        try:
            context.load_verify_locations(path)
        except OSError as error:  # ssl.SSLError is one too
            raise _unusable(path, f"{key}.ca_file", "a certificate authority", error) from error
    if plan.client_cert_file is not None:
        path, key_file = near / plan.client_cert_file, plan.client_key_file
        try:  # an empty password: a key that needs one must not ask for it on the terminal
            context.load_cert_chain(path, near / key_file if key_file is not None else None, password="")
        except OSError as error:
            raise _unusable(path, f"{key}.client_cert_file", "a client's certificate with its key", error) from error
    return context


def _unusable(path: Path, key: str, what: str, error: OSError) -> PlanError:
    return PlanError(
        f"{path}: cannot be used as {what}: {error.strerror or error}",
        f"{key} names a PEM file beside the drill file; a key must have no password",
    )
