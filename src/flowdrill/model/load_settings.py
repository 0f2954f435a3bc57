"""What a Locust process is told, in one environment variable. Both sides import this: the standard library only."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from flowdrill.model.route import Route

LOAD_VARIABLE = "FLOWDRILL_LOAD"
# A plan may not ask for more open requests than this: each one needs a socket, and most hosts allow a process few more.
MAX_IN_FLIGHT = 10_000
MOST_PER_SECOND = 1000  # that one process sends on time, and tells of


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """One Locust process's orders. Holds the name of the API key's environment variable, never the key."""

    url: str
    route: Route
    flow: str
    input: str
    expect: str
    api_key_from: str | None
    requests_per_second: float
    timeout_seconds: float  # of one request, from its first byte sent to its last byte received
    requests_per_connection: int
    records_fd: int  # the inherited end of the pipe that records go into
    harness_pid: int | None  # whose end ends this process too; None: it is on another machine
    samples_path: str  # JSON lines of bad answers are appended here; not by workers, which tell the master
    stop_grace_seconds: float  # how long requests under way may still take after SIGTERM
    workers: int | None = None  # how many share the load; then the master's `records_fd` takes frames instead
    latency_objective_seconds: float | None = None  # that workers count by

    def to_json(self) -> str:
        """Return the settings as one JSON object."""
        return json.dumps(asdict(self))


def load_settings_from_json(text: str) -> LoadSettings:
    """Return the settings that `to_json` wrote; ValueError when `text` has other keys, another route, or is no JSON."""
    parsed = json.loads(text)
    if not isinstance(parsed, dict) or parsed.keys() != {field.name for field in fields(LoadSettings)}:
        raise ValueError(f"needs a JSON object with exactly the keys {', '.join(f.name for f in fields(LoadSettings))}")
    return LoadSettings(**{**parsed, "route": Route(parsed["route"])})
