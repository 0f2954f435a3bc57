"""`gate`: may this release go?"""

from __future__ import annotations

import argparse
from pathlib import Path

from flowdrill.cli.parts import Commands, add_cluster_options, add_push_options, later

_EXIT_CODES = """exit codes:
  0  pass: the candidate serves, the way back from it holds, and so does every drill of the suite; with --evidence:
     a signed, passing drill is there
  1  fail: one of these does not hold; with --evidence: there is no such drill
  2  error: a drill could not begin, a plan cannot be used, or the evidence cannot be read
  3  inconclusive: nobody knows, which blocks unless the suite says `inconclusive: allow`; with --evidence: such a
     drill is there, and no --key was given to check who says so
  129, 130, 143  stopped by SIGHUP, SIGINT or SIGTERM, after restoring
"""


def add_gate(commands: Commands) -> None:
    """Add it."""
    command = commands.add_parser(
        "gate",
        help="may this release go? A candidate and a suite of drills, or the evidence of earlier ones: one verdict",
        description="Rolls the candidate out over the stable image under load, rolls it back, and carries out the "
        "suite's drills: one verdict. With --evidence it runs nothing, and asks recorded runs.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("suite", type=Path, nargs="?", metavar="SUITE.yaml", help="a suite, or one drill")
    add_cluster_options(command)
    _add_running(command)
    add_push_options(command)
    _add_evidence(command)
    command.add_argument("--markdown", type=Path, metavar="FILE", help="append a short summary: $GITHUB_STEP_SUMMARY")
    command.add_argument(
        "--annotations", choices=("github",), help="print what does not hold as GitHub's workflow commands, too"
    )
    command.add_argument("--json", action="store_true", help="print the answer as JSON")
    command.set_defaults(call=later("gates", "gate"))


def _add_running(command: argparse.ArgumentParser) -> None:
    run = command.add_argument_group("running drills")
    run.add_argument(
        "--candidate",
        metavar="IMAGE|FLOW.json",
        help="what is to be released: an image, or a flow that takes the place of the stable image's",
    )
    run.add_argument(
        "--candidate-changes",
        type=Path,
        metavar="FILE.yaml",
        help="what the candidate changes beside its image: `env`, `resources` …, as `changes.workload` of a scenario",
    )
    run.add_argument(
        "--rollback-to",
        metavar="IMAGE|FLOW.json",
        help="the stable version; default: what the drill brings along, or what runs on the cluster named by --context",
    )
    run.add_argument("--fail-fast", action="store_true", help="stop at the first drill that does not pass")
    run.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    run.add_argument("--junit", type=Path, metavar="FILE", help="write one JUnit file: a test suite a drill")
    run.add_argument(
        "--approved",
        action="append",
        default=[],
        metavar="DIGEST",
        help="digest of a plan that was approved (`flowdrill plan`): any other is refused; several, one a drill",
    )
    run.add_argument(
        "--sign-key", type=Path, metavar="FILE", help="private key that signs the runs; default: $FLOWDRILL_SIGNING_KEY"
    )


def _add_evidence(command: argparse.ArgumentParser) -> None:
    ask = command.add_argument_group("asking the history")
    ask.add_argument(
        "--evidence",
        metavar="STORE",
        help="run nothing: ask the runs that are kept in DIR, s3://BUCKET/PREFIX, or oci://REPOSITORY",
    )
    ask.add_argument("--image", metavar="DIGEST", help="what a rollback must bring back: sha256:…, or IMAGE@sha256:…")
    ask.add_argument("--not-older-than", default="30d", metavar="DURATION", help="default: 30d")
    ask.add_argument(
        "--plain-http", action="store_true", help="of a registry: HTTP without TLS; always allowed for loopback"
    )
    ask.add_argument("--ca-file", metavar="FILE", help="PEM file with the registry's certificate authority")
    ask.add_argument("--key", type=Path, metavar="FILE", help="the public key of whoever must have signed the run")
