"""What several commands of the command line have in common."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

Commands = Any  # argparse's type of `add_subparsers` is private


def later(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """Return a call of a command whose module is imported then: Kubernetes' client alone takes a second."""

    def call(options: argparse.Namespace) -> int:
        command: Callable[[argparse.Namespace], int] = getattr(
            importlib.import_module(f"flowdrill.commands.{module}"), name
        )
        return command(options)

    return call


def add_cluster_options(command: argparse.ArgumentParser) -> None:
    """Add the options that name a cluster."""
    command.add_argument(
        "--context",
        metavar="NAME",
        help="kubeconfig context of the cluster; default: the embedded cluster, never the kubeconfig's current context",
    )
    command.add_argument("--kubeconfig", metavar="FILE", help="default: $KUBECONFIG, then ~/.kube/config")
