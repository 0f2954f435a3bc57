"""The commands that look, and change nothing: could it be rolled back, by whom, and to what?"""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.fleet import add_choice
from flowdrill.cli.gate import add_candidate
from flowdrill.cli.parts import Commands, add_cluster_options, later

_PREFLIGHT_EXIT_CODES = """exit codes:
  0  every check holds: it could be rolled back now
  1  a check fails; with --strict also: one warns
  2  error in the plan, or something could not be looked at
  3  inconclusive: something could not be found out
"""

_PLAN_EXIT_CODES = """exit codes:
  0  the drill may run, by what is known of it so far
  1  it would be refused as things stand: the page says why
  2  error in the plan, or the cluster could not be looked at
"""

_REACH_EXIT_CODES = """exit codes:
  0  there is an earlier version that everything holds for
  1  there is none
  2  error in the plan, or something could not be looked at
"""

_LEDGER_EXIT_CODES = """exit codes:
  0  done; with verify: the chain is unbroken
  1  with verify: the chain is broken, or the entry named with --head is not in it
  2  error: the ledger cannot be read, or nothing can be added to it
"""


def add_looking(commands: Commands) -> None:
    """Add them."""
    _add_plan(commands)
    _add_preflight(commands)
    _add_reach(commands)
    _add_rbac(commands)
    _add_audit(commands)
    _add_ledger(commands)


def _add_plan(commands: Commands) -> None:
    command = commands.add_parser(
        "plan",
        help="what a drill will do, by whom, how it is undone, and the worst case: the page to be approved",
        description="Prints what a drill will do, in order, with every kind of request that changes something; who\n"
        "does it; how it is undone; and the worst case in minutes, bad requests and error budget. Nothing is\n"
        "changed. With --context, and on an embedded cluster that is up, the target is looked at.",
        epilog=_PLAN_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    add_cluster_options(command)
    command.add_argument("--offline", action="store_true", help="ask no cluster: the page is made from the files alone")
    add_candidate(command.add_argument_group("a gate's drills: those of the suite, and the candidate's (docs/gate.md)"))
    add_choice(command)
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--markdown", action="store_true", help="print it for a pull request, or a ticket")
    command.set_defaults(call=later("plans", "plan"))


def _add_preflight(commands: Commands) -> None:
    command = commands.add_parser(
        "preflight",
        help="could it be rolled back at all? The first phase of a drill, alone; changes nothing",
        epilog=_PREFLIGHT_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    add_cluster_options(command)
    command.add_argument("--strict", action="store_true", help="a warning counts as a finding, too")
    command.add_argument("--json", action="store_true", help="print everything as JSON on stdout")
    command.set_defaults(call=later("preflights", "preflight"))


def _add_reach(commands: Commands) -> None:
    command = commands.add_parser(
        "reach",
        help="how far back can it be rolled right now? One row a version; changes nothing",
        epilog=_REACH_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    add_cluster_options(command)
    form = command.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print it as JSON")
    form.add_argument("--markdown", action="store_true", help="print it as a table for a pull request")
    command.set_defaults(call=later("preflights", "reach"))


def _add_rbac(commands: Commands) -> None:
    command = commands.add_parser("rbac", help="print least-privilege manifests for a drill; no cluster is asked")
    command.add_argument("drill", type=Path, metavar="DRILL.yaml")
    command.add_argument(
        "--for",
        required=True,
        dest="role",
        choices=("harness", "on-call", "guard"),
        help="whose rights: flowdrill's own, those of whoever rolls back, or those of the guard in the cluster",
    )
    command.add_argument(
        "--subject",
        metavar="NAME",
        help="a user, system:serviceaccount:NAMESPACE:NAME or group:NAME; default: the drill's rollback.as, for the "
        "harness a service account `flowdrill` in the target's namespace, and for the guard the one of "
        "guard.in_cluster; both are printed, too",
    )
    command.add_argument("--json", action="store_true", help="print them as one List")
    command.set_defaults(call=later("access", "rbac"))


def _add_audit(commands: Commands) -> None:
    audit = commands.add_parser("audit", help="what a drill would check, for many workloads at once; changes nothing")
    kinds = audit.add_subparsers(title="commands", required=True, metavar="COMMAND")
    images = kinds.add_parser(
        "images",
        help="are the images retained that any LangFlow workload may have to be rolled back to?",
        epilog=_PREFLIGHT_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = images.add_mutually_exclusive_group(required=True)
    where.add_argument("--namespace", metavar="NAME", help="of one namespace")
    where.add_argument("--all", action="store_true", help="of the whole cluster")
    add_cluster_options(images)
    images.add_argument("--plain-http", action="store_true", help="registries without TLS; always allowed for loopback")
    images.add_argument("--ca-file", metavar="FILE", help="PEM file with the registries' certificate authority")
    images.add_argument(
        "--tier", choices=("exists", "complete", "bytes"), default="complete", help="how far to look; default: complete"
    )
    images.add_argument("--json", action="store_true", help="print everything as JSON on stdout")
    images.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit file")
    images.set_defaults(call=later("audits", "images"))


def _add_ledger(commands: Commands) -> None:
    ledger = commands.add_parser("ledger", help="which images are verified stable, since when, and by which run")
    kinds = ledger.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, about in (
        ("list", "list every entry, and the hash of the last one"),
        ("verify", "check the chain, from the first entry to the last"),
        ("add", "add an image that you have verified"),
    ):
        command = kinds.add_parser(
            name, help=about, epilog=_LEDGER_EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        command.add_argument("drill", type=Path, metavar="DRILL.yaml", help="its target's ledger is meant")
        add_cluster_options(command)
        command.add_argument("--json", action="store_true", help="print the answer as JSON")
        command.set_defaults(call=later("ledgers", "list_all" if name == "list" else name))
        if name == "verify":
            command.add_argument("--head", metavar="HASH", help="a head seen earlier, which must still be in the chain")
        if name == "add":
            what = command.add_mutually_exclusive_group(required=True)
            what.add_argument("--image", metavar="IMAGE[@DIGEST]", help="the registry must hold it")
            what.add_argument("--running", action="store_true", help="what the workload runs now")
            command.add_argument("--note", default="", metavar="TEXT", help="why it is taken for stable")
