"""Which Service users of a workload come through."""

from __future__ import annotations

from typing import Any

from flowdrill.edges.kubernetes.fleet_search import services_before
from flowdrill.model.fleet_target import FleetService

LABELS = {"app": "flow", "tier": "web"}


def service(name: str, selector: dict[str, str] | None, ip: str = "10.0.0.1", **port: Any) -> dict[str, Any]:
    ports = [{"port": 80, **port}]
    return {"metadata": {"name": name}, "spec": {"selector": selector, "clusterIP": ip, "ports": ports}}


def test_a_service_that_selects_the_pods_is_found_by_all_its_labels() -> None:
    several = (service("web", {"app": "flow"}), service("other", {"app": "flow", "tier": "api"}), service("none", None))
    assert services_before(LABELS, several) == (FleetService("web", 80, "10.0.0.1"),)


def test_a_headless_one_counts_only_where_there_is_no_other() -> None:
    headless, web = service("peers", {"app": "flow"}, "None"), service("web", {"app": "flow"})
    assert [one.name for one in services_before(LABELS, (headless, web))] == ["web"]
    assert services_before(LABELS, (headless,)) == (FleetService("peers", 80, None),)


def test_the_port_called_http_is_taken_and_udp_is_none() -> None:
    both = service("web", {"app": "flow"})
    both["spec"]["ports"] = [{"port": 53, "protocol": "UDP"}, {"port": 9000}, {"port": 7860, "name": "http"}]
    assert services_before(LABELS, (both,))[0].port == 7860
    assert services_before(LABELS, (service("dns", {"app": "flow"}, protocol="UDP"),)) == ()


def test_what_a_cluster_says_that_is_no_address_gets_into_no_url() -> None:
    assert services_before(LABELS, (service("web", {"app": "flow"}, "evil.example/?"),))[0].cluster_ip is None
    assert services_before(LABELS, (service("web", {"app": "flow"}, "fd00::1"),))[0].cluster_ip == "[fd00::1]"
    assert services_before(LABELS, (service("a b", {"app": "flow"}),)) == ()
    assert services_before(LABELS, (service("web", {"app": "flow"}, port="80"),)) == ()
