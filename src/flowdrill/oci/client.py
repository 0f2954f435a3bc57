"""Requests to one registry: logged in, redirects followed, refusals turned into errors that say what to do."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import urllib3

from flowdrill.analysis.docker_auths import Credentials
from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.errors import ImageMissingError, LoginRefusedError, RegistryAwayError, RegistryBusyError, RegistryError
from flowdrill.model.image_reference import DOCKER_HUB
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.credentials import config_path, find_credentials
from flowdrill.oci.login import Login
from flowdrill.oci.transport import READ_SECONDS, Body, Transport

LARGEST_DOCUMENT = 4 << 20  # bytes: the distribution specification's limit for manifests
_DOCKER_HUB_API = "registry-1.docker.io"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_ROOTED = re.compile(r"/(?!/)[\w/:@.-]*\Z", re.ASCII)  # nothing in it to be joined or normalised


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `what` names its object in errors; `scopes` are the permissions it needs, as token servers write
    them (`repository:NAME:pull,push`)."""

    method: str
    path: str  # or a whole URL that the registry gave
    what: str
    scopes: tuple[str, ...]
    headers: Mapping[str, str] | None = None
    body: Body = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RegistryClient:
    """One registry. Any number of threads may ask it at once."""

    def __init__(self, host: str, transport: Transport, credentials: Callable[[], Credentials | None]) -> None:
        self.host = host
        self._transport = transport
        self._base = transport.base_url(_DOCKER_HUB_API if host == DOCKER_HUB else host)
        self._login = Login(host, credentials, transport)

    def with_login(self, credentials: Credentials | None) -> RegistryClient:
        """Return a client of the same registry, over the same connections, that logs in with nothing but these."""
        return RegistryClient(self.host, self._transport, lambda: credentials)

    def fetch(self, request: Request, accepted: tuple[int, ...] = (200,), limit: int = LARGEST_DOCUMENT) -> Answer:
        """Return the answer; RegistryError when its status is not accepted or its body is larger than `limit` bytes."""
        with self.open(request, accepted) as response:
            body = b"" if request.method == "HEAD" else b"".join(self.read(response, request.what, limit + 1))
            if len(body) > limit:
                raise RegistryError(
                    f"{request.what}: the registry's answer is larger than {limit} bytes",
                    "Nothing that large belongs there; check that the reference names a container image.",
                )
            return Answer(response.status, response.headers, body)

    @contextmanager
    def open(self, request: Request, accepted: tuple[int, ...] = (200,)) -> Iterator[urllib3.BaseHTTPResponse]:
        """Yield the answer with its body still to be read; ImageMissingError for 404, RegistryError for any other
        status that is not accepted."""
        response = self._sent(request)
        try:
            if response.status not in accepted:
                raise self._refusal(request, response)
            yield response
        finally:
            # what was read to its end leaves a connection to use again; what was not is cut
            response.release_conn() if _is_read(request, response) else response.close()

    def read(self, response: urllib3.BaseHTTPResponse, what: str, limit: int) -> Iterator[bytes]:
        """Yield the body in pieces, at most `limit` bytes of it; RegistryAwayError when the connection breaks."""
        left = limit
        try:
            while left > 0 and (piece := response.read(min(left, 1 << 18))):
                left -= len(piece)
                yield piece
        except urllib3.exceptions.HTTPError as error:
            raise RegistryAwayError(
                f"{what}: the connection to {self.host} broke: {type(error).__name__}", "Try again."
            ) from error

    def absolute(self, location: str) -> str:
        """Return a Location or Link of the registry as a whole URL."""
        return f"{self._base}{location}" if _ROOTED.match(location) else urljoin(self._base, location)

    def is_own(self, url: str) -> bool:
        """Return whether `url` is on this registry's own scheme, host and port: only there credentials are sent."""
        return url.startswith(f"{self._base}/") or urlsplit(url)[:2] == urlsplit(self._base)[:2]

    def close(self) -> None:
        """Close idle connections."""
        self._transport.close()

    def _sent(self, request: Request) -> urllib3.BaseHTTPResponse:
        url, logged_in, redirects = self.absolute(request.path), False, 0
        while True:
            headers = dict(request.headers or {})
            authorization = self._login.header(request.scopes) if self.is_own(url) else None
            if authorization:
                headers["Authorization"] = authorization
            response = self._transport.send(request.method, url, headers, request.body)
            if response.status == 401 and self.is_own(url) and not logged_in and _repeatable(request):
                challenges = response.headers.get("WWW-Authenticate", "")
                response.close()
                self._login.answer(challenges, request.scopes, authorization)
                logged_in = True
            elif response.status in _REDIRECTS and request.method in ("GET", "HEAD") and redirects < _MOST_REDIRECTS:
                url = urljoin(url, response.headers.get("Location", ""))
                response.close()
                redirects += 1
            else:
                return response

    def _refusal(self, request: Request, response: urllib3.BaseHTTPResponse) -> RegistryError:
        said = "" if request.method == "HEAD" else _error_text(b"".join(self.read(response, request.what, 1 << 16)))
        problem = f"{request.what}: {self.host} answered {request.method} with HTTP {response.status}{said}"
        if response.status == 404:
            return ImageMissingError(problem, "Check the reference, and whether a retention rule deleted the image.")
        if response.status in (401, 403):
            return LoginRefusedError(
                problem,
                f"Run `docker login {self.host}` with an account that may do this "
                "(making a broken image needs pull and push, cleaning up needs delete).",
            )
        if response.status == 429 or response.status >= 500:
            remedy = "The registry is busy or failing, also after several tries. Try again later."
            return RegistryBusyError(problem, remedy)
        return RegistryError(problem, "Read the registry's answer above, and its log.")


def open_registry(
    host: str,
    *,
    plain_http: bool = False,
    ca_file: str | None = None,
    pause_seconds: Callable[[float], None] = time.sleep,
    environ: Mapping[str, str] = os.environ,
    read_seconds: float = READ_SECONDS,
) -> RegistryClient:
    """Return a client of the registry at `host` (`docker.io`, `10.0.0.1:5000`). Sends nothing yet. Credentials are read
    from the Docker configuration once the registry asks for them."""
    transport = Transport(
        plain_http=plain_http, ca_file=ca_file, pause_seconds=pause_seconds, read_seconds=read_seconds
    )
    return RegistryClient(host, transport, lambda: find_credentials(host, config_path(environ)))


def _repeatable(request: Request) -> bool:
    return request.body is None or isinstance(request.body, bytes)


def _is_read(request: Request, response: urllib3.BaseHTTPResponse) -> bool:
    return request.method == "HEAD" or response.length_remaining == 0


def _error_text(body: bytes) -> str:
    """Return `: CODE: message` of the specification's error document, or nothing."""
    try:
        first = parsed_json(body)["errors"][0]
        return printable(redact(f": {first['code']}: {first.get('message', '')}"[:500]))
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
