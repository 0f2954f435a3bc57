"""What `chaos discover flowdrill` prints."""

from importlib.metadata import version
from typing import Any

from chaoslib.discovery.discover import discover_actions, discover_probes, initialize_discovery_result

__all__ = ["discovered"]


def discovered() -> dict[str, Any]:
    """Return every action and probe, with its arguments, as chaoslib wants them. Of the system there is nothing to
    discover: which workload a drill is about is in its file."""
    found = initialize_discovery_result("flowdrill", version("flowdrill"), "langflow")
    found["activities"].extend(discover_actions("flowdrill.chaos.actions"))
    found["activities"].extend(discover_probes("flowdrill.chaos.probes"))
    return dict(found)
