"""Who has written what: the audit log."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cluster.api.asking import RBAC, SHOP, Asked


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_who_wrote_what_is_written_down_and_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    asked = Asked(audit_file=file)
    body = {"metadata": {"name": "one"}, "stringData": {"password": "hunter2"}}
    asked.ask("POST", f"{SHOP}/secrets", body)
    asked.ask("GET", f"{SHOP}/secrets/one")
    asked.ask("PATCH", f"{SHOP}/secrets/one", {}, kind="application/merge-patch+json", dryRun="All")
    acting = {"Impersonate-User": "on-call", "Impersonate-Group": "sre"}
    assert asked.ask("DELETE", f"{SHOP}/secrets/one", headers=acting).code == 403
    asked.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {}})
    made, changed, refused = lines(file)
    assert (made["apiVersion"], made["stage"], made["level"]) == ("audit.k8s.io/v1", "ResponseComplete", "Metadata")
    assert (made["verb"], made["userAgent"], made["requestURI"]) == ("create", "tests/1", f"{SHOP}/secrets")
    assert made["user"] == {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
    assert made["objectRef"] == {"resource": "secrets", "namespace": "shop", "apiVersion": "v1"}
    assert "impersonatedUser" not in made
    assert str(changed["requestURI"]).endswith("?dryRun=All")
    assert refused["impersonatedUser"] == {"username": "on-call", "groups": ["sre", "system:authenticated"]}
    assert refused["objectRef"] == {**made["objectRef"], "name": "one"}  # type: ignore[dict-item]
    codes = [one["responseStatus"]["code"] for one in (made, changed, refused)]  # type: ignore[index]
    assert codes == [201, 200, 403]
    assert len(str(made["stageTimestamp"])) == len("2026-01-01T00:00:00.000000Z")
    assert "hunter2" not in file.read_text("utf-8")


def test_the_log_is_set_aside_when_it_is_large(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    asked = Asked(audit_file=file)
    for number in range(20):
        asked.ask("POST", f"{RBAC}/clusterroles", {"metadata": {"name": f"r{number}"}})
    assert sorted(one.name for one in tmp_path.iterdir()) == ["audit.log", "audit.log.1"]
    assert all(one.stat().st_size <= 4000 for one in tmp_path.iterdir())
    assert file.stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    asked = Asked(audit_file=tmp_path / "not there" / "audit.log")
    assert asked.ask("POST", f"{SHOP}/configmaps", {"metadata": {"name": "one"}}).code == 201
