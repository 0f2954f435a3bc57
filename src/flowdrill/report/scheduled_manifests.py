"""The manifests with which a cluster drills by itself, ready for `kubectl apply -f -` or kustomize."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flowdrill.model.scheduled_set import CRON_JOB_V1, TIME_ZONE, ScheduledSet
from flowdrill.report.cron_job import LOGIN_SECRET, REPORTS_CLAIM, cron_job, drills_map
from flowdrill.report.network_policy import network_policy
from flowdrill.report.safe_text import visible_text
from flowdrill.report.yaml_text import yaml_text

Json = dict[str, Any]
LABELS = {"app.kubernetes.io/managed-by": "flowdrill", "app.kubernetes.io/name": "flowdrill"}
_KEY = re.compile(r"[^-._a-zA-Z0-9]")
_LONGEST_KEY = 200
_LEVELS = ("enforce", "audit", "warn")


def manifest_files(wanted: ScheduledSet, roles: Sequence[str]) -> dict[str, str]:
    """Return the manifests by the name of their file, in the order in which they are to be applied. `roles`: texts of
    `rbac_manifests`."""
    keys = keys_of(wanted.files)
    items = [{"key": key, "path": path} for path, key in keys.items()]
    labels = {**LABELS, "dev.flowdrill/set": wanted.identity}  # each set's pods have a policy of their own
    jobs = [cron_job(wanted, one, items, labels) for one in wanted.drills]
    made = {
        "namespace.yaml": _documents((_about_older_sets(wanted), _namespace(wanted.namespace))),
        "rbac.yaml": "---\n".join(_beginning_with_a_document(one) for one in roles),
        "drills.yaml": _documents(("", _config_map(wanted, keys, labels))),
        "reports.yaml": _documents(("", _claim(wanted))) if wanted.storage is not None else "",
        "network-policy.yaml": _documents((_about_policy(wanted), network_policy(wanted, labels))),
        "cron-jobs.yaml": _documents(*((_about_job(wanted, job), job) for job in jobs)),
    }
    return {name: text for name, text in made.items() if text}


def as_one_text(files: Mapping[str, str]) -> str:
    """Return them as one text of several documents."""
    return "---\n".join(files.values())


def kustomization(files: Mapping[str, str]) -> str:
    """Return the kustomization.yaml beside them."""
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return yaml_text({**head, "resources": list(files)})


def keys_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return each file's key in the ConfigMap, where a name must not have a slash."""
    keys: dict[str, str] = {}
    for path in files:
        key = _KEY.sub("_", path.replace("/", "__"))
        if key in keys.values() or key != path.replace("/", "__") or len(key) > _LONGEST_KEY or key in (".", ".."):
            key = f"{key[:_LONGEST_KEY].lstrip('.')}.{hashlib.sha256(path.encode()).hexdigest()[:8]}"
        keys[path] = key
    return keys


def _namespace(name: str) -> Json:
    labels = {f"pod-security.kubernetes.io/{level}": "restricted" for level in _LEVELS}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**LABELS, **labels}}}


def _config_map(wanted: ScheduledSet, keys: Mapping[str, str], labels: Json) -> Json:
    texts: dict[str, str] = {}
    others: dict[str, str] = {}
    for path, content in wanted.files.items():
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = "\0"
        if _survives_yaml(text):
            texts[keys[path]] = text
        else:
            others[keys[path]] = base64.b64encode(content).decode()
    meta = {"name": drills_map(wanted), "namespace": wanted.namespace, "labels": labels}
    binary = {"binaryData": others} if others else {}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": texts, **binary}


def _survives_yaml(text: str) -> bool:
    """Whether every reader of YAML gives back each byte: line ends, and what cannot be printed, may be changed."""
    return all(one.isprintable() or one == "\n" for one in text)


def _claim(wanted: ScheduledSet) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": REPORTS_CLAIM, "namespace": wanted.namespace, "labels": LABELS},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": wanted.storage}}},
    }


def _about_older_sets(wanted: ScheduledSet) -> str:
    """What is applied replaces what has the same name, and takes nothing away."""
    others = f"dev.flowdrill/set,dev.flowdrill/set!={wanted.identity}"
    return (
        f"# This set is {wanted.identity}. What was applied with other drills stays, and its CronJobs go on drilling\n"
        "# until somebody deletes them. All that is of other sets, older ones of this one among them:\n"
        f"#   kubectl -n {wanted.namespace} get cronjobs,configmaps,networkpolicies -l '{others}'\n"
        "# Rights that flowdrill's manifests have given, in any namespace:\n"
        "#   kubectl get roles,rolebindings,serviceaccounts -A -l app.kubernetes.io/managed-by=flowdrill\n"
    )


def _about_policy(wanted: ScheduledSet) -> str:
    lines = ["# A cluster whose network plugin knows no NetworkPolicy takes this, and lets everything through."]
    if not wanted.api_servers:
        lines.append("# The API server's address is not known: --api-server CIDR makes its rule narrower.")
    if wanted.minor < CRON_JOB_V1:
        lines.append("# Before Kubernetes 1.21 namespaces do not bear kubernetes.io/metadata.name by themselves: label")
        lines.append("# those that are drilled.")
    return "\n".join(lines) + "\n"


def _about_job(wanted: ScheduledSet, job: Json) -> str:
    lines = [
        f"# By hand: kubectl -n {wanted.namespace} create job --from=cronjob/{job['metadata']['name']} drill-now",
        f"# A registry that asks for a login: a Secret {LOGIN_SECRET} of type kubernetes.io/dockerconfigjson.",
    ]
    if wanted.minor < CRON_JOB_V1:
        lines[0] += " (kubectl 1.24 or older)"
    if wanted.minor < TIME_ZONE:
        lines.append(
            "# No timeZone before Kubernetes 1.27: the schedule goes by the clock of kube-controller-manager, UTC as a"
        )
        lines.append("# rule. The calendar in the drill has a zone of its own, and holds all the same.")
    return "\n".join(lines) + "\n"


def _documents(*parts: tuple[str, Json]) -> str:
    return "---\n".join(f"{comment}{yaml_text(value)}" for comment, value in parts)


def _beginning_with_a_document(text: str) -> str:
    head, _, rest = text.partition("\n---\n")
    return f"{visible_text(head)}\n{rest}"
