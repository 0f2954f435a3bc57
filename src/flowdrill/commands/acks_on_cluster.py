"""`ack --context`: an acknowledgement by way of the cluster. Apart, since Kubernetes' client alone takes a second."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime

from pydantic import ValidationError

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.people import fitting, this_user
from flowdrill.edges.kubernetes.lease_ack import acknowledge_on_lease
from flowdrill.edges.people.messages import LONGEST_NAME, LONGEST_TEXT
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.model.drill import Target


def ack(options: argparse.Namespace) -> ExitCode:
    """Acknowledge the failure on the drill's Lease."""
    if None in (options.context, options.namespace, options.workload) or options.run_folder is not None:
        raise PlanError(
            "--context, --namespace and --workload need each other, and no RUN_FOLDER",
            "give all three for a drill on a cluster, or a RUN_FOLDER for one on this host",
        )
    try:
        target = Target(namespace=options.namespace, workload=options.workload)
    except ValidationError as error:
        raise PlanError(f"--{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}", "name what there is") from error
    by = fitting(options.by or this_user(), LONGEST_NAME, "--by") or "somebody"
    note, now = fitting(options.note, LONGEST_TEXT, "the text"), datetime.now(UTC).isoformat()
    run_id = acknowledge_on_lease(options.context, target, by, note, said_at=now, kubeconfig=options.kubeconfig)
    if options.json:
        print(json.dumps({"run_id": run_id, "words": f"acknowledged by {by}", "since_break_seconds": None}))
    else:
        print(visible(f"acknowledged by {by}: written onto the Lease of run {run_id}, where game days look"))
    return ExitCode.PASS
