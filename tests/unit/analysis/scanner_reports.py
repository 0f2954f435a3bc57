"""Trivy's reports, as far as the tests need them."""

from __future__ import annotations

import json
from typing import Any

DIGEST = "sha256:" + "a" * 64
CONFIG = "sha256:" + "c" * 64
OTHER = "sha256:" + "f" * 64
IMAGE = "registry.test/flows/greeting"


def vulnerability(name: str, severity: str, **changes: Any) -> dict[str, Any]:
    return {
        "VulnerabilityID": name,
        "PkgName": "openssl",
        "InstalledVersion": "3.0.1",
        "FixedVersion": "3.0.9",
        "Severity": severity,
        "Title": "a title",
        **changes,
    }


def report_fields(*vulnerabilities: dict[str, Any], digest: str = DIGEST, **changes: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2026-11-26T10:00:00Z",
        "ArtifactName": f"{IMAGE}:1.0.0",
        "ArtifactType": "container_image",
        "Metadata": {
            "OS": {"Family": "debian", "Name": "12.8"},
            "ImageID": CONFIG if digest == DIGEST else OTHER,
            "RepoTags": [f"{IMAGE}:1.0.0"],
            "RepoDigests": [f"{IMAGE}@{digest}"],
        },
        "Results": [
            {"Target": "app (debian 12.8)", "Class": "os-pkgs", "Vulnerabilities": list(vulnerabilities)},
            {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg"},
            {"Target": "/app/.env", "Class": "secret", "Secrets": []},
        ],
        **changes,
    }


def report_bytes(*vulnerabilities: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps(report_fields(*vulnerabilities, **changes)).encode()
