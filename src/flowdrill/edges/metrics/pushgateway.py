"""Puts a run's metrics into a group of a Pushgateway, which replaces it whole: what the new run has not is gone."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import urllib3

from flowdrill.errors import MetricsError, PlanError
from flowdrill.model.server_url import names_a_server
from flowdrill.oci.transport import proxy_for

_TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
_ATTEMPTS = 3
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_ANSWER = 200
_TYPE = "text/plain; version=0.0.4"  # the classic format, which `metrics.prom` is, too


@dataclass(frozen=True, slots=True)
class Pushgateway:
    """Its base URL, without a `/` at its end."""

    url: str

    def group(self, labels: Mapping[str, str]) -> str:
        """Return the URL of a group; a value may hold anything, so each is encoded as the gateway's API says."""
        return f"{self.url}/metrics/job/flowdrill" + "".join(
            f"/{name}@base64/{base64.urlsafe_b64encode(value.encode()).decode() or '='}"
            for name, value in labels.items()
        )


def pushgateway_at(url: str) -> Pushgateway:
    """Return it; PlanError when the URL cannot be used. It is shown in what is told: so it has no password in it."""
    if not names_a_server(url) or "@" in url or not url.isascii() or not url.isprintable() or set(url) & set(" ?#"):
        raise PlanError("--push-metrics: is no URL of a Pushgateway", "such as http://pushgateway:9091, without a user")
    return Pushgateway(url.rstrip("/"))


def push(gateway: Pushgateway, labels: Mapping[str, str], text: str) -> None:
    """Replace the group's metrics. A gateway that is busy is asked again; no redirect is followed. MetricsError when
    it does not take them."""
    said = "no answer"
    for _ in range(_ATTEMPTS):
        try:
            status, answer = _put(gateway.group(labels), text.encode())
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            said = f"no answer: {type(error).__name__}"
            continue
        if 200 <= status < 300:
            return
        said = f"HTTP {status}: {answer}" if answer else f"HTTP {status}"
        if status not in _AGAIN:
            break
    raise MetricsError(
        f"the Pushgateway at {gateway.url} has not taken the metrics: {said}",
        "check --push-metrics, the proxy settings, and whether this machine may reach it",
    )


def _put(url: str, body: bytes) -> tuple[int, str]:
    proxy = proxy_for(url)
    with urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager() as pool:
        answer = pool.request(
            "PUT", url, body=body, headers={"Content-Type": _TYPE, "User-Agent": "flowdrill"}, timeout=_TIMEOUT,
            retries=False, redirect=False, preload_content=False,
        )  # fmt: skip
        with answer:
            told = b"" if 200 <= answer.status < 300 else answer.read(_LONGEST_ANSWER)
            return answer.status, told.decode("utf-8", "replace").strip()
