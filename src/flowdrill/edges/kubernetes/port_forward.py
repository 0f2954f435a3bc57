"""A connection to a port of a pod, through the API server and the pod's kubelet: what `kubectl port-forward` does.

It needs no route from here to the pod, nor one from the API server to it. It is a WebSocket, which API servers take
since 1.5: `v4.channel.k8s.io`, one port, channel 0 for bytes and channel 1 for what the kubelet says went wrong.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import certifi
import websocket
from kubernetes.client import Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.stream.ws_client import get_websocket_url, websocket_proxycare

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.refusals import UnreachableError, printable, refusal

PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1  # channels
_PORT_BYTES = 2  # each channel begins with the port's number
_CONNECT_SECONDS = 10.0
_WRITE_SECONDS = 10.0
_LARGEST_PIECE = 1 << 16
_GONE = (websocket.WebSocketException, OSError, ValueError)


class PortForward:
    """Bytes to and from one port of a pod. For one thread. Every method raises UnreachableError when the connection is
    gone; what was written before may then be lost."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket
        self._begun: set[int] = set()

    def receive(self, limit_seconds: float) -> bytes:
        """Return the bytes that have come, b"" when none came within the limit."""
        if not self._has_bytes(limit_seconds):
            return b""
        try:
            opcode, content = self._socket.recv_data(control_frame=True)
        except _GONE as error:
            raise _lost(str(error)) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise _lost("the other side has closed it")
        if opcode != websocket.ABNF.OPCODE_BINARY or not content:
            return b""
        channel, data = content[0], bytes(content[1:])
        if channel not in self._begun:
            self._begun.add(channel)
            data = data[_PORT_BYTES:]
        if channel == _ERROR and data:
            raise _lost(data.decode("utf-8", "replace"))
        return data if channel == _DATA else b""

    def send(self, data: bytes) -> None:
        """Send all of it."""
        for at in range(0, len(data), _LARGEST_PIECE):
            try:
                self._socket.send_binary(bytes((_DATA,)) + data[at : at + _LARGEST_PIECE])
            except _GONE as error:
                raise _lost(str(error)) from error

    def close(self) -> None:
        """Close it at once. Harmless when it is gone."""
        with suppress(*_GONE):
            self._socket.shutdown()  # type: ignore[no-untyped-call]

    def _has_bytes(self, limit_seconds: float) -> bool:
        inner = self._socket.sock
        if inner is None:
            raise _lost("it is closed")
        if isinstance(inner, ssl.SSLSocket) and inner.pending():
            return True
        try:
            poll = select.poll()
            poll.register(inner, select.POLLIN)
            return bool(poll.poll(1000 * max(limit_seconds, 0.0)))
        except _GONE as error:
            raise _lost(str(error)) from error


def open_port(api: Api, namespace: str, pod: str, port: int) -> PortForward:
    """Connect. ForbiddenError when whoever asks may not; AnswerError with the API server's own answer, UnreachableError
    when there is none. That nothing listens there is found out by the first `receive`."""
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
    asked = f"GET {path}"
    try:
        _, url, headers, *_ = api.client.param_serialize("GET", path, auth_settings=["BearerToken"])
        settings = api.client.configuration
        socket = websocket.WebSocket(sslopt=_tls(settings), skip_utf8_validation=True, enable_multithread=False)
        socket.connect(  # type: ignore[no-untyped-call]
            get_websocket_url(f"{url}?{urlencode({'ports': port})}"),
            timeout=_CONNECT_SECONDS,
            header=[f"{name}: {value}" for name, value in _login(headers).items()],
            subprotocols=[PROTOCOL],
            suppress_origin=True,
            redirect_limit=0,
            **_proxy(settings, url),
        )
    except websocket.WebSocketBadStatusException as error:
        raise refusal(error.status_code, error.resp_body or b"", asked, api.subject) from error
    except (ApiException, *_GONE) as error:
        raise UnreachableError(
            f"{asked}: no connection to port {port} of pod/{pod}: {printable(str(error))}",
            "see that what is between here and the API server lets WebSockets through",
        ) from error
    socket.settimeout(_WRITE_SECONDS)
    return PortForward(socket)


def _login(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() == "authorization"}


def _tls(settings: Configuration) -> dict[str, Any]:
    """The options of the library's own WebSockets, which connect without a time limit."""
    options: dict[str, Any] = {"cert_reqs": ssl.CERT_NONE, "check_hostname": False}
    if settings.verify_ssl:
        options = {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": settings.ssl_ca_cert or certifi.where()}
        if settings.assert_hostname is not None:
            options["check_hostname"] = settings.assert_hostname
    named = {"certfile": settings.cert_file, "keyfile": settings.key_file, "server_hostname": settings.tls_server_name}
    return options | {name: value for name, value in named.items() if value}


def _proxy(settings: Configuration, url: str) -> dict[str, Any]:
    if not settings.proxy and not settings.proxy_headers:
        return {}
    return dict(websocket_proxycare({}, settings, url, {}))


def _lost(why: str) -> UnreachableError:
    return UnreachableError(f"the connection to the pod broke: {printable(why) or 'no reason given'}", "try again")
