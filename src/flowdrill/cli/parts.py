"""What several commands of the command line have in common."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
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


def add_store_options(command: argparse._ActionsContainer) -> None:
    """Add the options that say how a store of evidence is reached."""
    command.add_argument(
        "--endpoint-url", metavar="URL", help="of S3-compatible storage; default: $AWS_ENDPOINT_URL, else AWS' own"
    )
    command.add_argument(
        "--plain-http", action="store_true", help="of a registry: HTTP without TLS; always allowed for loopback"
    )
    command.add_argument("--ca-file", metavar="FILE", help="PEM file with the registry's certificate authority")


def add_push_options(command: argparse.ArgumentParser) -> None:
    """Add the options that say where a run that is over is sent."""
    sent = command.add_argument_group("what becomes of a run that is over (docs/evidence.md, docs/reports.md)")
    sent.add_argument(
        "--push-report", action="store_true", help="push archive and report to the registry, beside the stable image"
    )
    sent.add_argument(
        "--push-to", metavar="STORE", help="push archive and report there: s3://BUCKET/PREFIX, or oci://REPOSITORY"
    )
    sent.add_argument(
        "--endpoint-url", metavar="URL", help="with --push-to s3://…; default: $AWS_ENDPOINT_URL, else AWS' own"
    )
    sent.add_argument(
        "--push-metrics", metavar="URL", help="push the run's metrics to this Pushgateway; one that is away only warns"
    )
    sent.add_argument(
        "--metrics-textfile",
        type=Path,
        metavar="DIR",
        help="write the run's metrics there, for node-exporter's textfile collector",
    )
