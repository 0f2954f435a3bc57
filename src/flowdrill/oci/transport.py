"""HTTP to one registry and to the servers it sends us to: TLS, proxies, and a few attempts. Knows nothing of images."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from flowdrill.errors import RegistryAwayError, RegistryError
from flowdrill.oci.head_connections import HeadConnections

Body = bytes | Iterable[bytes] | None
ATTEMPTS = 4
CONNECTIONS = 32  # to one host at once, kept for the next request: a thread that asks has one of its own
_WORTH_ANOTHER_TRY = frozenset({429, 500, 502, 503, 504})
_LONGEST_PAUSE_SECONDS = 30.0
READ_SECONDS = 60.0  # without a byte of the answer
_CONNECT_SECONDS = 10.0


def is_loopback(host: str) -> bool:
    """Return whether `host` (with or without port) is this machine: 127.0.0.0/8, ::1 or localhost."""
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class Transport:
    """Sends requests, from any thread; the answer's body is not read yet. Loopback hosts are spoken to without TLS
    unless a certificate authority is given; all others only with TLS unless `plain_http` was asked for."""

    def __init__(
        self,
        *,
        plain_http: bool,
        ca_file: str | None,
        pause_seconds: Callable[[float], None] = time.sleep,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._plain_http = plain_http
        self._trust = _Trust(ca_file)
        self._has_ca = ca_file is not None
        self._pause_seconds = pause_seconds
        self._pools: dict[tuple[str | None, bool], urllib3.PoolManager] = {}  # by proxy, and whether with TLS
        self._pool_of_origin: dict[str, urllib3.PoolManager] = {}
        self._new_pool = threading.Lock()
        self._heads = HeadConnections(self._trust.context, connect_seconds=_CONNECT_SECONDS, read_seconds=read_seconds)
        self._timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds)

    def base_url(self, host: str) -> str:
        """Return `https://host`, or `http://host` where that is allowed."""
        plain = self._plain_http or (is_loopback(host) and not self._has_ca)
        return f"{'http' if plain else 'https'}://{host}"

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body = None) -> urllib3.BaseHTTPResponse:
        """Return the answer, whatever its status, with its body still to be read and closed. A busy or failing server
        is asked up to four times, a body that can be read only once is sent once. RegistryAwayError when there is no
        answer."""
        pool = self._pool(url)
        attempts = ATTEMPTS if body is None or isinstance(body, bytes) else 1
        for attempt in range(1, attempts + 1):
            try:
                response = self._sent_once(pool, method, url, headers, body)
            except urllib3.exceptions.SSLError as error:
                raise _tls_problem(url, error) from error
            except urllib3.exceptions.HTTPError as error:
                if attempt == attempts:
                    raise _unreachable(url, error) from error
                self._pause_seconds(_growing_pause(attempt))
                continue
            if response.status not in _WORTH_ANOTHER_TRY or attempt == attempts:
                return response
            response.close()
            self._pause_seconds(_asked_pause(response.headers.get("Retry-After")) or _growing_pause(attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close idle connections."""
        self._heads.close()
        for pool in self._pools.values():
            pool.clear()

    def _refuse_unasked_plain_http(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "https" or (parts.scheme == "http" and (self._plain_http or is_loopback(parts.netloc))):
            return
        raise RegistryError(f"{_origin(url)} would be spoken to without TLS, and that was not asked for", _ASK_PLAIN)

    def _sent_once(
        self, pool: urllib3.PoolManager, method: str, url: str, headers: Mapping[str, str], body: Body
    ) -> urllib3.BaseHTTPResponse:
        if method == "HEAD" and not isinstance(pool, urllib3.ProxyManager) and self._heads.suits(url, headers):
            return self._heads.head(url, headers)
        return pool.request(
            method, url, headers=dict(headers), body=body, timeout=self._timeout,
            retries=False, redirect=False, preload_content=False, decode_content=False,
        )  # fmt: skip

    def _pool(self, url: str) -> urllib3.PoolManager:
        """Return the connections for a server, which is looked at once: may it be spoken to, and by which proxy?"""
        origin = "/".join(url.split("/", 3)[:3])
        with self._new_pool:
            pool = self._pool_of_origin.get(origin)
            if pool is None:
                self._refuse_unasked_plain_http(url)
                pool = self._pool_of_origin[origin] = self._pool_by(proxy_for(url), urlsplit(url).scheme == "https")
            return pool

    def _pool_by(self, proxy: str | None, secure: bool) -> urllib3.PoolManager:
        if (proxy, secure) not in self._pools:
            tls = self._trust.context() if secure or proxy else None
            self._pools[proxy, secure] = (
                urllib3.ProxyManager(proxy, ssl_context=tls, maxsize=CONNECTIONS)
                if proxy
                else urllib3.PoolManager(ssl_context=tls, maxsize=CONNECTIONS)
            )
        return self._pools[proxy, secure]


class _Trust:
    """Whose certificates are trusted. The system's are read once needed: it takes longer than some requests."""

    def __init__(self, ca_file: str | None) -> None:
        self._lock = threading.Lock()
        self._context = None if ca_file is None else _trusting(ca_file)  # a bad file is told at once

    def context(self) -> ssl.SSLContext:
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context()
            return self._context


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL; none for this machine."""
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    return None if is_loopback(parts.netloc) or proxy_bypass(parts.netloc) else proxy


_ASK_PLAIN = (
    "If this registry really has no TLS, say so: `registry.plain_http: true` in the drill, or `--plain-http`. "
    "Loopback addresses need no such permission."
)


def _trusting(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise RegistryError(
            f"{ca_file}: cannot be used as a certificate authority: {error.strerror or error}",
            "Give the path of a PEM file: `registry.ca_file` in the drill, or `--ca-file`.",
        ) from error
    return context


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")


def _tls_problem(url: str, error: urllib3.exceptions.SSLError) -> RegistryAwayError:
    if "CERTIFICATE" in str(error).upper():
        remedy = "Give its certificate authority: `registry.ca_file` in the drill, or `--ca-file`."
        return RegistryAwayError(f"{_origin(url)}: its TLS certificate is not trusted: {error}", remedy)
    return RegistryAwayError(f"{_origin(url)} does not speak TLS: {error}", _ASK_PLAIN)


def _unreachable(url: str, error: urllib3.exceptions.HTTPError) -> RegistryAwayError:
    return RegistryAwayError(
        f"{_origin(url)} cannot be reached: {error.__cause__ or error}",
        "Check the registry's name and port, and that this machine may reach it (HTTPS_PROXY and NO_PROXY count).",
    )


def _growing_pause(attempt: int) -> float:
    return 0.25 * 2.0**attempt


def _asked_pause(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header (a number or a date), at most 30; None when there is none."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)
