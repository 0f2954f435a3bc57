"""A URL with names in braces, such as `http://{name}.{namespace}.svc:7860`: one drill, the users of many workloads."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{([^{}]*)\}")
OF_WORKLOAD = ("namespace", "name", "kind")  # what the plan itself says
OF_SERVICE = ("service", "port", "cluster_ip", "node_port")  # what the cluster says of the Service before the pods
PLACES = (*OF_WORKLOAD, *OF_SERVICE)
_PORTS = ("port", "node_port")


def places_in(url: str) -> tuple[str, ...]:
    """Return the names in braces, as written."""
    return tuple(_PLACE.findall(url))


def put_in(url: str, values: Mapping[str, str]) -> str:
    """Return the URL with what is known put in; the rest stays as it is."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), url)


def example_of(url: str) -> str:
    """Return a URL as it may become; ValueError names what in braces is no name."""
    unknown = [one for one in places_in(url) if one not in PLACES]
    if unknown:
        braces = ", ".join(f"{{{one}}}" for one in PLACES)
        raise ValueError(f"{{{unknown[0]}}} stands for nothing: use {braces}")
    return put_in(url, {one: "80" if one in _PORTS else "a" for one in PLACES})
