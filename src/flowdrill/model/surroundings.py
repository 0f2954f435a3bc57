"""What a rollback meets on the cluster beside the image: the revisions, and what would fight it."""

from __future__ import annotations

from dataclasses import dataclass

# Opponents that are settings of the workload itself, by the field's name; preflight refuses them on its own
PAUSED = "spec.paused"
ON_DELETE = "spec.updateStrategy.type"
PARTITION = "spec.updateStrategy.rollingUpdate.partition"
OWN_SETTINGS = frozenset({PAUSED, ON_DELETE, PARTITION})


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision that the workload keeps: a ReplicaSet's template, or a ControllerRevision's."""

    name: str  # replicaset/NAME or controllerrevision/NAME
    number: int | None
    image: str  # of the target container; "" where the revision has no such container
    created: str  # UTC, ISO 8601
    current: bool  # what the workload's template is now
    change_cause: str | None
    differences: tuple[str, ...]  # what else than the target container's image a rollback to it would change


@dataclass(frozen=True, slots=True)
class Opponent:
    """Something that would undo, block or slow down a rollback."""

    name: str  # `horizontalpodautoscaler/app`, `argo cd application shop`
    effect: str  # what it does to a rollback, in one sentence
    remedy: str  # "": nothing needs to be done
    blocks: bool  # True: the rollback would not get through, or would not stay


@dataclass(frozen=True, slots=True)
class PullSecret:
    """A secret that the kubelet pulls with. `config` is a Docker configuration (JSON); it stays out of `repr`."""

    name: str
    config: str | None  # None: the secret is not there, or holds none
    problem: str = ""

    def __repr__(self) -> str:
        return f"PullSecret({self.name!r})"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything of the cluster that decides whether a rollback goes through."""

    revisions: tuple[Revision, ...]  # newest first; empty: could not be seen (there is always the present one)
    revision_limit: int  # spec.revisionHistoryLimit: how many old ones are kept
    opponents: tuple[Opponent, ...]
    node_platforms: tuple[str, ...] | None  # os/architecture of every node, distinct; None: not known
    cached_digests: frozenset[str] | None  # that some node has in its cache; None: not known
    pull_secrets: tuple[PullSecret, ...]  # the pod's, or else its service account's; empty: pulls without a login
    unknown: tuple[str, ...] = ()  # what could not be looked at, and why
