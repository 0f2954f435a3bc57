"""A faulty network between a harness and its API server: a proxy on loopback, with a certificate of its own, that keeps
a record of every request and does to some of them what networks and busy servers do."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from flowdrill.cluster.certificates import make_certificates

_UPSTREAM_SECONDS = 60.0
_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "date", "server"})
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Fault(Enum):
    """What happens to a request."""

    RESET_BEFORE = "the connection is reset, and nothing is passed on"
    RESET_AFTER = "it is passed on, and the connection is reset before the answer"
    RESET_WITHIN = "it is passed on, and the connection is reset in the middle of the answer"
    ANSWER = "the proxy answers itself, and passes nothing on"
    DELAY = "it is passed on late"
    HOLD = "it is kept until the test lets it go, whether or not anybody still waits for an answer"
    STALE = "what such a request was answered the first time is answered again"
    EXPIRED = "a watch tells that its resource version is too old"


@dataclass
class Rule:
    """The first `times` requests of `method` whose path has `path` in it, after `skip` of them, meet the fault."""

    fault: Fault
    method: str
    path: str
    watch: bool = False
    times: int = 1
    skip: int = 0
    status: int = 500
    seconds: float = 0.0
    body: str = ""  # only requests whose body has this in it
    met: int = 0
    seen: int = 0

    def meets(self, method: str, path: str, body: bytes) -> bool:
        """Count a request; return whether it meets the fault."""
        plain = urlsplit(path)
        dry = "dryRun=All" in plain.query
        if method != self.method or self.path not in plain.path or dry or self.body.encode() not in body:
            return False
        if ("watch=true" in plain.query) is not self.watch:
            return False
        self.seen += 1
        if self.seen <= self.skip or self.met >= self.times:
            return False
        self.met += 1
        return True


@dataclass
class Passed:
    """A request that was passed on, and what became of it. Instants are monotonic nanoseconds."""

    method: str
    path: str
    body: bytes
    forwarded_ns: int
    answered_ns: int | None = None
    status: int | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and self.status < 300

    def images(self) -> tuple[str, ...]:
        """The images that a patch of a workload sets."""
        try:
            spec: Any = json.loads(self.body)["spec"]["template"]["spec"]
            return tuple(one["image"] for one in spec["containers"] if "image" in one)
        except (ValueError, KeyError, TypeError):
            return ()


@dataclass
class FaultProxy:
    """What a test sees of it, and steers it by."""

    kubeconfig: str
    context: str
    rules: list[Rule] = field(default_factory=list)
    writes: list[Passed] = field(default_factory=list)  # that were passed on, dry runs and questions left out
    first_answers: dict[str, tuple[int, list[tuple[str, str]], bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    let_go: threading.Event = field(default_factory=threading.Event)
    held_back: threading.Event = field(default_factory=threading.Event)  # something is held
    _cut: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)

    def cut(self) -> None:
        """Nothing goes through any more, watches included."""
        with self.lock:
            self._cut.set()
            for one in self._open:
                reset(one)

    def mend(self) -> None:
        """Everything goes through again."""
        self._cut.clear()

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    @contextmanager
    def connection(self, one: socket.socket) -> Iterator[None]:
        """A connection, from its first byte to its last."""
        with self.lock:
            self._open.add(one)
        try:
            yield
        finally:
            with self.lock:
                self._open.discard(one)

    def fault_of(self, method: str, path: str, body: bytes) -> Rule | None:
        """The first rule that a request meets."""
        with self.lock:
            return next((rule for rule in self.rules if rule.meets(method, path, body)), None)

    def unmet(self) -> list[Rule]:
        """Rules that nothing has met: then a test has tried nothing."""
        return [rule for rule in self.rules if not rule.met]

    def accepted(self, image: str) -> list[Passed]:
        """The accepted patches that set `image`."""
        with self.lock:
            return [one for one in self.writes if one.accepted and image in one.images()]


@contextmanager
def fault_proxy(kubeconfig: str, context: str) -> Iterator[FaultProxy]:
    """Serve it in front of the API server of `context`, with a kubeconfig of its own for the same user."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_certificates(folder)
        upstream, user, rest = _upstream(kubeconfig, context, folder)
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(folder / "server.crt", folder / "server.key")
        proxy = FaultProxy(str(folder / "kubeconfig"), context)
        with _Server(("127.0.0.1", 0), _handler(proxy, upstream, user)) as server:
            server.tls = server_side
            _write_kubeconfig(folder, context, server.server_address[1], rest)
            thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
            thread.start()
            try:
                yield proxy
            finally:
                proxy.let_go.set()
                proxy.cut()
                server.shutdown()
                thread.join()


def reset(one: socket.socket) -> None:
    """Have the kernel send a reset, and end whoever reads it."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with suppress(OSError):
        socket.socket.shutdown(one, socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake is the connection's own thread's: whoever is slow at it keeps nobody else waiting."""
        request.settimeout(_UPSTREAM_SECONDS)
        with suppress(OSError), self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # who asked is gone: that is what this is for


@dataclass(frozen=True)
class _Upstream:
    host: str
    port: int
    tls: ssl.SSLContext

    def connection(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=_UPSTREAM_SECONDS)


def _handler(proxy: FaultProxy, upstream: _Upstream, login: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with proxy.connection(self.connection):
                super().handle()

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            rule = proxy.fault_of(self.command, self.path, body)
            if proxy.is_cut or (rule is not None and rule.fault is Fault.RESET_BEFORE):
                return self._reset()
            if rule is not None and self._answered_here(rule):
                return None
            if rule is not None and rule.fault is Fault.DELAY:
                time.sleep(rule.seconds)
            if rule is not None and rule.fault is Fault.HOLD:
                proxy.held_back.set()
                proxy.let_go.wait()
            self._pass_on(body, rule)
            return None

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def _answered_here(self, rule: Rule) -> bool:
            if rule.fault is Fault.ANSWER:
                told = {"kind": "Status", "code": rule.status, "message": "the fault proxy says so"}
                self._answer(rule.status, [("Retry-After", "1")], json.dumps(told).encode())
            elif rule.fault is Fault.EXPIRED:
                status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
                self._answer(200, [], json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
            elif rule.fault is Fault.STALE and self.path in proxy.first_answers:
                self._answer(*proxy.first_answers[self.path])
            else:
                return False
            return True

        def _pass_on(self, body: bytes, rule: Rule | None) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", *_HOP}}
            grouped = self.headers.get_all("Impersonate-Group") or []
            upward = upstream.connection()
            try:
                upward.putrequest(self.command, self.path)
                for name, value in {**headers, **login}.items():
                    if name.lower() != "impersonate-group":
                        upward.putheader(name, value)
                for value in grouped:
                    upward.putheader("Impersonate-Group", value)
                upward.putheader("Content-Length", str(len(body)))
                noted = self._noted(body)
                upward.endheaders(body)
                answer = upward.getresponse()
                if "watch=true" in self.path and answer.status == 200:
                    return self._stream(answer)
                content = answer.read()
                noted.answered_ns, noted.status = time.monotonic_ns(), answer.status
            finally:
                upward.close()
            if proxy.is_cut or (rule is not None and rule.fault is Fault.RESET_AFTER):
                return self._reset()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
            if self.command == "GET":
                proxy.first_answers.setdefault(self.path, (answer.status, kept, content))
            self._answer(answer.status, kept, content, whole=rule is None or rule.fault is not Fault.RESET_WITHIN)
            return None

        def _noted(self, body: bytes) -> Passed:
            noted = Passed(self.command, self.path, body, time.monotonic_ns())
            asks = "dryRun=All" in self.path or "reviews" in self.path
            if self.command in _WRITES and not asks:
                with proxy.lock:
                    proxy.writes.append(noted)
            return noted

        def _stream(self, answer: http.client.HTTPResponse) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            while (piece := answer.read1(1 << 16)) and not proxy.is_cut:
                self.wfile.write(piece)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, whole: bool = True) -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if whole else body[: len(body) // 2])
            if not whole:
                self._reset()

        def _reset(self) -> None:
            self.close_connection = True
            reset(self.connection)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def _upstream(kubeconfig: str, context: str, folder: Path) -> tuple[_Upstream, dict[str, str], dict[str, Any]]:
    """The API server, what logs in to it in every request, and what of the user's entry a client may keep."""
    config = yaml.safe_load(Path(kubeconfig).read_text("utf-8"))
    named = next(one["context"] for one in config["contexts"] if one["name"] == context)
    cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == named["cluster"])
    user = next(one["user"] for one in config["users"] if one["name"] == named["user"])
    tls = ssl.create_default_context(cadata=_content(cluster, "certificate-authority", kubeconfig).decode())
    if "client-certificate-data" in user or "client-certificate" in user:
        pair = [folder / "client.crt", folder / "client.key"]
        for path, key in zip(pair, ("client-certificate", "client-key"), strict=True):
            path.write_bytes(_content(user, key, kubeconfig))
        tls.load_cert_chain(*pair)
    address = urlsplit(cluster["server"])
    login = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
    return _Upstream(str(address.hostname), address.port or 443, tls), login, named


def _content(entry: dict[str, str], key: str, kubeconfig: str) -> bytes:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"])
    return (Path(kubeconfig).parent / entry[key]).read_bytes()


def _write_kubeconfig(folder: Path, context: str, port: int, named: dict[str, Any]) -> None:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(folder / "ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": cluster}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": context, "context": {**named, "cluster": "proxy", "user": "me"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config), "utf-8")
