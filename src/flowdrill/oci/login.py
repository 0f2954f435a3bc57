"""Logging in to a registry: anonymously, with a password, or with a token from the server the registry names."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

import urllib3

from flowdrill.analysis.docker_auths import Credentials
from flowdrill.errors import LoginRefusedError, RegistryError
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.transport import Transport

_CHALLENGE = re.compile(r"(?i)\b(bearer|basic)\b((?:\s*,?\s*[\w-]+=(?:\"[^\"]*\"|[^\s,\"]+))*)")
_PARAMETER = re.compile(r"([\w-]+)=(?:\"([^\"]*)\"|([^\s,\"]+))")
_LONGEST_CHALLENGE = 4096  # characters; the pattern is not linear in them
_LARGEST_TOKEN_ANSWER = 1 << 20
_CLIENT = "flowdrill"


class Login:
    """Remembers, for one registry and each set of scopes, the Authorization header that opened it."""

    def __init__(self, host: str, credentials: Callable[[], Credentials | None], transport: Transport) -> None:
        self._host = host
        self._credentials = credentials  # asked only when the registry wants a login
        self._transport = transport
        self._headers: dict[tuple[str, ...], str] = {}
        self._basic: str | None = None
        self._turn = threading.Lock()

    def header(self, scopes: tuple[str, ...]) -> str | None:
        """Return the Authorization header for `scopes`, or None while none is needed or known."""
        return self._headers.get(scopes, self._basic)

    def answer(self, challenges: str, scopes: tuple[str, ...], refused: str | None) -> None:
        """Answer a WWW-Authenticate header, so that `header(scopes)` opens the door; RegistryError when that fails.
        `refused` is the header that did not: of many threads that were refused with it, one logs in."""
        with self._turn:
            if refused == self.header(scopes):
                self._log_in(challenges, scopes)

    def _log_in(self, challenges: str, scopes: tuple[str, ...]) -> None:
        offered = {
            scheme.lower(): {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
            for scheme, parameters in _CHALLENGE.findall(challenges[:_LONGEST_CHALLENGE])
        }
        if "bearer" in offered:
            self._headers[scopes] = f"Bearer {self._token(offered['bearer'], scopes)}"
        elif "basic" in offered:
            credentials = self._credentials()
            if credentials is None:
                raise self._no_credentials()
            self._basic = _basic(credentials)
        else:
            raise RegistryError(
                f"{self._host} asks for a login in a way flowdrill does not know: {challenges[:200]!r}",
                "Use a registry that takes a password or a bearer token, as `docker login` does.",
            )

    def _no_credentials(self) -> LoginRefusedError:
        return LoginRefusedError(
            f"{self._host} wants a login, and the Docker configuration has none for it",
            f"Run `docker login {self._host}`, or point DOCKER_CONFIG at a folder whose config.json has it.",
        )

    def _token(self, challenge: dict[str, str], scopes: tuple[str, ...]) -> str:
        realm = challenge.get("realm", "")
        if urlsplit(realm).scheme not in ("http", "https"):
            raise RegistryError(
                f"{self._host} names no usable token server: {realm[:200]!r}", "Ask the registry's operator."
            )
        # the registry's own idea of the scope may be wider than ours: ask for both
        wanted = tuple(dict.fromkeys((*scopes, *challenge.get("scope", "").split())))
        service = challenge.get("service")
        response = self._ask_for_token(realm, service, wanted)
        with response:
            body = self._read(response, realm)
            if response.status != 200:
                server = urlsplit(realm).netloc
                refusal = LoginRefusedError if response.status in (400, 401, 403) else RegistryError
                raise refusal(
                    f"{self._host}: its token server {server} refused the login (HTTP {response.status})",
                    f"Run `docker login {self._host}` again, and check that this account may use the repository.",
                )
        try:
            answer = parsed_json(body)
            token = answer.get("token") or answer.get("access_token")
        except (ValueError, AttributeError) as error:
            raise self._bad_token_answer(realm) from error
        # a line break or a character beyond ASCII would be a header of its own making
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise self._bad_token_answer(realm)
        return token

    def _ask_for_token(self, realm: str, service: str | None, scopes: tuple[str, ...]) -> urllib3.BaseHTTPResponse:
        asked = [("service", service)] if service else []
        credentials = self._credentials()
        if credentials is not None and credentials.identity_token is not None:
            form = [*asked, ("grant_type", "refresh_token"), ("client_id", _CLIENT), ("scope", " ".join(scopes))]
            body = urlencode([*form, ("refresh_token", credentials.identity_token)]).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._transport.send("POST", realm, headers, body)
        query = urlencode([*asked, *(("scope", scope) for scope in scopes)])
        headers = {"Authorization": _basic(credentials)} if credentials else {}
        return self._transport.send("GET", f"{realm}{'&' if '?' in realm else '?'}{query}", headers)

    def _read(self, response: urllib3.BaseHTTPResponse, realm: str) -> bytes:
        try:
            body = response.read(_LARGEST_TOKEN_ANSWER + 1)
        except urllib3.exceptions.HTTPError as error:
            raise self._bad_token_answer(realm) from error
        if len(body) > _LARGEST_TOKEN_ANSWER:
            raise self._bad_token_answer(realm)
        return body

    def _bad_token_answer(self, realm: str) -> RegistryError:
        return RegistryError(
            f"{self._host}: its token server {urlsplit(realm).netloc} did not answer with a token",
            "Try again; when it stays, ask the registry's operator.",
        )


def _basic(credentials: Credentials) -> str:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"
