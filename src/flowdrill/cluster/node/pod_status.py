"""A pod's status, put together from its containers'."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from flowdrill.cluster.api.resource_types import Json

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(slots=True)
class ContainerState:
    """What is known of one container; changed by who runs it."""

    name: str
    image: str
    state: Json = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Json = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    started: bool = False
    image_id: str = ""
    container_id: str = ""

    @property
    def is_running(self) -> bool:
        """Whether its process runs."""
        return "running" in self.state

    @property
    def exit_code(self) -> int | None:
        """How it has ended, None when it has not."""
        terminated = self.state.get("terminated")
        return None if terminated is None else int(terminated["exitCode"])

    def status(self) -> Json:
        """Return its containerStatus."""
        found = {
            "name": self.name, "state": self.state, "lastState": self.last_state, "ready": self.ready,
            "restartCount": self.restarts, "image": self.image, "imageID": self.image_id, "started": self.started,
        }  # fmt: skip
        return found | ({"containerID": self.container_id} if self.container_id else {})


def state_from(name: str, image: str, status: Json | None) -> ContainerState:
    """Return the state that an earlier life of the cluster has left."""
    if status is None:
        return ContainerState(name, image)
    last = status.get("lastState") or {}
    return ContainerState(
        name, image, status.get("state") or {"waiting": {"reason": "ContainerCreating"}}, last,
        status.get("restartCount", 0), False, False, status.get("imageID", ""), status.get("containerID", ""),
    )  # fmt: skip


def pod_status(
    pod: Json, initial: list[ContainerState], main: list[ContainerState], address: str, node: str, now: datetime
) -> Json:
    """Return the whole status. Transition times stay where nothing turned."""
    before, stamp = pod.get("status") or {}, now.strftime(_TIME)
    initialized = all(one.exit_code == 0 for one in initial)
    ready = bool(main) and all(one.ready for one in main)
    phase = _phase(pod, initial, main)
    completed = "PodCompleted" if phase == "Succeeded" else None
    unready = [one.name for one in main if not one.ready]
    why = completed or "ContainersNotReady"
    message = None if completed else f"containers with unready status: [{' '.join(unready)}]"
    wanted: list[tuple[str, bool, str | None, str | None]] = [
        (
            "Initialized",
            initialized or completed is not None,
            None if initialized else "ContainersNotInitialized",
            None,
        ),
        ("Ready", ready, None if ready else why, None if ready else message),
        ("ContainersReady", ready, None if ready else why, None if ready else message),
        ("PodScheduled", True, None, None),
    ]
    known = {one["type"]: one for one in before.get("conditions") or ()}
    status: Json = {
        "phase": phase,
        "conditions": [_condition(known.get(one[0]), *one, stamp) for one in wanted],
        "hostIP": node, "hostIPs": [{"ip": node}], "podIP": address, "podIPs": [{"ip": address}],
        "startTime": before.get("startTime", stamp), "qosClass": before.get("qosClass", "BestEffort"),
    }  # fmt: skip
    if initial:
        status["initContainerStatuses"] = [one.status() for one in initial]
    status["containerStatuses"] = [one.status() for one in main]
    return status


def _phase(pod: Json, initial: list[ContainerState], main: list[ContainerState]) -> str:
    policy = pod["spec"].get("restartPolicy", "Always")
    if policy == "Never" and any(one.exit_code not in (None, 0) for one in initial):
        return "Failed"
    ends = [one.exit_code for one in main]
    if (
        ends
        and all(code is not None for code in ends)
        and ("deletionTimestamp" in pod["metadata"] or policy != "Always")
    ):
        if all(code == 0 for code in ends):
            return "Succeeded"
        if policy == "Never" or "deletionTimestamp" in pod["metadata"]:
            return "Failed"
    if any(one.is_running or one.restarts or one.exit_code is not None for one in main):
        return "Running"
    return "Pending"


def _condition(before: Json | None, kind: str, good: bool, reason: str | None, text: str | None, stamp: str) -> Json:
    status = "True" if good else "False"
    since = before["lastTransitionTime"] if before is not None and before.get("status") == status else stamp
    found: Json = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": since}
    return found | ({"reason": reason} if reason else {}) | ({"message": text} if text else {})
