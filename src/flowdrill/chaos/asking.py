"""From the arguments of `record_timeline` to what the drill is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdrill.analysis.redaction import secret_texts
from flowdrill.chaos.own_activities import refuse_missing
from flowdrill.drilling.runs import RunWith
from flowdrill.errors import PlanError
from flowdrill.history.sealing import take_signing_key
from flowdrill.preparing.drill_file import DrillFile, plan_of
from flowdrill.preparing.opening import Cluster

TEXTS = ("drill", "kube_context", "kubeconfig", "out")
_NAME = "record_timeline"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an experiment asks for."""

    plan: DrillFile
    where: Cluster
    run: RunWith
    experiment: Json
    dry: bool = False


def check_arguments(arguments: Mapping[str, Any]) -> None:
    """PlanError when one is missing, none of its own, or no text."""
    others = sorted(set(arguments) - {*TEXTS, "approved"})
    if others:
        raise PlanError(f"{_NAME}: there is no argument {others[0]!r}", f"there are {', '.join(TEXTS)}, approved")
    for name in TEXTS:
        if not isinstance(arguments.get(name, ""), str):
            raise PlanError(f"{_NAME}: argument {name!r} is no text", "write it in quotes; leave it empty for none")
    if not arguments.get("drill"):
        raise PlanError(
            f"{_NAME}: its argument 'drill' is missing", "name a drill file: `drill: drills/edge-missing.yaml`"
        )
    digests = arguments.get("approved", [])
    if not isinstance(digests, list) or not all(isinstance(one, str) for one in digests):
        raise PlanError(f"{_NAME}: 'approved' is no list of texts", "list digests that `flowdrill plan` prints")


def asked_of(
    experiment: Json, arguments: Mapping[str, str], approved: list[str], secrets: Mapping[str, str],
    environ: MutableMapping[str, str],
) -> Asked:  # fmt: skip
    """Return what an experiment asks for. Secrets count as the environment's variables of their names. PlanError when
    it cannot be used."""
    for name, text in arguments.items():
        if text.startswith("${") and text.endswith("}"):
            raise PlanError(
                f"{_NAME}: {name}: there is no configuration {text[2:-1]!r}",
                "name it in the experiment's configuration",
            )
    dry = experiment.get("dry") is not None
    context, kubeconfig = arguments["kube_context"] or None, arguments["kubeconfig"] or None
    plan = plan_of(Path(arguments["drill"]))
    refuse_missing(plan.drill.chaos, experiment)
    return Asked(
        plan=plan,
        where=Cluster(context, kubeconfig if context is not None else None, deploys=not dry),
        run=RunWith(
            out=Path(arguments["out"] or "reports"),
            environ={**environ, **secrets},
            approved=tuple(approved),
            hidden=tuple(secret_texts(secrets.values())),
            signing_key=take_signing_key(None, environ),
        ),
        experiment=experiment,
        dry=dry,
    )


def strings_in(secrets: Any) -> dict[str, str]:
    """Return every secret of an experiment by its own name, wherever it lies."""
    return dict(_named(secrets or {}))


def _named(secrets: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in secrets.items():
        if isinstance(value, Mapping):
            yield from _named(value)
        elif isinstance(value, str):
            yield name, value
