"""What makes one drill many workloads' drill."""

from __future__ import annotations

import argparse


def add_choice(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Add the options that say which workloads are meant, in kubectl's words; return their group."""
    fleet = command.add_argument_group("many workloads (docs/fleet.md)")
    fleet.add_argument(
        "-l", "--selector", metavar="SELECTOR", help="the Deployments and StatefulSets with these labels: app=langflow"
    )
    fleet.add_argument("-n", "--namespace", metavar="NAME", help="of this namespace; default: the drill's own")
    fleet.add_argument("-A", "--all-namespaces", action="store_true", help="of every namespace")
    fleet.add_argument(
        "--url",
        metavar="URL",
        help="where the users of each are, instead of load.url: with {namespace}, {name}, or of the Service that "
        "selects its pods {service}, {port}, {cluster_ip}, {node_port}",
    )
    return fleet


def add_fleet(command: argparse.ArgumentParser) -> None:
    """Add them, and how many are drilled at once."""
    fleet = add_choice(command)
    fleet.add_argument(
        "--parallel", type=int, metavar="K", help="so many drills at once, one in a namespace; default: 1"
    )
    fleet.add_argument("--fail-fast", action="store_true", help="start no more after the first that does not pass")
