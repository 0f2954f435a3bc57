"""What a scenario's changes of the workload would be on the one that runs."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.analysis.workload_changes import release_of
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.target import FoundTarget, container_in
from flowdrill.model.json_shapes import inside
from flowdrill.model.release import Release
from flowdrill.model.scenario import WorkloadChanges


def release_on(api: Api, target: FoundTarget, changes: WorkloadChanges, read_source: ReadSource) -> Release:
    """Return the release that `changes` make of the target's container and ConfigMaps as they are now."""
    pod = api.get(target.path)["spec"]["template"]["spec"]
    container = container_in(pod, target)
    names = dict.fromkeys(_mounted_config_maps(pod, container)) if changes.config_map is not None else {}
    texts = {name: _texts(api.get(f"{target.core('configmaps')}/{name}")) for name in names}
    return release_of(changes, container, texts, target.label, read_source)


def _texts(config_map: Json) -> dict[str, str]:
    return {key: text for key, text in inside(config_map, "data").items() if isinstance(text, str)}


def _mounted_config_maps(pod: Json, container: Json) -> Iterable[str]:
    mounted = {mount.get("name") for mount in container.get("volumeMounts") or ()}
    for volume in pod.get("volumes") or ():
        if volume.get("name") in mounted:
            sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
            yield from (str(one["configMap"]["name"]) for one in sources if (one.get("configMap") or {}).get("name"))
