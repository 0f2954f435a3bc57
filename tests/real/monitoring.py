"""Debian's Prometheus and Alertmanager on loopback ports of their own, and an exporter of what users were answered."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PROGRAMS = ("prometheus", "prometheus-alertmanager")
_START_SECONDS = 30
PREFIX = "/monitoring/prometheus"  # as behind a gateway


def missing_programs() -> list[str]:
    return [program for program in PROGRAMS if shutil.which(program) is None]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Monitoring:
    """A Prometheus and an Alertmanager that are up."""

    prometheus: subprocess.Popen[bytes]
    prometheus_url: str
    alertmanager_url: str
    webhook: str  # where Alertmanager sends to

    def left(self) -> dict[str, Any]:
        """What a drill must not change: rules, and silences."""
        rules = get_json(f"{self.prometheus_url}/api/v1/rules")["data"]["groups"]
        named = [(rule["name"], rule["query"]) for group in rules for rule in group["rules"]]
        return {"rules": named, "silences": get_json(f"{self.alertmanager_url}/api/v2/silences")}


@contextmanager
def exporter(counts: Callable[[], dict[str, int]]) -> Iterator[str]:
    """Serve `flow_requests_total` by outcome at an address, in Prometheus' text format."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            lines = [f'flow_requests_total{{outcome="{name}"}} {count}' for name, count in counts().items()]
            body = "\n".join(("# TYPE flow_requests_total counter", *lines, "")).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def monitoring(folder: Path, target: str, rules: Sequence[dict[str, Any]]) -> Iterator[Monitoring]:
    """Scrape `target` and evaluate `rules` every second, until the block ends."""
    ports = [free_port() for _ in range(3)]
    prometheus, alertmanager, webhook = (f"127.0.0.1:{port}" for port in ports)
    files: dict[str, Any] = {
        "rules.json": {"groups": [{"name": "drill", "rules": list(rules)}]},
        "prometheus.json": {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules.json")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "scrape_configs": [{"job_name": "flow", "static_configs": [{"targets": [target]}]}],
        },
        "alertmanager.json": {
            "route": {"receiver": "drill", "group_wait": "0s", "group_interval": "1s"},
            "receivers": [{"name": "drill", "webhook_configs": [{"url": f"http://{webhook}/"}]}],
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))  # JSON is YAML
    with ExitStack() as stack:
        commands = {
            "prometheus": [
                f"--config.file={folder / 'prometheus.json'}", f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={prometheus}", f"--web.external-url=http://{prometheus}{PREFIX}",
            ],
            "prometheus-alertmanager": [
                f"--config.file={folder / 'alertmanager.json'}", f"--storage.path={folder / 'alerts'}",
                f"--web.listen-address={alertmanager}", "--cluster.listen-address=",
            ],
        }  # fmt: skip
        started = {name: stack.enter_context(running([name, *command], folder)) for name, command in commands.items()}
        up = Monitoring(started["prometheus"], f"http://{prometheus}{PREFIX}", f"http://{alertmanager}", webhook)
        wait_until(lambda: _evaluated(up), "Prometheus has evaluated its rules, and Alertmanager answers")
        yield up


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline, pause = time.monotonic() + _START_SECONDS, threading.Event()
    while True:
        try:
            if condition():
                return
        except OSError:  # URLError is one: not up yet
            pass
        assert time.monotonic() < deadline, f"not within {_START_SECONDS} s: {what}"
        pause.wait(0.05)


def silence(up: Monitoring, alert: str) -> str:
    """Silence an alert as its team would; return the silence's id."""
    at = time.time()
    body = {
        "matchers": [{"name": "alertname", "value": alert, "isRegex": False, "isEqual": True}],
        "startsAt": _utc(at),
        "endsAt": _utc(at + 3600),
        "createdBy": "ops@example.com",
        "comment": "deploying",
    }
    request = urllib.request.Request(
        f"{up.alertmanager_url}/api/v2/silences",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(json.load(answer)["silenceID"])


def expire(up: Monitoring, identity: str) -> None:
    request = urllib.request.Request(f"{up.alertmanager_url}/api/v2/silence/{identity}", method="DELETE")
    with urllib.request.urlopen(request, timeout=5):
        pass


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _evaluated(up: Monitoring) -> bool:
    get_json(f"{up.alertmanager_url}/api/v2/silences")
    groups = get_json(f"{up.prometheus_url}/api/v1/rules")["data"]["groups"]
    scraped = get_json(f"{up.prometheus_url}/api/v1/query?query=flow_requests_total")["data"]["result"]
    known = get_json(f"{up.prometheus_url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    return bool(scraped and known) and all(rule["health"] == "ok" for group in groups for rule in group["rules"])
