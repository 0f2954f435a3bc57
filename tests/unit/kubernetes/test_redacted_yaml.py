from __future__ import annotations

from typing import Any

import yaml

from flowdrill.analysis.redaction import REDACTED
from flowdrill.edges.kubernetes.redacted_yaml import redacted_yaml, secret_values

KEY = "hunter2-is-no-known-shape"


def manifest() -> dict[str, Any]:
    return {
        "kind": "Pod",
        "metadata": {
            "name": "app",
            "managedFields": [{"manager": "x"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": f'{{"name":"API_KEY","value":"{KEY}"}}',
                "example.org/api-token": KEY,
                "note": "keep me",
            },
        },
        "spec": {
            "containers": [
                {
                    "name": "flow",
                    "args": ["--port", "7860", "--api-key", KEY, f"--password={KEY}"],
                    "env": [
                        {"name": "API_KEY", "value": KEY},
                        {"name": "COLOUR", "value": "blue"},
                        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
                        {"name": "URL", "value": f"http://user:{KEY}@host/"},
                    ],
                }
            ]
        },
    }


def test_no_secret_survives_wherever_it_stands() -> None:
    assert KEY not in redacted_yaml(manifest(), secret_values(manifest()))
    assert KEY not in redacted_yaml(manifest())


def test_what_is_no_secret_stays_readable() -> None:
    shown = yaml.safe_load(redacted_yaml(manifest()))
    container = shown["spec"]["containers"][0]
    env = {entry["name"]: entry for entry in container["env"]}
    assert env["COLOUR"]["value"] == "blue"
    assert env["API_KEY"]["value"] == REDACTED
    assert env["TOKEN"]["valueFrom"]["secretKeyRef"] == {"name": "keys", "key": "token"}
    assert container["args"][:3] == ["--port", "7860", "--api-key"]
    assert shown["metadata"]["annotations"]["note"] == "keep me"
    assert "managedFields" not in shown["metadata"]


def test_the_values_that_logs_must_not_show_are_known() -> None:
    assert secret_values(manifest()) == {KEY}
