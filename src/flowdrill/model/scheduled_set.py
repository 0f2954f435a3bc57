"""What `flowdrill manifests` is asked for: drills that a cluster carries out by itself, on a schedule."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from flowdrill.model.cron import Cron
from flowdrill.model.drill import Drill, Target

# of Kubernetes 1.x: the first that is served, and when what came
FIRST_MINOR, CRON_JOB_V1, TIME_ZONE, REPLACEMENT_POLICY = 20, 21, 27, 29
_RESTORE_SECONDS = 300.0  # what putting back gets at least (engine.restore.LEAST_LIMIT_SECONDS)
_CLEAN_UP_SECONDS = 300.0  # images, the provider, the guard's Job, and looking whether all is as before
_REPORT_SECONDS = 120.0  # writing it, and pushing it
_LONGEST_CRON_JOB = 52  # characters: the controller adds eleven to name its Jobs
_NO_NAME = re.compile(r"[^a-z0-9.-]")


@dataclass(frozen=True, slots=True)
class ScheduledDrill:
    """One drill of the set. `path`: its file below the folder of all files."""

    drill: Drill
    path: str
    approved: tuple[str, ...]

    @property
    def cron_job(self) -> str:
        """Its CronJob's name."""
        return cron_job_name(self.drill.drill)

    @property
    def put_back_seconds(self) -> int:
        """How long a pod that is told to end may take until everything is as before, and reported."""
        return round(max(self.drill.rollback.limit, _RESTORE_SECONDS) + _CLEAN_UP_SECONDS + _REPORT_SECONDS)

    @property
    def longest_seconds(self) -> int:
        """How long its Job may take: the wait for the surprise, the drill's own limit, and putting back."""
        calendar = self.drill.calendar
        jitter = (calendar.jitter or 0.0) if calendar is not None else 0.0
        return round(jitter + self.drill.wall_clock_limit_seconds) + self.put_back_seconds

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables with secrets that it names."""
        detect, load = self.drill.detect, self.drill.load
        named = [load.api_key_from]
        for one in (detect.prometheus, detect.alertmanager):
            named += [] if one is None else [one.bearer_token_from, one.password_from]
        return tuple(sorted({name for name in named if name is not None}))

    @property
    def urls(self) -> tuple[str, ...]:
        """What it asks over HTTP, beside the API server and the registry."""
        detect = self.drill.detect
        others = [one.url for one in (detect.prometheus, detect.alertmanager) if one is not None]
        return (self.drill.load.url, *others)


@dataclass(frozen=True, slots=True)
class ScheduledSet:
    """Everything that the manifests are made from."""

    drills: tuple[ScheduledDrill, ...]
    files: Mapping[str, bytes]  # by their paths below the folder of all files
    work: str  # the working folder, below it; "." for itself
    cron: Cron
    time_zones: Mapping[str, str]  # by the drill's name; what its CronJob goes by, where the cluster can
    namespace: str
    image: str
    minor: int  # of Kubernetes 1.x
    storage: str | None  # the claim's size; None: reports are kept nowhere but where they are pushed
    pushes: bool
    registry: tuple[str, int] | None  # host and port; None: not known
    others: tuple[tuple[str, int], ...]  # what else is reached: the webhook
    api_servers: tuple[str, ...]  # CIDRs; empty: not known
    secret: str  # with the variables, the signing key, and the webhook

    @property
    def identity(self) -> str:
        """What tells it from other sets, in its own namespace and in those it drills: it stays while the same drills
        are applied anew, so that nothing old is left beside."""
        return short_digest(self.namespace, *sorted(one.drill.drill for one in self.drills))

    @property
    def targets(self) -> tuple[Target, ...]:
        """Each workload once, whatever container is meant."""
        found = {(one.drill.target.namespace, one.drill.target.workload): one.drill.target for one in self.drills}
        return tuple(found[key] for key in sorted(found))

    def of_target(self, target: Target) -> tuple[ScheduledDrill, ...]:
        """Return the drills of a workload."""
        key = target.namespace, target.workload
        return tuple(one for one in self.drills if (one.drill.target.namespace, one.drill.target.workload) == key)


def cron_job_name(drill: str) -> str:
    """Return the name of the CronJob of the drill that is called so."""
    return cut(f"flowdrill-{drill}", _LONGEST_CRON_JOB)


def account_of(target: Target) -> str:
    """Return the service account that drills a workload. Each has its own, with the rights for that one alone."""
    return cut(f"flowdrill-{target.namespace}-{target.kind}-{target.name}", 63)


def short_digest(*parts: str) -> str:
    """Return eight hexadecimal digits that stand for these names together."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def cut(name: str, longest: int) -> str:
    """Return a name that Kubernetes takes: the name itself, or its begin and a digest of it."""
    safe = _NO_NAME.sub("-", name).strip("-.")
    if safe == name and len(name) <= longest:
        return name
    return f"{safe[: longest - 9].rstrip('-.')}-{short_digest(name)}"


def host_and_port(url: str) -> tuple[str, int]:
    """Return where a URL leads."""
    parts = urlsplit(url)
    return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)


def namespaces_of(one: ScheduledSet) -> Iterator[str]:
    """Yield the namespaces that are drilled, each once."""
    yield from sorted({drill.drill.target.namespace for drill in one.drills})
