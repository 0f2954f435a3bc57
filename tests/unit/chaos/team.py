"""Activities of a team's own, in experiments."""

from __future__ import annotations

import os


def done() -> bool:
    return True


def other() -> bool:
    return True


def answer() -> int:
    return 1


def fail() -> None:
    raise ValueError("it did not work")


def cluster() -> str:
    """Where chaostoolkit-kubernetes would look."""
    return os.environ.get("KUBERNETES_CONTEXT", "") if os.environ.get("KUBECONFIG") == "/the/drills" else "elsewhere"
