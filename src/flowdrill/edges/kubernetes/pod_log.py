"""Reading the end of a container's log."""

from __future__ import annotations

import re

from flowdrill.edges.kubernetes.api import Api, Query
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.errors import ClusterError

# A kubelet that has removed the container already answers 200 and this, where a log would be.
_NO_LOG = re.compile(rb"unable to retrieve container logs for \S+\s*")


def log_end(api: Api, path: str, query: Query, most_bytes: int) -> bytes:
    """Return the last `most_bytes` of a log. ClusterError when it cannot be read, as when its container is gone."""
    kept = bytearray()
    with api.stream(path, query) as log:
        for chunk in log.chunks():
            kept += chunk
            if len(kept) > 2 * most_bytes:
                del kept[:-most_bytes]
    if len(kept) < 1000 and _NO_LOG.fullmatch(kept):
        raise ClusterError(f"GET {path}: {printable(kept.decode('utf-8', 'replace'))}", "its container is gone")
    return bytes(kept[-most_bytes:])
