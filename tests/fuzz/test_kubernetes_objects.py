"""Whatever an API server answers, every function that reads it gives a value or one FlowdrillError."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.edges.kubernetes.access_reviews import answers_about, own_answers
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.lease_ack import ACK, _words
from flowdrill.edges.kubernetes.ledger_map import KubernetesLedger
from flowdrill.edges.kubernetes.object_shapes import check_answer
from flowdrill.edges.kubernetes.provider import find_provider
from flowdrill.edges.kubernetes.refusals import refusal
from flowdrill.edges.kubernetes.responder import Responder
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload
from flowdrill.edges.kubernetes.watch_events import watch_event
from flowdrill.edges.kubernetes.watched_state import Source, WatchedState
from flowdrill.edges.kubernetes.workload_search import list_langflow_workloads
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.engine.facts import WorkloadChanged
from flowdrill.errors import FlowdrillError
from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import ProviderPlan, Target
from flowdrill.model.events import WorkloadSeen, event_from_json, event_to_json
from flowdrill.model.scenario import WorkloadChanges
from tests.fuzz.budget import tried
from tests.fuzz.scripted_api import scripted_api
from tests.fuzz.strategies import json_bytes, json_documents, mended, nasty_texts, odd_values, shaken
from tests.unit.kubernetes import objects

Json = dict[str, Any]
SPACE = "/api/v1/namespaces/demo"
APPS = "/apis/apps/v1/namespaces/demo"
TARGET = Target(namespace="demo", workload="deployment/app", container="flow")
DIGEST = objects.DIGEST


def listed(*items: Json) -> Json:
    return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "10"}, "items": list(items)}


def meta(name: str, **more: Any) -> Json:
    return {"name": name, "namespace": "demo", "uid": f"uid-{name}", "resourceVersion": "3", **more}


def _workload() -> Json:
    one = objects.workload(replicas=2, readyReplicas=2, updatedReplicas=2, availableReplicas=2, observedGeneration=3)
    one["metadata"] |= {
        "labels": {"app": "app"}, "annotations": {"deployment.kubernetes.io/revision": "2", "meta.helm.sh/release-name": "r"},
        "managedFields": [{
            "manager": "kubectl-set", "operation": "Update", "time": "2026-01-01T00:00:00Z",
            "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"flow"}': {"f:image": {}}}}}}},
        }],
        "ownerReferences": [{"kind": "Canary", "name": "c", "uid": "u", "controller": True}],
    }  # fmt: skip
    template = one["spec"]["template"]
    template["metadata"] = {"labels": {"app": "app"}}
    template["spec"] |= {
        "volumes": [{"name": "flows", "configMap": {"name": "flows"}}], "imagePullSecrets": [{"name": "pull"}],
        "serviceAccountName": "runner", "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
    }  # fmt: skip
    template["spec"]["containers"][1] |= {
        "env": [{"name": "API_KEY", "value": "hunter22"}, {"name": "LANGFLOW_X", "valueFrom": {"secretKeyRef": {}}}],
        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}, "command": ["lfx", "serve"],
        "volumeMounts": [{"name": "flows", "mountPath": "/app/flows"}], "ports": [{"containerPort": 7860}],
    }  # fmt: skip
    one["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    one["status"]["conditions"] = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
    return one


def _event(reason: str, about: str) -> Json:
    return {
        "metadata": meta(f"event-{reason}"), "reason": reason, "type": "Warning", "message": "Bearer abcdefghijkl",
        "involvedObject": {"kind": "Pod", "name": about, "uid": f"uid-{about}", "fieldPath": "spec.containers{flow}"},
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:01Z", "count": 2,
    }  # fmt: skip


def _quota() -> Json:
    hard = {"pods": "10", "limits.cpu": "4", "requests.memory": "10Gi"}
    return {"metadata": meta("quota"), "spec": {"hard": hard}, "status": {"hard": hard, "used": {"pods": "10"}}}


def _node() -> Json:
    return {
        "metadata": {"name": "node", "uid": "n", "resourceVersion": "1", "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]},
        "status": {
            "nodeInfo": {"operatingSystem": "linux", "architecture": "amd64"},
            "images": [{"names": [f"registry.example/flow@{DIGEST}"], "sizeBytes": 5}],
        },
    }  # fmt: skip


def _spec(name: str, **spec: Any) -> Json:
    return {"metadata": meta(name), "spec": spec}


VALID: dict[str, Json] = {
    f"{APPS}/deployments/app": _workload(),
    f"{APPS}/deployments": listed(_workload()),
    "/apis/apps/v1/deployments": listed(_workload()),
    "/apis/apps/v1/statefulsets": listed(),
    f"{APPS}/statefulsets": listed(),
    f"{APPS}/replicasets": listed(objects.replica_set(replicas=2), objects.replica_set("app-0", revision="1")),
    f"{APPS}/replicasets/app-1": objects.replica_set(replicas=2),
    f"{SPACE}/pods": listed(objects.pod(), objects.pod("app-1-y", waiting={"reason": "CrashLoopBackOff"})),
    f"{SPACE}/events": listed(_event("Pulled", "app-1-x"), _event("Unhealthy", "app-1-y")),
    f"{SPACE}/configmaps/flows": {"metadata": meta("flows"), "data": {"flow.json": '{"data": {"nodes": [], "edges": []}}'}},
    f"{SPACE}/configmaps/ledger": {"metadata": meta("ledger"), "data": {"ledger.jsonl": "{}\n"}},
    f"{SPACE}/secrets/pull": {
        "metadata": meta("pull"), "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": "eyJhdXRocyI6e319"},
    },
    f"{SPACE}/serviceaccounts/runner": {"metadata": meta("runner"), "imagePullSecrets": [{"name": "pull"}]},
    f"{SPACE}/services/model": {
        "metadata": meta("model"), "spec": {"selector": {"app": "model"}, "ports": [{"port": 80, "targetPort": 8000}]},
    },
    f"{SPACE}/resourcequotas": listed(_quota()),
    f"{SPACE}/limitranges": listed(_spec("lr", limits=[{"type": "Container", "default": {"cpu": "1"}}])),
    "/api/v1/nodes": listed(_node()),
    "/api/v1/namespaces/demo": {"metadata": meta("demo")},
    "/apis/discovery.k8s.io": {"versions": [{"version": "v1", "groupVersion": "discovery.k8s.io/v1"}]},
    "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices": listed(objects.endpoint_slice("app-1-x")),
    "/apis/autoscaling/v1/namespaces/demo/horizontalpodautoscalers": listed(
        _spec("hpa", scaleTargetRef={"kind": "Deployment", "name": "app"}, minReplicas=1, maxReplicas=3)
    ),
    "/apis/policy/v1/namespaces/demo/poddisruptionbudgets": listed(_spec("pdb", selector={"matchLabels": {"app": "app"}})),
    "/apis/argoproj.io/v1alpha1/namespaces/demo/rollouts": listed(_spec("ro", workloadRef={"kind": "Deployment", "name": "app"})),
    "/apis/flagger.app/v1beta1/namespaces/demo/canaries": listed(_spec("ca", targetRef={"kind": "Deployment", "name": "app"})),
    "/apis/coordination.k8s.io/v1/namespaces/demo/leases/flowdrill-deployment-app": {
        "metadata": meta("flowdrill-deployment-app", annotations={ACK: '{"by": "ann", "note": "seen"}'}),
        "spec": {"holderIdentity": "run"},
    },
    "/version": {"gitVersion": "v1.30.0", "major": "1", "minor": "30"},
    f"{SPACE}/pods/app-1-x/log": {"log": "line"},
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"status": {"allowed": False, "reason": "no"}},
    "/apis/authorization.k8s.io/v1/namespaces/demo/localsubjectaccessreviews": {"status": {"allowed": True}},
}  # fmt: skip
QUESTION = AccessQuestion("patch", "apps", "deployments", "demo", "app")
Reader = Callable[[Api], object]


def _opened(api: Api) -> KubernetesWorkload:
    return KubernetesWorkload(
        api, objects.DEPLOYMENT, Responder(api), cluster="c", kubernetes_version="v", read_source=lambda name: b""
    )


def _found(api: Api) -> FoundTarget:
    return find_target(api, TARGET, "context")


READERS: dict[str, tuple[Reader, tuple[str, ...]]] = {
    "target": (_found, (f"{APPS}/deployments/app",)),
    "snapshot": (
        lambda api: event_to_json(WorkloadSeen(0, _opened(api).snapshot())),
        (f"{APPS}/deployments", f"{APPS}/replicasets", f"{SPACE}/pods", f"{SPACE}/events", "/apis/discovery.k8s.io",
         "/apis/discovery.k8s.io/v1/namespaces/demo/endpointslices"),
    ),
    "surroundings": (lambda api: _opened(api).surroundings(), tuple(VALID)),
    "pull policy": (lambda api: _opened(api).pull_policy(), (f"{APPS}/deployments/app",)),
    "release": (
        lambda api: _opened(api).release(WorkloadChanges.model_validate({"env": {"set": {"A": "b"}}})),
        (f"{APPS}/deployments/app", f"{SPACE}/configmaps/flows"),
    ),
    "evidence": (
        lambda api: _opened(api).evidence((objects.IMAGE,)),
        (f"{APPS}/deployments/app", f"{APPS}/replicasets", f"{SPACE}/pods", f"{SPACE}/events", f"{SPACE}/pods/app-1-x/log"),
    ),
    "forget image": (
        lambda api: _opened(api).forget_image(objects.IMAGE), (f"{APPS}/deployments/app", f"{APPS}/replicasets"),
    ),
    "undo": (
        lambda api: _opened(api).undo_to("replicaset/app-1", objects.template(), dry_run=True),
        (f"{APPS}/deployments/app", f"{APPS}/replicasets/app-1"),
    ),
    "pod would start": (lambda api: _opened(api).pod_would_start(objects.IMAGE), (f"{APPS}/deployments/app",)),
    "own rights": (
        lambda api: own_answers(api, [QUESTION]), ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",),
    ),
    "others' rights": (
        lambda api: answers_about(api, "demo", ["ann"], QUESTION),
        ("/apis/authorization.k8s.io/v1/namespaces/demo/localsubjectaccessreviews",),
    ),
    "ledger": (
        lambda api: KubernetesLedger(api, "demo", "ledger", lambda: None).read(),  # type: ignore[arg-type,return-value]
        (f"{SPACE}/configmaps/ledger",),
    ),
    "search": (
        lambda api: list_langflow_workloads(api, None), ("/apis/apps/v1/deployments", f"{SPACE}/pods"),
    ),
    "provider": (
        lambda api: find_provider(api, ProviderPlan(workload="deployment/app", container="flow"), TARGET, "c").release("ok"),  # type: ignore[arg-type]
        (f"{APPS}/deployments/app",),
    ),
}  # fmt: skip


def test_every_reader_reads_what_a_good_api_server_answers() -> None:
    api = scripted_api({path: json_bytes(body) for path, body in VALID.items()})
    for name in ("target", "snapshot", "surroundings", "evidence", "own rights", "search"):
        assert READERS[name][0](api)


@pytest.mark.parametrize("name", READERS)
@tried(40)
@given(data=st.data())
def test_what_an_api_server_answers_gives_a_value_or_one_error(name: str, data: st.DataObject) -> None:
    read, paths = READERS[name]
    bodies = {path: json_bytes(body) for path, body in VALID.items()}
    for path in data.draw(st.sets(st.sampled_from(paths), min_size=1, max_size=2)):
        bodies[path] = data.draw(json_documents(VALID[path]) | shaken(VALID[path]).map(json_bytes))
    mended(lambda: read(scripted_api(bodies)), FlowdrillError)


@tried(100)
@given(json_documents({"kind": "Status", "message": 'User "a" cannot patch resource "b" in API group ""', "code": 403}),
       st.integers(100, 599))  # fmt: skip
def test_a_refusal_is_said_on_one_line(body: bytes, status: int) -> None:
    error = refusal(status, body, "GET /", None)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202e\ud800-\udfff]", error.problem)
    assert len(error.problem) < 2000
    mended(lambda: scripted_api({"/version": body}, status).get("/version"), FlowdrillError)


WATCHED = [
    (f"{APPS}/deployments", _workload()),
    (f"{SPACE}/pods", objects.pod()),
    (f"{SPACE}/events", _event("Pulled", "x")),
]


@tried(100)
@given(st.sampled_from(WATCHED).flatmap(
    lambda one: st.tuples(st.just(one[0]), json_documents({"type": "MODIFIED", "object": one[1]}, {"type": "ERROR", "object": {"code": 410}}))
))  # fmt: skip
def test_a_line_of_a_watch_is_an_event_or_one_error(watched: tuple[str, bytes]) -> None:
    mended(lambda: watch_event(*watched), FlowdrillError)


@tried(100)
@given(st.lists(st.sampled_from([
    (Source.WORKLOAD, _workload()), (Source.REVISIONS, objects.replica_set()), (Source.PODS, objects.pod()),
    (Source.PULLED_EVENTS, _event("Pulled", "app-1-x")), (Source.PROBE_EVENTS, _event("Unhealthy", "app-1-x")),
    (Source.ENDPOINTS, objects.endpoint_slice("app-1-x")),
]).flatmap(lambda one: st.tuples(st.just(one[0]), shaken(one[1]))), min_size=1, max_size=3))  # fmt: skip
def test_what_a_watch_has_let_in_makes_snapshots_that_can_be_written_and_read(
    changes: list[tuple[Source, Json]],
) -> None:
    told: list[WorkloadChanged] = []
    state = WatchedState(objects.DEPLOYMENT, told.append)  # type: ignore[arg-type]
    for source in Source:
        state.replace(source, [], 0)
    state.apply(Source.WORKLOAD, "ADDED", _workload(), 1)
    paths = {Source.WORKLOAD: "deployments", Source.REVISIONS: "replicasets", Source.PODS: "pods",
             Source.PULLED_EVENTS: "events", Source.PROBE_EVENTS: "events", Source.ENDPOINTS: "endpointslices"}  # fmt: skip
    for source, item in changes:
        line = json_bytes({"type": "MODIFIED", "object": item})
        event = mended(lambda line=line, source=source: watch_event(f"/api/v1/{paths[source]}", line), FlowdrillError)
        if event is not None and event.item is not None:
            state.apply(source, event.kind, event.item, 2)
    for one in told:
        event = WorkloadSeen(1, one.snapshot)
        assert event_from_json(event_to_json(event)) == event
        one.snapshot.described()


@tried(60)
@given(nasty_texts, odd_values)
def test_an_acknowledgement_on_the_lease_is_words(text: str, value: object) -> None:
    for said in (text, json_bytes(value).decode(), json_bytes({"by": value, "note": text}).decode()):
        assert all(isinstance(one, str) for one in _words(said))


@tried(60)
@given(st.sampled_from(sorted(VALID)), odd_values)
def test_only_a_value_error_comes_of_a_wrong_shape(path: str, value: object) -> None:
    if isinstance(value, dict):
        mended(lambda: check_answer(path, value), ValueError)


@tried(60)
@given(st.lists(nasty_texts, min_size=3, max_size=3), st.binary(max_size=300))
def test_evidence_of_any_name_stays_in_its_folder(tmp_path: Path, names: list[str], content: bytes) -> None:
    pod = objects.pod()
    pod["metadata"]["name"], pod["spec"]["containers"][0]["name"] = names[0], names[1]
    bodies = {path: json_bytes(body) for path, body in VALID.items()} | {f"{SPACE}/pods": json_bytes(listed(pod))}
    bodies[f"{SPACE}/pods/{names[0]}/log"] = content
    found = mended(lambda: _opened(scripted_api(bodies)).evidence((objects.IMAGE,)), FlowdrillError)
    before = set(tmp_path.rglob("*"))
    (tmp_path / "run" / "evidence").mkdir(parents=True, exist_ok=True)
    with RunFolder(tmp_path / "run", ()) as folder:
        for name, _, text in found or ():
            folder.save(name, text)
        folder.save(names[2], "\udcff".join(names))
    made = {path for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert all(path.parent in (tmp_path / "run", tmp_path / "run" / "evidence") for path in made)
