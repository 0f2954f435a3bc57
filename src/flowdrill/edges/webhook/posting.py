"""Posts a signed message to a webhook. Its URL is a secret as a rule, and is printed nowhere."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from flowdrill.errors import WebhookError
from flowdrill.model.server_url import names_a_server
from flowdrill.oci.transport import proxy_for

URL_VARIABLE, KEY_VARIABLE = "FLOWDRILL_WEBHOOK_URL", "FLOWDRILL_WEBHOOK_KEY"
TIMESTAMP, SIGNATURE = "X-Flowdrill-Timestamp", "X-Flowdrill-Signature"
_TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
_ATTEMPTS = 3
_SHORTEST_KEY = 16  # characters
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, repr=False)
class Webhook:
    """Where to post, and the key that both sides have."""

    url: str
    key: bytes | None

    @property
    def host(self) -> str:
        """All of its URL that may be printed."""
        return str(urlsplit(self.url).hostname)


def webhook_of(url: str, key: str) -> Webhook:
    """Return it; WebhookError, which repeats neither, when the URL or the key cannot be used."""
    usable = names_a_server(url) and "@" not in urlsplit(url).netloc
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookError(f"{URL_VARIABLE} is no URL that can be posted to", "give https://HOST/PATH, without a user")
    if key and len(key) < _SHORTEST_KEY:
        raise WebhookError(f"{KEY_VARIABLE} is too short", f"give a random text of {_SHORTEST_KEY} characters or more")
    return Webhook(url, key.encode() if key else None)


def signature_of(key: bytes, timestamp: str, body: bytes) -> str:
    """Return `v1=…`: the HMAC-SHA-256 (RFC 2104), in hexadecimal, of `v1:TIMESTAMP:BODY`."""
    message = b":".join((b"v1", timestamp.encode(), body))
    return f"v1={hmac.new(key, message, hashlib.sha256).hexdigest()}"


def post(webhook: Webhook, body: bytes, now_seconds: int) -> None:
    """Post a JSON body, signed where there is a key. A server that is busy is asked again; no redirect is followed.
    WebhookError when it is not taken."""
    timestamp = str(now_seconds)
    headers = {"Content-Type": "application/json", "User-Agent": "flowdrill", TIMESTAMP: timestamp}
    if webhook.key is not None:
        headers[SIGNATURE] = signature_of(webhook.key, timestamp, body)
    said = "no answer"
    for _ in range(_ATTEMPTS):
        try:
            status = _status_of(webhook, body, headers)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            said = f"no answer: {type(error).__name__}"  # its text would repeat the URL
            continue
        if 200 <= status < 300:
            return
        said = f"HTTP {status}"  # and no more: some servers repeat the path, which is the secret
        if status not in _AGAIN:
            break
    raise WebhookError(
        f"the webhook at {webhook.host} has not taken the summary: {said}",
        f"check {URL_VARIABLE}, the proxy settings, and whether this machine may reach that host",
    )


def _status_of(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> int:
    """What comes after the status is not read: nobody needs it, and it may never end."""
    proxy = proxy_for(webhook.url)
    with urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager() as pool:
        answer = pool.request(
            "POST", webhook.url, body=body, headers=headers, timeout=_TIMEOUT,
            retries=False, redirect=False, preload_content=False,
        )  # fmt: skip
        with answer:
            return answer.status
