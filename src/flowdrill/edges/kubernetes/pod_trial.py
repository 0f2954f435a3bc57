"""Whether a pod of the workload would be admitted: tried on the API server, which keeps nothing."""

from __future__ import annotations

import json
from typing import Any

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.release import Fields

_OWN_FIELDS = ("labels", "annotations")


def try_pod(api: Api, target: FoundTarget, image: str, fields: Fields) -> None:
    """Create a pod as the workload's controller would, as a dry run; raises what the API server answers. Its labels are
    the template's, so that rules about them are met."""
    template: Any = json.loads(json.dumps(api.get(target.path)["spec"]["template"]))
    container = next(one for one in template["spec"]["containers"] if one["name"] == target.container)
    container["image"] = image
    for name, value in fields.items():
        container[name] = value
        if value is None:
            del container[name]
    meta = {key: (template.get("metadata") or {}).get(key) or {} for key in _OWN_FIELDS}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**meta, "generateName": f"{target.name[:40]}-flowdrill-"},
        "spec": template["spec"],
    }
    api.create(target.core("pods"), pod, dry_run=True)
