"""What a cluster forgets within minutes: manifests, events, and the logs of the pods that ran an image."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from flowdrill.analysis.redaction import redact
from flowdrill.edges.kubernetes.api import Api, Json, Query
from flowdrill.edges.kubernetes.pod_log import log_end
from flowdrill.edges.kubernetes.redacted_yaml import redacted_yaml, secret_values
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.snapshot import image_of, is_owned_by, owned_pods
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ClusterError

_LOG_BYTES = 200 * 1024
_MOST_PODS = 10
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

Found = tuple[str, str, str]  # file name, what it shows, text


def take_evidence(api: Api, target: FoundTarget, images: tuple[str, ...]) -> tuple[Found, ...]:
    """Return the manifests of the workload, its revisions and the pods that run one of `images`, the events about all
    of them, and those pods' logs, at most the last 200 KiB each. What cannot be read is said in its place."""
    workload, workload_problem = _read(lambda: [api.get(target.path)])
    revisions, revisions_problem = _read(lambda: api.items(target.revisions, target.selector))
    all_pods, pods_problem = _read(lambda: api.items(target.core("pods"), target.selector))
    own_revisions = [one for one in revisions if is_owned_by(one, {target.uid})]
    owner = {"metadata": {"uid": target.uid}}
    running = [
        pod
        for pod in owned_pods(target.kind, owner, revisions, all_pods)
        if image_of(pod["spec"]["containers"], target.container) in images
    ]
    pods, left_out = running[:_MOST_PODS], running[_MOST_PODS:]
    secrets = frozenset[str]().union(*(secret_values(item) for item in [*workload, *own_revisions, *running]))
    about = {target.uid, *(item["metadata"]["uid"] for item in [*own_revisions, *all_pods])}
    found = [
        ("workload.yaml", f"manifest of {target.label}", workload_problem or _documents(workload, secrets)),
        ("revisions.yaml", f"revisions of {target.label}", revisions_problem or _documents(own_revisions, secrets)),
        ("pods.yaml", "pods that run the image", pods_problem or _documents(pods, secrets) + _names(left_out)),
        ("events.txt", "events of the workload, its revisions and pods", redact(_events(api, target, about), secrets)),
        *(log for pod in pods for log in _logs(api, target, pod, secrets)),
    ]
    return tuple((_safe(name), what, text) for name, what, text in found)


def _read(get: Callable[[], list[Json]]) -> tuple[list[Json], str | None]:
    try:
        return get(), None
    except ClusterError as error:
        return [], f"could not be read: {error.problem}\n"


def _documents(items: Iterable[Json], secrets: frozenset[str]) -> str:
    return "---\n".join(redacted_yaml(item, secrets) for item in items) or "# there was none\n"


def _names(left_out: list[Json]) -> str:
    names = ", ".join(str(pod["metadata"]["name"]) for pod in left_out)
    return f"# left out, with their logs: {names}\n" if names else ""


def _events(api: Api, target: FoundTarget, about: set[str]) -> str:
    events, problem = _read(lambda: api.items(target.core("events")))
    # Pods that are gone already are known by their names only: they begin with the workload's name.
    lines = sorted(
        (_when(event), _event_line(event))
        for event in events
        if (object_ := event.get("involvedObject") or {}).get("uid") in about
        or (object_.get("kind") == "Pod" and str(object_.get("name")).startswith(f"{target.name}-"))
    )
    return problem or "".join(line for _, line in lines) or "there was none\n"


def _when(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _event_line(event: Json) -> str:
    about = event.get("involvedObject") or {}
    count = (event.get("series") or event).get("count") or 1
    text = (
        f"{_when(event)} {event.get('type')} {event.get('reason')} {about.get('kind')}/{about.get('name')} "
        f"(x{count}): {event.get('message')}"
    )
    return f"{printable(text)}\n"


def _logs(api: Api, target: FoundTarget, pod: Json, secrets: frozenset[str]) -> Iterable[Found]:
    """Every container's log, and the log before its last restart."""
    name, status = pod["metadata"]["name"], pod.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    restarted = {one.get("name") for one in statuses if one.get("restartCount")}
    for container in [*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"]]:
        of = container["name"]
        query = (("container", of), ("timestamps", "true"), ("tailLines", "5000"))
        path, what = f"{target.core('pods')}/{name}/log", f"log of {name}, container {of}"
        yield f"log-{name}-{of}.txt", what, read_log(api, path, query, secrets)
        if of in restarted:
            text = read_log(api, path, (*query, ("previous", "true")), secrets)
            yield f"log-{name}-{of}-previous.txt", f"{what}, before its last restart", text


def read_log(api: Api, path: str, query: Query, secrets: frozenset[str]) -> str:
    """Return the end of a log, at most 200 KiB of it, without secrets; why it cannot be read, in its place."""
    try:
        kept = log_end(api, path, query, 2 * _LOG_BYTES)
    except ClusterError as error:
        return f"could not be read: {error.problem}\n"
    # Redacted before it is cut, so that the cut cannot leave half a secret that nobody recognizes.
    text = redact(kept.decode("utf-8", "replace"), secrets)
    cut = text.encode()[-_LOG_BYTES:].decode("utf-8", "ignore")
    return cut if len(cut) == len(text) else f"[only the end]\n{cut}"


def _safe(name: str) -> str:
    return _UNSAFE.sub("_", name)[:200]
