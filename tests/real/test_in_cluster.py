"""Drills that a real Kubernetes carries out by itself: the shipped image, the printed manifests, and nothing but their
Roles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from flowdrill.oci.client import open_registry
from flowdrill.oci.referrers import fallback_tag
from flowdrill.oci.repository import Repository
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, Stand, stand_on
from tests.contract.playground import KUBECTL, Json
from tests.real.lab import ROOT, flowdrill, until
from tests.real.test_guard_job import ANSWERS

pytestmark = pytest.mark.kubernetes
JOB_SECONDS = 240
SCENARIO = {
    "scenario": "wrong-version",
    "story": "A release with another setting.",
    "changes": {"env": {"set": {"VERSION": "broken"}}},
    "symptom": "bad-answers",
    "seen_by_users": "another answer",
}


@dataclass(frozen=True)
class Scheduled:
    """A workload in one namespace, and the CronJob that drills it in another."""

    stand: Stand
    namespace: str
    manifests: str

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return kubectl(self.stand, "-n", self.namespace, *arguments, stdin=stdin)

    def apply(self, text: str, *more: str) -> str:
        return kubectl(self.stand, "apply", *more, "-f", "-", stdin=text)

    def start(self, name: str) -> None:
        """Start the CronJob's Job now, as `kubectl create job --from` does, which wants batch/v1."""
        cron_job = json.loads(self.kubectl("get", "cronjob", "flowdrill-scheduled", "-o", "json"))
        template = cron_job["spec"]["jobTemplate"]
        job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": template["spec"]}
        self.kubectl("create", "-f", "-", stdin=json.dumps(job))

    def run_job(self, name: str) -> tuple[bool, str]:
        """Start it, and wait for its end; whether it succeeded, and its pod's log."""
        self.start(name)
        ended = until(lambda: self.ended(name), JOB_SECONDS, f"job/{name} has ended")
        return ended == "Complete", self.kubectl("logs", f"job/{name}", "--tail=200")

    def run_with(self, rules: list[Json], name: str) -> tuple[bool, str]:
        """The same with other rules in its Role."""
        self.apply(json.dumps({**self.role(), "rules": rules}))
        try:
            return self.run_job(name)
        finally:
            self.apply(json.dumps(self.role()))

    def ended(self, name: str) -> str | None:
        status = json.loads(self.kubectl("get", "job", name, "-o", "json")).get("status") or {}
        held = [one["type"] for one in status.get("conditions") or () if one["status"] == "True"]
        return held[0] if held else None

    def generation(self) -> int:
        """How often the workload was changed."""
        found = self.stand.play.read(self.stand.collection, NAME)
        return int(found["metadata"]["generation"])

    def role(self) -> Json:
        (found,) = [
            one
            for one in yaml.safe_load_all(self.manifests)
            if one["kind"] == "Role" and not one["metadata"]["name"].endswith("-optional")
        ]
        return dict(found)

    def evidence(self) -> list[dict[str, Any]]:
        listed = flowdrill("evidence", f"oci://{self.stand.image}", "--plain-http", "--json")
        assert listed.returncode in (0, 1), listed.stderr
        return list(json.loads(listed.stdout)["runs"])


def kubectl(stand: Stand, *arguments: str, stdin: str | None = None) -> str:
    """Run it without a namespace of its own: the manifests name theirs."""
    program = [KUBECTL, "--kubeconfig", stand.play.kubeconfig, "--context", stand.play.context]
    done = subprocess.run([*program, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
    return done.stdout


def own_image(place: Place, repository: str) -> str:
    """Build the shipped image on the place's base, or take one that is named."""
    named = os.environ.get("FLOWDRILL_TEST_OWN_IMAGE")
    if named:
        return named
    arguments = [".ci/build-image", place.image, f"{place.registry}/{repository}:test", "--plain-http"]
    built = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return built.stdout.split()[-1]


def forget(registry: str, name: str, but: str = "") -> None:
    """Delete what is in a repository, but for the blobs."""
    with closing(open_registry(registry, plain_http=True)) as client:
        repository = Repository(client, name)
        for tag in set(repository.tags()) - {but}:
            for digest in (*_listed(repository, tag), repository.current_digest(tag)):
                if digest is not None:
                    repository.delete_manifest(digest)


def _listed(repository: Repository, tag: str) -> list[str]:
    found = json.loads(repository.manifest(tag).document)
    return [one["digest"] for one in found.get("manifests", ())]


@pytest.fixture(scope="module")
def scheduled(real_place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    folder = tmp_path_factory.mktemp("scheduled")
    user = {"runAsUser": 65534, "runAsNonRoot": True}
    with stand_on(real_place, command=["python3", "-u", "-c", ANSWERS], securityContext=user) as stand:
        namespace = f"{stand.play.namespace}-drills"
        image = own_image(real_place, namespace)
        (folder / "scenarios" / "wrong-version").mkdir(parents=True)
        (folder / "scenarios" / "wrong-version" / "scenario.yaml").write_text(yaml.safe_dump(SCENARIO))
        plan = stand.drill(limit="60s").model_dump(mode="json", by_alias=True)
        plan["drill"] = "scheduled"
        plan["load"]["url"] = f"http://{real_place.registry.partition(':')[0]}:{stand.port}"  # the node, for its pods
        plan["calendar"] = {"time_zone": "UTC", "windows": [{"from": "00:00", "to": "24:00"}]}
        (folder / "drills").mkdir()
        (folder / "drills" / "drill.yaml").write_text(json.dumps({**plan, "extends": None}))
        made = flowdrill(
            "manifests", folder / "drills" / "drill.yaml", "--schedule", "0 0 1 1 *", "--namespace", namespace,
            "--image", image, "--kubernetes", "1.20", "--storage", "none", "--push-report",
            "--registry", real_place.registry,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        try:
            kubectl(stand, "apply", "-f", "-", stdin=made.stdout)
            yield Scheduled(stand, namespace, made.stdout)
        finally:
            kubectl(stand, "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=made.stdout)
            forget(real_place.registry, stand.repository, but="1.0.0")  # the stand's own
            if namespace in image:
                forget(real_place.registry, namespace)


def test_the_printed_manifests_are_taken_strictly(scheduled: Scheduled) -> None:
    said = scheduled.apply(scheduled.manifests, "--dry-run=server")
    assert "unchanged" in said
    assert "configured" not in said


def test_the_cron_jobs_pod_drills_another_namespace_and_its_report_refers_to_the_stable_image(
    scheduled: Scheduled,
) -> None:
    template = scheduled.stand.template()
    passed, log = scheduled.run_job("drill-now")
    assert passed, log
    assert "PASS" in log
    assert scheduled.stand.template() == template
    (row,) = scheduled.evidence()
    assert (row["verdict"], row["drill"]) == ("pass", "scheduled")
    assert "refers to: " + scheduled.stand.digest in log
    with closing(open_registry(scheduled.stand.registry, plain_http=True)) as client:
        repository = Repository(client, scheduled.stand.repository)
        assert set(repository.tags()) == {"1.0.0", fallback_tag(scheduled.stand.digest)}


def test_without_a_rule_it_says_which_and_touches_nothing(scheduled: Scheduled) -> None:
    role, template = scheduled.role(), scheduled.stand.template()
    kept = [one for one in role["rules"] if "pods/log" not in one["resources"] and "create" not in one["verbs"]]
    assert len(kept) == len(role["rules"]) - 2
    passed, log = scheduled.run_with(kept, "without-rules")
    assert not passed
    assert "create leases" in log
    assert "get pods/log" in log
    assert scheduled.stand.template() == template


@pytest.mark.endurance
def test_no_rule_of_the_role_can_be_left_out(scheduled: Scheduled) -> None:
    role, template = scheduled.role(), scheduled.stand.template()
    for number, rule in enumerate(role["rules"]):
        kept = [one for one in role["rules"] if one != rule]
        passed, log = scheduled.run_with(kept, f"without-{number}")
        assert not passed, rule
        assert any(f"{verb} {rule['resources'][0]}" in log for verb in rule["verbs"]), f"{rule}: {log}"
        assert scheduled.stand.template() == template


@pytest.mark.endurance
def test_a_pod_that_is_told_to_end_puts_everything_back_first(scheduled: Scheduled) -> None:
    template = scheduled.stand.template()
    scheduled.start("interrupted")
    until(lambda: scheduled.stand.template() != template, 120, "the workload is broken")
    scheduled.kubectl("delete", "pod", "-l", "job-name=interrupted", "--wait=false")
    until(lambda: scheduled.stand.template() == template, 120, "put back")
    until(lambda: scheduled.ended("interrupted"), 120, "the Job has ended")
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{scheduled.stand.play.namespace}/leases"
    # before Kubernetes 1.29 the Job makes another pod at once: it meets the Lease, or is told to end as well
    until(lambda: scheduled.stand.play.raw("GET", leases)["items"] == [], 240, "no Lease is left")
    assert scheduled.stand.template() == template


@pytest.mark.endurance
def test_a_pod_that_is_told_to_end_before_the_break_breaks_nothing(scheduled: Scheduled) -> None:
    template, generation = scheduled.stand.template(), scheduled.generation()
    scheduled.start("early")
    until(lambda: "Running" in scheduled.kubectl("get", "pods", "-l", "job-name=early"), 60, "its pod runs")
    scheduled.kubectl("delete", "pod", "-l", "job-name=early", "--wait=false")
    # what the Job starts in its place before Kubernetes 1.29 is told to end, too
    scheduled.kubectl("delete", "job", "early", "--wait=false")
    until(lambda: "early" not in scheduled.kubectl("get", "pods"), 60, "its pods have ended, long before their grace")
    assert (scheduled.stand.template(), scheduled.generation()) == (template, generation)


@pytest.mark.endurance
def test_outside_of_its_calendar_the_job_succeeds_and_says_skipped(scheduled: Scheduled) -> None:
    template = scheduled.stand.template()
    (drills,) = [one for one in yaml.safe_load_all(scheduled.manifests) if one["kind"] == "ConfigMap"]
    (key,) = [key for key, text in drills["data"].items() if "calendar" in text]
    plan = json.loads(drills["data"][key])
    plan["calendar"]["blackouts"] = [{"from": "2000-01-01", "to": "2999-12-31", "why": "a test"}]
    scheduled.apply(json.dumps({**drills, "data": {**drills["data"], key: json.dumps(plan)}}))
    try:
        passed, log = scheduled.run_job("skipped")
    finally:
        scheduled.apply(scheduled.manifests)
    assert passed
    assert "SKIPPED scheduled" in log
    assert "is a blackout date (a test)" in log
    assert scheduled.stand.template() == template
