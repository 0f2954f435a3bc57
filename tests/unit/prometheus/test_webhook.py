"""The receiver of notifications: what is one, and what a stranger cannot do to it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from flowdrill.edges.prometheus.notification import Notification, notification_of
from flowdrill.edges.prometheus.webhook import LARGEST_BODY, WebhookServer
from flowdrill.errors import PlanError
from flowdrill.model.instant import Instant


def payload(*alerts: dict[str, Any], version: object = "4") -> bytes:
    return json.dumps({"version": version, "receiver": "drill", "alerts": list(alerts)}).encode()


def alert(name: str = "A", status: str = "firing", **labels: str) -> dict[str, Any]:
    return {"status": status, "labels": {"alertname": name, **labels}, "startsAt": "2100-01-01T00:00:00Z"}


@pytest.fixture
def server() -> Iterator[WebhookServer]:
    with closing(WebhookServer("127.0.0.1:0")) as listening:
        yield listening


@pytest.fixture
def told(server: WebhookServer) -> list[tuple[Notification, Instant]]:
    seen: list[tuple[Notification, Instant]] = []
    server.pass_on(lambda notification, at: seen.append((notification, at)))
    return seen


def post(server: WebhookServer, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection(server.address, timeout=5)
    with closing(connection):
        connection.request("POST", "/", body, headers)
        return connection.getresponse().status


def test_a_notification_is_told_with_when_it_came(
    server: WebhookServer, told: list[tuple[Notification, Instant]]
) -> None:
    before = time.monotonic_ns()
    assert post(server, payload(alert(severity="page"), alert("B", "resolved"))) == 200
    ((notification, at),) = told
    assert before <= at.earliest_ns <= at.latest_ns <= time.monotonic_ns()
    assert notification.receiver == "drill"
    first, second = notification.alerts
    assert (first.name, first.labels, first.firing) == ("A", (("alertname", "A"), ("severity", "page")), True)
    assert (second.name, second.firing) == ("B", False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"[" * 100_000,
        b"\xff\xfe",
        payload(version=4),
        payload(version="3"),
        b'{"version":"4"}',
    ],
)
def test_what_is_no_notification_is_refused(
    server: WebhookServer, told: list[tuple[Notification, Instant]], body: bytes
) -> None:
    assert post(server, body) == 400
    assert told == []


def test_alerts_of_another_shape_are_left_out() -> None:
    found = notification_of(payload({"labels": []}, {"labels": {"alertname": 7}}, alert()))  # type: ignore[arg-type]
    assert found is not None
    assert [one.name for one in found.alerts] == ["A"]


def test_bodies_that_are_too_large_or_of_unknown_length_are_not_read(server: WebhookServer) -> None:
    assert post(server, b"", **{"Content-Length": str(LARGEST_BODY + 1)}) == 413
    assert post(server, b"", **{"Content-Length": "9" * 500}) == 413
    assert post(server, b"", **{"Content-Length": "-1"}) == 411
    connection = http.client.HTTPConnection(server.address, timeout=5)
    with closing(connection):
        connection.request("GET", "/")
        assert connection.getresponse().status == 501


def test_silent_connections_do_not_keep_a_notification_out(
    server: WebhookServer, told: list[tuple[Notification, Instant]]
) -> None:
    host, _, port = server.address.rpartition(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(10)]
    assert post(server, payload(alert())) == 200
    assert len(told) == 1
    for one in idle:
        one.close()


def test_nobody_is_told_before_and_after_the_watching(server: WebhookServer) -> None:
    seen: list[Notification] = []
    assert post(server, payload(alert())) == 200
    server.pass_on(lambda notification, _: seen.append(notification))
    server.pass_on(None)
    assert post(server, payload(alert())) == 200
    assert seen == []


def test_an_address_that_is_taken_or_none_is_the_plans_error(server: WebhookServer) -> None:
    for address in (server.address, "127.0.0.1:99999", "203.0.113.1:9099"):
        with pytest.raises(PlanError, match=r"detect\.alertmanager\.webhook"):
            WebhookServer(address)


def test_it_is_gone_when_it_is_closed() -> None:
    server = WebhookServer("127.0.0.1:0")
    server.close()
    with pytest.raises(OSError, match="refused"):
        post(server, payload())
