"""`audit images`: are the images retained that any LangFlow workload may have to be rolled back to?"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import running_cluster
from flowdrill.cluster.state_folder import default_state_folder
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.verdict_codes import CODE_OF_VERDICT
from flowdrill.drilling.auditing import AuditOrder, audit_images
from flowdrill.edges.terminal.consoles import console_of_errors, say_on
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import ClusterError, RunFolderError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_health import Tier
from flowdrill.model.policy import PolicyPlan
from flowdrill.report.audit_text import render_audit, render_audit_junit


def images(options: argparse.Namespace) -> ExitCode:
    """Look, and print the table, JSON, or JUnit beside it."""
    context, kubeconfig = options.context, options.kubeconfig
    if context is None:
        context, kubeconfig = _embedded()
    access = RegistryAccess(plain_http=options.plain_http, ca_file=options.ca_file)
    policy = PolicyPlan(tier=Tier(options.tier))
    say = say_on(console_of_errors())

    def told(done: int, total: int) -> None:
        if sys.stderr.isatty():
            say(f"{done} of {total} workloads")

    audit = audit_images(AuditOrder(context, kubeconfig, options.namespace, access, policy), told)
    if options.junit is not None:
        _write(options.junit, render_audit_junit(audit))
    if options.json:
        print(audit.model_dump_json(indent=2, by_alias=True))
    else:
        print(visible(render_audit(audit)), end="")
    return CODE_OF_VERDICT[audit.verdict]


def _embedded() -> tuple[str, str]:
    running = running_cluster(default_state_folder(os.environ))
    if running is None:
        raise ClusterError(
            "audit: no cluster is named, and no embedded cluster is up",
            "name a cluster with --context NAME, or start one with `flowdrill cluster up`",
        )
    return CONTEXT, str(running.folder.kubeconfig)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}", "name a file that can be written: --junit FILE") from error
