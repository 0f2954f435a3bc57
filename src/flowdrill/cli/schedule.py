"""The commands for drills that nobody starts by hand."""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, later

_NEWEST = "1.36"


def add_schedule(commands: Commands) -> None:
    """Add them."""
    command = commands.add_parser(
        "manifests",
        help="print what to apply so that a cluster drills by itself, on a schedule; no cluster is asked",
        description="Prints a namespace, a service account with least-privilege Roles for each workload, a ConfigMap\n"
        "with the drills and all that they refer to, a claim for the reports, a NetworkPolicy, and a CronJob for\n"
        "each drill.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drills", nargs="+", type=Path, metavar="DRILL.yaml")
    command.add_argument("--schedule", required=True, metavar="CRON", help="five fields: '0 9 * * 2' is Tuesday at 9")
    command.add_argument("--namespace", default="flowdrill", metavar="NAME", help="default: %(default)s")
    command.add_argument("--image", metavar="IMAGE", help="flowdrill's own; default: flowdrill:VERSION")
    command.add_argument(
        "--kubernetes", default=_NEWEST, metavar="1.N", help="the cluster's version; default: %(default)s"
    )
    command.add_argument(
        "--time-zone", metavar="ZONE", help="of the schedule; default: the drill's calendar's, else Etc/UTC"
    )
    command.add_argument(
        "--storage", default="2Gi", metavar="SIZE", help="of the claim for reports, or none; default: %(default)s"
    )
    command.add_argument(
        "--push-report", action="store_true", help="each run pushes its report to the registry, beside the stable image"
    )
    command.add_argument(
        "--registry", metavar="HOST[:PORT]", help="of the images, for the NetworkPolicy; default: any at port 443"
    )
    command.add_argument(
        "--reach",
        action="append",
        default=[],
        metavar="HOST[:PORT]",
        help="what else is reached, such as the webhook's host, for the NetworkPolicy",
    )
    command.add_argument(
        "--api-server", action="append", default=[], metavar="CIDR", help="its addresses, for the NetworkPolicy"
    )
    command.add_argument(
        "--secret", default="flowdrill", metavar="NAME", help="with the API key and others; default: %(default)s"
    )
    command.add_argument(
        "--approved", action="append", default=[], metavar="DIGEST", help="digest of a plan that was approved"
    )
    command.add_argument("--out", type=Path, metavar="FOLDER", help="write files there, with a kustomization.yaml")
    command.set_defaults(call=later("manifests", "manifests"))
