"""After any rollback, whoever took it and however: is the pod template the one from before the drill?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.analysis.template_differences import template_differences
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.errors import ClusterError
from flowdrill.model.json_shapes import as_mappings, inside
from flowdrill.model.status import Status


def check_template(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator) -> None:
    """Record `template_as_before`: what the template differs in from the one before the drill. The stable image by its
    digest and as it was written are the same; what the API server fills in does not count."""
    name, required = "template_as_before", "after the rollback the whole pod template is the one from before the drill"
    try:
        now = ports.workload.template()
    except ClusterError as error:
        tell.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
        return
    differences = _differences(order.container, cleared, now)
    tell.check(
        name,
        Status.FAIL if differences else Status.PASS,
        required=required,
        observed="; ".join(differences) or "it is",
        detail="the rollback does not bring all of it back; the restore puts back what the drill has changed"
        if differences
        else "",
    )


def container_of(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the container of this name; an empty one where there is none."""
    containers = as_mappings(inside(template, "spec").get("containers"))
    return next((one for one in containers if one.get("name") == name), {})


def _differences(container: str, cleared: Cleared, now: Mapping[str, Any]) -> list[str]:
    lines = list(template_differences(cleared.template, now, container))
    image = str(container_of(now, container).get("image"))
    if not cleared.stable.is_stable(image):
        lines.insert(0, f"image {cleared.stable.written} -> {image}")
    return lines
