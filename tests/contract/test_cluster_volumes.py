"""What every Kubernetes does with PersistentVolumeClaims: data that outlives its pods."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import WAITS, Playground
from tests.contract.test_cluster_pods import container_status, gone, log, make, phase, read
from tests.contract.volumes import CLAIM_SPEC, claim, claims, is_bound, make_claim

Json = dict[str, Any]
URL = "sqlite:////data/new.db"
MOUNT = {"volumeMounts": [{"name": "data", "mountPath": "/data"}], "env": [{"name": "WHERE", "value": "/data/words"}]}
WRITES = "import os; open(os.environ['WHERE'], 'a').write('kept\\n')"
READS = "import os; print(open(os.environ['WHERE']).read(), end='')"
COUNTS = f"{WRITES}; {READS}\n{WAITS}"
MIGRATES = """
import os, sqlite3
path = os.environ["URL"].removeprefix("sqlite:///")
at = sqlite3.connect(path)
at.execute("pragma journal_mode=wal"); at.execute("create table version (number)")
at.execute("insert into version values (7)"); at.commit()
print(*sorted(os.listdir("/data")), sep="\\n", flush=True)
os._exit(0)  # as a killed server does: what it wrote is in the -wal file still
"""
ASKS = """
import os, sqlite3
at = sqlite3.connect(os.environ["URL"].removeprefix("sqlite:///"))
print(at.execute("select number from version").fetchone()[0])
"""


def with_claim(name: str) -> Json:
    return {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": name}}]}


def ran(play: Playground, name: str, program: str, claim_name: str, **container: Any) -> str:
    """Run a pod with a claim to its end; what it said. It is gone then."""
    make(play, name, program, pod=with_claim(claim_name), **{**MOUNT, **container})
    play.until(lambda: phase(play, name) in ("Succeeded", "Failed"), name)
    said = log(play, name)
    assert phase(play, name) == "Succeeded", said
    remove(play, name)
    return said


def remove(play: Playground, name: str) -> None:
    play.raw("DELETE", play.core_path("pods", name))
    play.until(lambda: gone(play, name), f"{name} is gone")


def test_what_one_pod_wrote_the_next_pod_of_the_claim_reads(play: Playground) -> None:
    with claims(play, "shared"):
        ran(play, "writes", WRITES, "shared")
        assert ran(play, "reads", READS, "shared") == "kept\n"


def test_a_database_named_by_a_url_is_in_the_volume_with_the_files_beside_it(play: Playground) -> None:
    env = [{"name": "URL", "value": URL}]
    with claims(play, "database"):
        assert ran(play, "migrates", MIGRATES, "database", env=env).split() == ["new.db", "new.db-shm", "new.db-wal"]
        assert ran(play, "asks", ASKS, "database", env=env) == "7\n"


def test_a_claim_is_bound_and_kubectl_says_so(play: Playground) -> None:
    with claims(play, "shown"):
        play.until(lambda: is_bound(play, "shown"))
        header, line = play.kubectl("get", "pvc", "shown").splitlines()
        assert header.split()[:6] == ["NAME", "STATUS", "VOLUME", "CAPACITY", "ACCESS", "MODES"]
        found = claim(play, "shown") or {}
        assert line.split()[:5] == ["shown", "Bound", found["spec"]["volumeName"], "8Mi", "RWO"]
        assert (found["spec"]["volumeMode"], found["status"]["capacity"]) == ("Filesystem", {"storage": "8Mi"})
        assert "generation" not in found["metadata"]
        assert "kubernetes.io/pvc-protection" in play.kubectl("describe", "pvc", "shown")


def test_a_claim_in_use_is_gone_only_after_its_pod(play: Playground) -> None:
    with claims(play, "held"):
        make(play, "holds", pod=with_claim("held"), **MOUNT)
        play.until(lambda: container_status(play, "holds").get("ready"))
        play.raw("DELETE", play.core_path("persistentvolumeclaims", "held"))
        assert play.kubectl("get", "pvc", "held", "--no-headers").split()[1] == "Terminating"
        make(play, "late", pod=with_claim("held"), **MOUNT)
        play.until(lambda: any('"held" is being deleted' in text for text in play.events("FailedScheduling")))
        assert claim(play, "held") is not None
        assert container_status(play, "holds")["ready"]
        remove(play, "holds")
        play.until(lambda: claim(play, "held") is None)
        remove(play, "late")


def test_a_pod_that_has_ended_holds_its_claim_until_it_is_deleted(play: Playground) -> None:
    with claims(play, "ended"):
        make(play, "over", WRITES, pod=with_claim("ended"), **MOUNT)
        play.until(lambda: phase(play, "over") == "Succeeded")
        play.raw("DELETE", play.core_path("persistentvolumeclaims", "ended"))
        assert claim(play, "ended") is not None
        remove(play, "over")
        play.until(lambda: claim(play, "ended") is None)


def test_a_pod_waits_for_a_claim_that_is_not_there_and_goes_on_when_it_comes(play: Playground) -> None:
    with claims(play, "awaited", make=False):
        make(play, "waits", pod=with_claim("awaited"), **MOUNT)
        wanted = 'persistentvolumeclaim "awaited" not found'
        play.until(lambda: any(wanted in text for text in play.events("FailedScheduling")))
        assert "nodeName" not in read(play, "waits")["spec"]
        make_claim(play, "awaited")
        play.until(lambda: container_status(play, "waits").get("ready"))
        remove(play, "waits")


def test_a_stateful_sets_claim_keeps_its_data_whatever_becomes_of_the_pod_and_the_set(play: Playground) -> None:
    template = {"metadata": {"name": "data"}, "spec": CLAIM_SPEC}
    hidden = {"volumes": [{"name": "data", "emptyDir": {}}]}
    with claims(play, "data-keeps-0", make=False):
        play.deploy(
            "keeps", COUNTS, kind="StatefulSet", volumeClaimTemplates=[template], container=MOUNT, pod=hidden
        )  # fmt: skip
        play.until(lambda: play.complete("keeps", "statefulsets"))
        play.until(lambda: log(play, "keeps-0") == "kept\n")
        found = claim(play, "data-keeps-0") or {}
        assert found["metadata"]["labels"] == {"app": "keeps"}
        assert "ownerReferences" not in found["metadata"]
        uid = read(play, "keeps-0")["metadata"]["uid"]
        play.raw("DELETE", play.core_path("pods", "keeps-0"))
        play.until(lambda: any(pod["metadata"]["uid"] != uid for pod in play.pods("keeps")))
        play.until(lambda: play.complete("keeps", "statefulsets"))
        play.until(lambda: log(play, "keeps-0") == "kept\nkept\n")
        play.patch("statefulsets", "keeps", {"spec": {"replicas": 0}})
        play.until(lambda: not play.pods("keeps"))
        play.delete("statefulsets", "keeps")
        assert (claim(play, "data-keeps-0") or {})["metadata"]["uid"] == found["metadata"]["uid"]
        assert ran(play, "after", READS, "data-keeps-0") == "kept\nkept\n"


@pytest.mark.parametrize(
    ("spec", "field", "why"),
    [
        ({"accessModes": None}, "spec.accessModes", "Required value: at least 1 access mode is required"),
        ({"accessModes": ["Sometimes"]}, "spec.accessModes", 'Unsupported value: "Sometimes"'),
        ({"resources": None}, "spec.resources[storage]", "Required value"),
        ({"resources": {"requests": {"storage": "0"}}}, "spec.resources[storage]", "must be greater than zero"),
        ({"resources": {"requests": {"storage": "-1"}}}, "spec.resources[storage]", "must be greater than zero"),
        ({"volumeMode": "Odd"}, "spec.volumeMode", 'Unsupported value: "Odd": supported values: "Block", "Filesystem"'),
    ],
)
def test_a_claim_that_is_none_is_refused(play: Playground, spec: Json, field: str, why: str) -> None:
    with pytest.raises(ApiException) as refused:
        make_claim(play, "odd", **spec)
    assert (refused.value.status, refused.value.reason) == (422, "Unprocessable Entity")
    assert field in str(refused.value.body)
    assert why in str(refused.value.body).replace('\\"', '"')


@pytest.mark.parametrize(
    "change",
    [{"accessModes": ["ReadOnlyMany"]}, {"volumeName": "other"}, {"resources": {"limits": {"storage": "1Gi"}}}],
)
def test_the_spec_of_a_bound_claim_does_not_change(play: Playground, change: Json) -> None:
    with claims(play, "fixed"):
        play.until(lambda: is_bound(play, "fixed"))
        path, kind = play.core_path("persistentvolumeclaims", "fixed"), "application/merge-patch+json"
        with pytest.raises(ApiException, match=r"is immutable after creation except resources\.requests") as refused:
            play.raw("PATCH", path, {"spec": change}, content_type=kind)
        assert refused.value.status == 422
