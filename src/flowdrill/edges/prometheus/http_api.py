"""JSON over HTTP from one server: only GET, no redirects, answers limited in size and time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import urllib3

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.prometheus.login import Login
from flowdrill.errors import AlertSourceAwayError, AlertSourceError, QueryRefusedError
from flowdrill.model.json_shapes import as_mapping, as_text
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.transport import proxy_for

_AWAY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PIECE = 1 << 16
_LONGEST_ERROR = 1 << 16
_ATTEMPTS = 2  # a connection that was kept may have been closed meanwhile


@dataclass(frozen=True, slots=True)
class Limits:
    """What an answer may take."""

    connect_seconds: float = 3.0
    silence_seconds: float = 5.0  # without a byte of it
    whole_seconds: float = 10.0
    largest_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, and between which instants it did."""

    sent_ns: int
    received_ns: int
    body: object


class HttpApi:
    """Asks one server, whose paths begin with `base_url`. From any thread."""

    def __init__(self, base_url: str, login: Login, *, name: str, key: str, limits: Limits | None = None) -> None:
        """`name` is what it is called in errors, `key` where the drill says how it is reached."""
        self.name = name
        self._base_url, self._key, self._login = base_url, key, login
        self._limits = limits or Limits()
        self._timeout = urllib3.Timeout(connect=self._limits.connect_seconds, read=self._limits.silence_seconds)
        proxy = proxy_for(base_url)
        self._pool: urllib3.PoolManager = (
            urllib3.ProxyManager(proxy, ssl_context=login.tls)
            if proxy
            else urllib3.PoolManager(ssl_context=login.tls, maxsize=4)
        )

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Answer:
        """Return the answer. AlertSourceAwayError where there is none; QueryRefusedError when a query is not taken;
        AlertSourceError when the server wants another login, or is something else."""
        url = self._base_url + path + (f"?{urlencode(query)}" if query else "")
        for attempt in range(1, _ATTEMPTS + 1):
            sent_ns = time.monotonic_ns()
            try:
                with contextlib.closing(self._ask(url)) as response:
                    body = self._read(response)
                    status, location = response.status, response.headers.get("Location", "")
            except urllib3.exceptions.SSLError as error:
                raise self._untrusted(error) from error
            except urllib3.exceptions.ProtocolError as error:
                if attempt == _ATTEMPTS:
                    raise self._away(str(error.__cause__ or error)) from error
                continue
            except urllib3.exceptions.HTTPError as error:
                raise self._away(str(error.__cause__ or error)) from error
            received_ns = time.monotonic_ns()
            if status != 200:
                raise self._refused(status, body, location)
            return Answer(sent_ns, received_ns, self._parsed(body))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close idle connections."""
        self._pool.clear()

    def strange(self, what: str) -> AlertSourceError:
        """Return the error for an answer that is not this API's."""
        return AlertSourceError(
            f"{self.name} at {self._base_url} {what}",
            f"see that {self._key}.url is {self.name}'s, with the path before /api where there is one",
        )

    def _ask(self, url: str) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            "GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity", **self._login.headers},
            timeout=self._timeout, retries=False, redirect=False, preload_content=False, decode_content=False,
        )  # fmt: skip

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        until, body = time.monotonic() + self._limits.whole_seconds, bytearray()
        most = self._limits.largest_bytes if response.status == 200 else _LONGEST_ERROR
        while piece := response.read1(_PIECE):
            body += piece
            if len(body) > most:
                raise self.strange(f"sent more than {most} bytes")
            if time.monotonic() > until:
                raise self._away(f"its answer was not whole after {self._limits.whole_seconds:g} s")
        return bytes(body)

    def _parsed(self, body: bytes) -> object:
        try:
            parsed: object = parsed_json(body)
        except ValueError as error:
            raise self.strange(
                f"does not answer with JSON: {self._shown(body[:200].decode(errors='replace'))}"
            ) from error
        return parsed

    def _refused(self, status: int, body: bytes, location: str) -> AlertSourceError:
        said = self._said(body)
        if status in (400, 422) and said:
            return QueryRefusedError(said, f"{self.name} answered {status}")
        if status in _AWAY:
            return self._away(f"it answered {status}" + (f": {said}" if said else ""))
        if status in (401, 403):
            return AlertSourceError(
                f"{self.name} at {self._base_url} does not let these credentials in ({status})",
                f"see {self._key}.bearer_token_from, or .username and .password_from, and .headers",
            )
        if 300 <= status < 400:
            there = urlsplit(location)
            return self.strange(
                f"sends elsewhere ({status}, {self._shown(f'{there.scheme}://{there.netloc}{there.path}')})"
            )
        return self.strange(f"answered {status}" + (f": {said}" if said else ""))

    def _said(self, body: bytes) -> str:
        try:
            parsed = parsed_json(body)
        except ValueError:
            return ""
        fields = as_mapping(parsed)
        return self._shown(as_text(parsed) or as_text(fields.get("error")) or as_text(fields.get("message")) or "")

    def _away(self, why: str) -> AlertSourceAwayError:
        return AlertSourceAwayError(
            f"{self.name} at {self._base_url} cannot be reached: {self._shown(why)}",
            f"see that it runs, and that this machine may reach {self._key}.url",
        )

    def _untrusted(self, error: urllib3.exceptions.SSLError) -> AlertSourceError:
        return AlertSourceError(
            f"{self.name} at {self._base_url}: TLS does not come about: {self._shown(str(error))}",
            f"name its certificate authority by {self._key}.ca_file, and a client certificate where it wants one",
        )

    def _shown(self, text: str) -> str:
        return printable(redact(text, self._login.secrets))
