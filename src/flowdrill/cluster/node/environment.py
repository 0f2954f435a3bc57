"""A container's environment, from the image, the pod, and what it refers to."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, SECRETS, SERVICES, Json
from flowdrill.model.resource_quantity import quantity

_REFERENCE = re.compile(r"\$(\$|\(([^()]*)\))")
_NAMED = re.compile(r"(metadata\.(?:labels|annotations))\['([^']*)'\]")


class ConfigError(Exception):
    """What a container's configuration refers to is not there."""


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Return a text with `$(NAME)` filled in; `$$(NAME)` and unknown names stay as text."""

    def value(found: re.Match[str]) -> str:
        if found[1] == "$":
            return "$"
        return known.get(found[2], found[0])

    return _REFERENCE.sub(value, text)


def container_environment(objects: Objects, pod: Json, container: Json, pod_ip: str) -> dict[str, str]:
    """Return the environment that a pod gives a container, without the image's. ConfigError."""
    namespace = pod["metadata"]["namespace"]
    known = _api_address(objects)
    if pod["spec"].get("enableServiceLinks", True):
        known |= _service_links(objects, namespace)
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix") or ""
        for kind, resource in (("configMapRef", CONFIG_MAPS), ("secretRef", SECRETS)):
            if source.get(kind):
                content = _content(objects, resource.kind, namespace, source[kind])
                known |= {f"{prefix}{name}": text for name, text in content.items()}
    for one in container.get("env") or ():
        if not one.get("valueFrom"):
            known[one["name"]] = expanded(one.get("value") or "", known)
        elif (text := _value_from(objects, pod, container, one["valueFrom"], pod_ip)) is not None:
            known[one["name"]] = text  # as it is: a password may have a $ in it
    return known


def field_value(pod: Json, path: str, pod_ip: str) -> str:
    """Return what the downward API gives for a field. ConfigError for one it does not have."""
    meta, spec = pod["metadata"], pod["spec"]
    named = _NAMED.fullmatch(path)
    if named is not None:
        return str((meta.get(named[1].partition(".")[2]) or {}).get(named[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        parts = meta.get(path.partition(".")[2]) or {}
        return "".join(f'{name}="{text}"\n' for name, text in sorted(parts.items()))
    simple = {
        "metadata.name": meta["name"], "metadata.namespace": meta["namespace"], "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""), "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": pod_ip, "status.podIPs": pod_ip, "status.hostIP": (pod.get("status") or {}).get("hostIP", ""),
    }  # fmt: skip
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def resource_value(container: Json, reference: Json) -> str:
    """Return a limit or a request as a number, rounded up, as the downward API does. ConfigError."""
    part, _, name = str(reference.get("resource")).partition(".")
    resources = (container.get("resources") or {}).get(part) or {}
    if part not in ("limits", "requests"):
        raise ConfigError(f"unsupported container resource: {reference.get('resource')}")
    divisor = quantity(reference.get("divisor") or "1") or 1
    return str(math.ceil(quantity(resources.get(name, "0")) / divisor))


def reference_content(objects: Objects, kind: str, namespace: str, name: str) -> dict[str, bytes] | None:
    """Return the content of a ConfigMap or Secret by key, None when there is none."""
    found = objects.find(CONFIG_MAPS if kind == "ConfigMap" else SECRETS, namespace, name)
    if found is None:
        return None
    if kind == "Secret":
        return {key: base64.b64decode(text) for key, text in (found.get("data") or {}).items()}
    plain = {key: str(text).encode() for key, text in (found.get("data") or {}).items()}
    return plain | {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}


def _content(objects: Objects, kind: str, namespace: str, reference: Json) -> dict[str, str]:
    found = reference_content(objects, kind, namespace, str(reference.get("name")))
    if found is None:
        if reference.get("optional"):
            return {}
        raise ConfigError(f'{kind.lower()} "{reference.get("name")}" not found')
    return {key: content.decode("utf-8", "surrogateescape") for key, content in found.items()}


def _value_from(objects: Objects, pod: Json, container: Json, source: Json, pod_ip: str) -> str | None:
    namespace = pod["metadata"]["namespace"]
    if source.get("fieldRef"):
        return field_value(pod, str(source["fieldRef"].get("fieldPath")), pod_ip)
    if source.get("resourceFieldRef"):
        return resource_value(container, source["resourceFieldRef"])
    for part, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        reference = source.get(part)
        if not reference:
            continue
        content = _content(objects, kind, namespace, reference)
        key = str(reference.get("key"))
        if key in content:
            return content[key]
        if not reference.get("optional"):
            raise ConfigError(f"couldn't find key {key} in {kind} {namespace}/{reference.get('name')}")
    return None


def _api_address(objects: Objects) -> dict[str, str]:
    port = str(objects.network.api_port)
    return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port,
            "KUBERNETES_SERVICE_PORT_HTTPS": port}  # fmt: skip


def _service_links(objects: Objects, namespace: str) -> dict[str, str]:
    """The variables of every Service of the namespace, as Docker links had them."""
    found: dict[str, str] = {}
    for service in objects.select(SERVICES, namespace):
        spec = service["spec"]
        address, ports = spec.get("clusterIP"), spec.get("ports") or ()
        if not address or address == "None" or not ports or service["metadata"]["name"] == "kubernetes":
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        first = ports[0]
        found |= {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(first["port"])}
        found[f"{name}_PORT"] = f"tcp://{address}:{first['port']}"
        for port in ports:
            if port.get("name"):
                label = port["name"].upper().replace("-", "_")
                found[f"{name}_SERVICE_PORT_{label}"] = str(port["port"])
            link = f"{name}_PORT_{port['port']}_{port.get('protocol', 'TCP')}"
            found |= {link: f"tcp://{address}:{port['port']}", f"{link}_PROTO": "tcp"}
            found |= {f"{link}_PORT": str(port["port"]), f"{link}_ADDR": address}
    return found
