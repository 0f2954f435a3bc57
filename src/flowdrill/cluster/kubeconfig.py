"""The kubeconfig of the cluster's administrator."""

from __future__ import annotations

import base64
import json

CONTEXT = "flowdrill"


def kubeconfig_text(api_port: int, ca_certificate: bytes, token: str) -> str:
    """Return a kubeconfig (JSON, which is YAML too) with one context, `flowdrill`."""
    authority = base64.b64encode(ca_certificate).decode()
    cluster = {"server": f"https://127.0.0.1:{api_port}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": f"{CONTEXT}-admin", "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": f"{CONTEXT}-admin"}}],
        "current-context": CONTEXT,
    }
    return json.dumps(config, indent=1) + "\n"
