"""The CronJob of one drill, whose pod meets the restricted Pod Security standard."""

from __future__ import annotations

from typing import Any

from flowdrill.model.scheduled_set import (
    CRON_JOB_V1,
    REPLACEMENT_POLICY,
    TIME_ZONE,
    ScheduledDrill,
    ScheduledSet,
    account_of,
)

DRILLS, REPORTS, LOGIN = "/drills", "/reports", "/registry-login"
REPORTS_CLAIM, LOGIN_SECRET = "flowdrill-reports", "flowdrill-registry-login"
IN_CLUSTER = "(in cluster)"  # as `edges.kubernetes.connect` calls it
_LATE_SECONDS = 600  # a start that the controller has missed by more is left out
_GROUP = 65532  # whose files a claim's are: that of the image's user
_FROM_SECRET = ("FLOWDRILL_SIGNING_KEY", "FLOWDRILL_WEBHOOK_URL", "FLOWDRILL_WEBHOOK_KEY")  # used where they are there

Json = dict[str, Any]


def drills_map(wanted: ScheduledSet) -> str:
    """Return the name of the ConfigMap with the drills: another set's must not take its place."""
    return f"flowdrill-drills-{wanted.identity}"


def cron_job(wanted: ScheduledSet, one: ScheduledDrill, items: list[Json], labels: Json) -> Json:
    """Return it. `items`: which key of the ConfigMap is which file."""
    named = {**labels, "dev.flowdrill/drill": one.drill.drill}
    zone = {"timeZone": wanted.time_zones[one.drill.drill]} if wanted.minor >= TIME_ZONE else {}
    return {
        "apiVersion": "batch/v1" if wanted.minor >= CRON_JOB_V1 else "batch/v1beta1",
        "kind": "CronJob",
        "metadata": {"name": one.cron_job, "namespace": wanted.namespace, "labels": named},
        "spec": {
            "schedule": wanted.cron.text,
            **zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _LATE_SECONDS,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 5,
            "jobTemplate": {
                "metadata": {"labels": named},
                "spec": {
                    "backoffLimit": 0,  # a drill that failed has a result: it is not tried until it passes
                    "activeDeadlineSeconds": one.longest_seconds,
                    # no other pod while one that was told to end puts everything back
                    **({"podReplacementPolicy": "Failed"} if wanted.minor >= REPLACEMENT_POLICY else {}),
                    "template": {
                        "metadata": {
                            "labels": named,
                            "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"},
                        },
                        "spec": _pod(wanted, one, items),
                    },
                },
            },
        },
    }


def _pod(wanted: ScheduledSet, one: ScheduledDrill, items: list[Json]) -> Json:
    login = {"secretName": LOGIN_SECRET, "optional": True}
    login_items = [{"key": ".dockerconfigjson", "path": "config.json"}]
    claim = {"persistentVolumeClaim": {"claimName": REPORTS_CLAIM}} if wanted.storage is not None else {"emptyDir": {}}
    return {
        "restartPolicy": "Never",
        "serviceAccountName": account_of(one.drill.target),
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": one.put_back_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": _GROUP,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(wanted, one)],
        "volumes": [
            {"name": "drills", "configMap": {"name": drills_map(wanted), "defaultMode": 0o555, "items": items}},
            {"name": "reports", **claim},
            {"name": "registry-login", "secret": {**login, "items": login_items}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _container(wanted: ScheduledSet, one: ScheduledDrill) -> Json:
    arguments = ["run", f"{DRILLS}/{one.path}", "--context", IN_CLUSTER, "--scheduled", "--out", REPORTS]
    arguments += ["--push-report"] if wanted.pushes else []
    for digest in one.approved:
        arguments += ["--approved", digest]
    return {
        "name": "flowdrill",
        "image": wanted.image,
        "command": ["python3", "-m", "flowdrill"],
        "args": arguments,
        "workingDir": DRILLS if wanted.work == "." else f"{DRILLS}/{wanted.work}",
        "env": [
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 - a volume of the pod's own
            {"name": "DOCKER_CONFIG", "value": LOGIN},
            *(_secret(wanted.secret, name, optional=False) for name in one.variables),
            *(_secret(wanted.secret, name, optional=True) for name in _FROM_SECRET if name not in one.variables),
        ],
        # no limit of CPU: a load generator that is throttled sends late, and measures itself
        "resources": {"requests": {"cpu": "500m", "memory": "384Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "drills", "mountPath": DRILLS, "readOnly": True},
            {"name": "reports", "mountPath": REPORTS},
            {"name": "registry-login", "mountPath": LOGIN, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }


def _secret(secret: str, name: str, *, optional: bool) -> Json:
    reference = {"name": secret, "key": name, **({"optional": True} if optional else {})}
    return {"name": name, "valueFrom": {"secretKeyRef": reference}}
