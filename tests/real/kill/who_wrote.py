"""Who has written to the namespace, by the API server's audit log: never the harness and its guard at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROCESS = re.compile(r"^flowdrill \(process (\d+)\)")


@dataclass(frozen=True)
class Write:
    """A request that was accepted, and changed something."""

    received: str  # UTC; of one host, and so in order
    process: int
    verb: str
    what: str

    @property
    def is_of_the_lease(self) -> bool:
        return self.what.startswith("leases/")

    def __str__(self) -> str:
        return f"{self.received} process {self.process} {self.verb} {self.what}"


def writes_of_flowdrill(audit_log: Path, namespace: str, since: str) -> list[Write]:
    """Every accepted write of a flowdrill process to the namespace, in order."""
    found: list[Write] = []
    for path in (audit_log.with_name(f"{audit_log.name}.1"), audit_log):
        if path.is_file():
            found += filter(None, (_write(json.loads(line), namespace) for line in path.read_text().splitlines()))
    return sorted((one for one in found if one.received >= since), key=lambda one: one.received)


def _write(event: dict[str, Any], namespace: str) -> Write | None:
    about, agent = event["objectRef"], _PROCESS.match(event["userAgent"])
    accepted = 200 <= (event["responseStatus"]["code"] or 0) <= 299
    if agent is None or not accepted or about.get("namespace") != namespace or "dryRun=" in event["requestURI"]:
        return None
    what = f"{about['resource']}/{about.get('name', '')}"
    return Write(event["requestReceivedTimestamp"], int(agent[1]), event["verb"], what)


def both_acting(writes: list[Write]) -> list[str]:
    """What shows that two processes acted at once: each may write in one stretch only, which begins with the Lease."""
    found, seen, before = list[str](), set[int](), None
    for one in writes:
        if one.process != before:
            if one.process in seen:
                found.append(f"writes again after another: {one}")
            if not one.is_of_the_lease:
                found.append(f"writes without having taken the Lease: {one}")
            seen.add(one.process)
        before = one.process
    return found
