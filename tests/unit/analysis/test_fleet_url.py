"""One URL with names in braces, many workloads."""

from __future__ import annotations

import pytest

from flowdrill.analysis.fleet_url import url_of
from flowdrill.model.fleet_target import FleetService, FleetTarget
from flowdrill.model.workload import WorkloadKind

SERVICE = FleetService("web", 80, "10.0.0.7", 30001)


def target(*services: FleetService, unknown: str | None = None) -> FleetTarget:
    return FleetTarget("team-a", WorkloadKind.STATEFULSET, "flow", services, unknown)


@pytest.mark.parametrize(
    ("template", "url"),
    [
        ("http://{name}.{namespace}.svc:7860", "http://flow.team-a.svc:7860"),
        ("http://{service}.{namespace}.svc:{port}/{kind}", "http://web.team-a.svc:80/statefulset"),
        ("http://{cluster_ip}:{port}", "http://10.0.0.7:80"),
        ("http://node.example:{node_port}", "http://node.example:30001"),
    ],
)
def test_what_is_in_braces_is_put_in(template: str, url: str) -> None:
    assert url_of(template, target(SERVICE)) == url


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (target(), "no Service with a TCP port selects its pods"),
        (target(SERVICE, FleetService("api", 80)), "2 Services select its pods: web, api"),
        (target(FleetService("web", 80)), "its Service web has no cluster ip"),
        (target(unknown="forbidden"), "cannot be listed: forbidden"),
    ],
)
def test_a_url_that_nobody_knows_says_why(found: FleetTarget, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        url_of("http://{service}:{cluster_ip}", found)


def test_names_alone_need_no_service() -> None:
    assert url_of("http://{name}", target()) == "http://flow"
