"""A connection to an API server that costs as little as can be: what is measured with it is the server.

The official client needs milliseconds of its own for each request, and would hide differences.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

MERGE_PATCH = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an API server is, and as whom to ask it."""

    host: str
    port: int
    token: str
    trust: ssl.SSLContext


def address_in(kubeconfig: Path) -> Address:
    """Of a kubeconfig in JSON with a bearer token, as the embedded cluster's is."""
    told = json.loads(kubeconfig.read_text("utf-8"))
    cluster, user = told["clusters"][0]["cluster"], told["users"][0]["user"]
    url = urlsplit(cluster["server"])
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return Address(url.hostname or "", url.port or 443, user["token"], ssl.create_default_context(cadata=authority))


class Connection:
    """One connection, kept open: a request after the other."""

    def __init__(self, address: Address, timeout_seconds: float = 30) -> None:
        self._http = http.client.HTTPSConnection(
            address.host, address.port, context=address.trust, timeout=timeout_seconds
        )
        self._headers = {"Authorization": f"Bearer {address.token}"}

    def ask(self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json") -> bytes:
        """The answer to a request. RuntimeError when the server refuses it, OSError when it cannot be reached."""
        self._http.request(method, path, body, {**self._headers, "Content-Type": media_type})
        with self._http.getresponse() as answer:
            content = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {path}: {answer.status} {content[:300].decode('utf-8', 'replace')}")
        return content

    def close(self) -> None:
        self._http.close()


def wait_until_ready(address: Address, limit_seconds: float) -> None:
    """Ask for /readyz until it is 200. TimeoutError says what was seen last."""
    end = time.monotonic() + limit_seconds
    while True:
        connection = Connection(address, timeout_seconds=2)
        try:
            connection.ask("GET", "/readyz")
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            seen = error
        else:
            return
        finally:
            connection.close()
        if time.monotonic() > end:
            raise TimeoutError(f"{address.host}:{address.port} not ready after {limit_seconds:g} s: {seen}") from seen
        time.sleep(0.005)
