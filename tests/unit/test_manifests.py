"""`flowdrill manifests`: what a cluster needs to drill by itself, checked against Kubernetes' own schemas."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.starts import starts_within
from flowdrill.cli.main import main
from flowdrill.model.cron import parse_cron
from flowdrill.model.scheduled_set import cut
from flowdrill.report.scheduled_manifests import keys_of
from tests.unit.analysis.test_calendar import calendar
from tests.unit.test_plan_files import GOOD

URL = "http://langflow.shop.svc:7860"
DRILL = GOOD.replace("http://127.0.0.1:30786", URL)
SCENARIO = """\
scenario: own
story: A file is added.
seen_by_users: nothing
not_detected_by: [sequential, kubernetes]
symptom: nothing
changes: {files: {add: [{path: /x, source: f.bin}]}}
"""
CALENDAR = "calendar: {time_zone: Europe/Berlin, windows: [{days: [tue], from: '09:00', to: '16:00'}], jitter: 2h}\n"
TUESDAYS = ("--schedule", "0 9 * * tue")


def drill_file(folder: Path, text: str = DRILL, name: str = "drill.yaml") -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["manifests", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["manifests", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def objects(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def of_kind(text: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in objects(text) if one["kind"] == kind]


EVERYTHING = (
    "provider: {workload: deployment/model}\nrollback: {as: ann, groups: [ops], not_by: [eve]}\n"
    "guard: {in_cluster: {image: 'registry.test/flowdrill:1'}}\nobstacles: [{kind: disruption-budget}]\n"
    "detect: {prometheus: {url: 'https://prom.obs.svc:9090', password_from: PROM, username: u, alerts: {Down: {}}}}\n"
)


_OLDEST = "1.25"  # of the schemas; what was before is asked of a real Kubernetes 1.20


@pytest.mark.parametrize("version", ["1.20", "1.26", "1.36"])
@pytest.mark.parametrize("more", [CALENDAR, EVERYTHING])
def test_every_manifest_is_what_kubernetes_schemas_allow_and_nothing_else(
    version: str, more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drill_file(tmp_path, DRILL + more)
    for one in objects(printed(capsys, path, *TUESDAYS, "--kubernetes", version, "--push-report")):
        one["apiVersion"] = one["apiVersion"].replace("batch/v1beta1", "batch/v1")
        kubernetes_validate.validate(one, max(version, _OLDEST), strict=True)


@pytest.mark.parametrize(
    ("version", "api", "zone"),
    [
        ("1.20", "batch/v1beta1", False),
        ("1.21", "batch/v1", False),
        ("v1.26.3", "batch/v1", False),
        ("1.27", "batch/v1", True),
        ("1.36", "batch/v1", True),
    ],
)
def test_a_cluster_gets_what_its_version_serves(
    version: str, api: str, zone: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, drill_file(tmp_path), *TUESDAYS, "--kubernetes", version)
    (job,) = of_kind(text, "CronJob")
    assert job["apiVersion"] == api
    assert ("timeZone" in job["spec"]) == zone
    assert ("podReplacementPolicy" in job["spec"]["jobTemplate"]["spec"]) == (version == "1.36")
    assert ("No timeZone before Kubernetes 1.27" in text) == (not zone)


def test_the_schemas_refuse_what_is_misspelt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (job,) = of_kind(printed(capsys, drill_file(tmp_path), *TUESDAYS), "CronJob")
    job["spec"]["concurencyPolicy"] = "Forbid"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.36", strict=True)


def test_the_pod_meets_the_restricted_standard_and_gets_time_to_put_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (job,) = of_kind(printed(capsys, drill_file(tmp_path, DRILL + CALENDAR), *TUESDAYS), "CronJob")
    spec = job["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", "Europe/Berlin")
    assert spec["startingDeadlineSeconds"] > 10  # below, the controller may miss every start
    run = spec["jobTemplate"]["spec"]
    pod, (container,) = run["template"]["spec"], run["template"]["spec"]["containers"]
    assert run["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    volumes = {one["name"]: set(one) - {"name"} for one in pod["volumes"]}
    assert set().union(*volumes.values()) <= {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    assert pod["terminationGracePeriodSeconds"] >= 300 + 300
    assert run["activeDeadlineSeconds"] >= 2 * 3600 + pod["terminationGracePeriodSeconds"]
    assert container["args"][:5] == ["run", "/drills/drill.yaml", "--context", "(in cluster)", "--scheduled"]


def test_the_roles_are_those_that_rbac_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = drill_file(tmp_path)
    text = printed(capsys, path, *TUESDAYS)
    account = of_kind(text, "ServiceAccount")[0]["metadata"]
    assert main(["rbac", path, "--for", "harness", "--json"]) == 0
    wanted = json.loads(capsys.readouterr().out)["items"]
    for kind in ("Role", "ClusterRole"):
        assert [one["rules"] for one in of_kind(text, kind)] == [one["rules"] for one in wanted if one["kind"] == kind]
    bound = {
        json.dumps(one["subjects"]) for kind in ("RoleBinding", "ClusterRoleBinding") for one in of_kind(text, kind)
    }
    assert bound == {json.dumps([{"kind": "ServiceAccount", "namespace": "flowdrill", "name": account["name"]}])}


def test_drills_of_one_workload_share_an_account_and_others_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = drill_file(tmp_path)
    two = drill_file(tmp_path, DRILL.replace("example", "two") + "obstacles: [{kind: disruption-budget}]\n", "two.yaml")
    three = drill_file(tmp_path, DRILL.replace("example", "three").replace("shop", "other"), "three.yaml")
    text = printed(capsys, one, two, three, *TUESDAYS)
    accounts = [one["metadata"]["name"] for one in of_kind(text, "ServiceAccount")]
    assert accounts == ["flowdrill-other-deployment-langflow", "flowdrill-shop-deployment-langflow"]
    rules = {(one["metadata"]["namespace"], rule["resources"][0], verb) for one in of_kind(text, "Role")
             for rule in one["rules"] for verb in rule["verbs"]}  # fmt: skip
    assert ("shop", "poddisruptionbudgets", "delete") in rules
    assert ("other", "poddisruptionbudgets", "delete") not in rules
    names = [one["metadata"]["name"] for one in of_kind(text, "CronJob")]
    assert names == ["flowdrill-example", "flowdrill-two", "flowdrill-three"]


def by_name(text: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Each object by kind, namespace and name, as `kubectl apply` knows it: of two of one name only one is left."""
    found = [
        ((one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]), one) for one in objects(text)
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


TWO = DRILL.replace("example", "two") + "obstacles: [{kind: disruption-budget}]\n"


@pytest.mark.parametrize("namespace", ["flowdrill", "flowdrill-two"])
def test_a_second_set_takes_nothing_from_the_first(
    namespace: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = drill_file(tmp_path), drill_file(tmp_path, TWO, "two.yaml")
    first = by_name(printed(capsys, one, *TUESDAYS))
    second = by_name(printed(capsys, two, "--schedule", "0 9 * * thu", "--namespace", namespace))
    assert [key for key in first.keys() & second.keys() if first[key] != second[key]] == []
    (pod,) = [x["spec"]["jobTemplate"]["spec"]["template"] for x in second.values() if x["kind"] == "CronJob"]
    (policy,) = [x["spec"]["podSelector"]["matchLabels"] for x in first.values() if x["kind"] == "NetworkPolicy"]
    assert not policy.items() <= pod["metadata"]["labels"].items()


def test_what_an_older_set_has_left_is_found_by_the_label_that_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = printed(capsys, drill_file(tmp_path / "old", DRILL.replace("drill: ", "drill: older-", 1)), *TUESDAYS)
    new = printed(capsys, drill_file(tmp_path / "new"), *TUESDAYS)
    (told,) = (line for line in new.splitlines() if line.startswith("#   kubectl -n flowdrill get"))
    kinds, selector = re.fullmatch(r"#   kubectl -n flowdrill get (\S+) -l '([^']+)'", told).groups()  # type: ignore[union-attr]
    name, unlike = selector.split(",")
    own = unlike.removeprefix(f"{name}!=")
    of_set = [one for one in objects(old) + objects(new) if f"{one['kind'].lower()}s".replace("ys", "ies") in kinds]
    assert len(of_set) == 6
    for one in objects(old):
        listed = one in of_set and one["metadata"]["labels"][name] != own
        assert listed is (one["kind"] in ("CronJob", "ConfigMap", "NetworkPolicy"))
    assert all(one["metadata"]["labels"][name] == own for one in objects(new) if one in of_set)


def test_the_same_drills_changed_have_the_same_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = by_name(printed(capsys, drill_file(tmp_path), *TUESDAYS))
    changed = drill_file(tmp_path, DRILL + "hold: 17s\n")
    assert list(by_name(printed(capsys, changed, "--schedule", "0 9 * * thu"))) == list(first)


@pytest.mark.parametrize(
    ("more", "other"),
    [
        ("rollback: {as: 'system:serviceaccount:oncall:bot'}\n", "namespace: other"),
        ("guard: {in_cluster: {image: 'registry.test/flowdrill:1', service_account: guard-a}}\n", "namespace: shop"),
        ("guard: {in_cluster: {image: 'registry.test/flowdrill:1'}}\n", "namespace: shop"),
    ],
)
def test_no_object_of_a_set_has_anothers_name(
    more: str, other: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DRILL.replace("namespace: shop", other).replace("example", "two") + more.replace("guard-a", "guard-b")
    two = text if other != "namespace: shop" or "guard-a" in more else text.replace("/langflow", "/other")
    assert two != DRILL
    by_name(printed(capsys, drill_file(tmp_path, DRILL + more), drill_file(tmp_path, two, "two.yaml"), *TUESDAYS))


def test_a_name_that_is_cut_to_anothers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = drill_file(tmp_path, DRILL.replace("drill: example", f"drill: {'a' * 60}"), "long.yaml")
    (job,) = of_kind(printed(capsys, long, *TUESDAYS), "CronJob")
    name = job["metadata"]["name"].removeprefix("flowdrill-")
    same = drill_file(tmp_path, DRILL.replace("drill: example", f"drill: {name}"), "same.yaml")
    assert f"have one CronJob, flowdrill-{name}" in refused(capsys, long, same, *TUESDAYS)


def test_drills_of_one_workload_at_one_time_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = drill_file(tmp_path), drill_file(tmp_path, TWO, "two.yaml")
    assert main(["manifests", one, two, *TUESDAYS]) == 0
    said = "warning: drills example, two start at deployment/langflow at the same time: only one of them can have"
    assert said in capsys.readouterr().err
    other = drill_file(tmp_path, TWO.replace("shop", "other"), "two.yaml")
    assert main(["manifests", one, other, *TUESDAYS]) == 0
    assert "at the same time" not in capsys.readouterr().err


def test_the_config_map_holds_all_that_a_drill_refers_to_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill_file(tmp_path, DRILL, "base/common.yaml")
    own = tmp_path / "team" / "scenarios" / "own"
    drill_file(own, SCENARIO, "scenario.yaml")
    (own / "f.bin").write_bytes(b"\xff\x00\r\n")
    extending = "drill: mine\nextends: ../../base/common.yaml\nscenario: own\n"
    path = drill_file(tmp_path, extending, "team/drills/mine.yaml")
    text = printed(capsys, path, *TUESDAYS)
    (held,), (job,) = of_kind(text, "ConfigMap"), of_kind(text, "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    items = pod["volumes"][0]["configMap"]["items"]
    content = {key: value.encode() for key, value in held["data"].items()}
    content |= {key: base64.b64decode(value) for key, value in held["binaryData"].items()}
    assert {one["path"]: content[one["key"]] for one in items} == {
        "base/common.yaml": DRILL.encode(),
        "team/drills/mine.yaml": extending.encode(),
        "team/scenarios/own/scenario.yaml": SCENARIO.encode(),
        "team/scenarios/own/f.bin": b"\xff\x00\r\n",
    }
    assert pod["containers"][0]["args"][1] == "/drills/team/drills/mine.yaml"


def test_the_policy_lets_out_to_what_is_needed_and_nobody_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--api-server", "10.96.0.1", "--registry", "10.89.0.1:5000", "--reach", "hooks.example")
    (policy,) = of_kind(printed(capsys, drill_file(tmp_path), *TUESDAYS, *arguments), "NetworkPolicy")
    assert "ingress" not in policy["spec"]
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    assert [
        ([json.dumps(peer) for peer in rule["to"]], sorted({one["port"] for one in rule.get("ports", ())}))
        for rule in policy["spec"]["egress"]
    ] == [
        (['{"namespaceSelector": {}}', '{"ipBlock": {"cidr": "169.254.20.10/32"}}'], [53]),
        (['{"ipBlock": {"cidr": "10.96.0.1/32"}}'], [443, 6443]),
        (['{"ipBlock": {"cidr": "10.89.0.1/32"}}'], [5000]),
        (['{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}'], []),
        (['{"ipBlock": {"cidr": "0.0.0.0/0"}}', '{"ipBlock": {"cidr": "::/0"}}'], [443]),
    ]


def test_the_same_drills_give_the_same_bytes_printed_or_in_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = drill_file(tmp_path), tmp_path / "out"
    first = printed(capsys, path, *TUESDAYS)
    assert printed(capsys, path, *TUESDAYS) == first
    for _ in range(2):
        assert printed(capsys, path, *TUESDAYS, "--out", str(out)) == ""
        listed = yaml.safe_load((out / "kustomization.yaml").read_text())["resources"]
        assert "---\n".join((out / name).read_text() for name in listed) == first
        assert {one.name for one in out.iterdir()} == {*listed, "kustomization.yaml"}
    assert "&id" not in first


def test_without_a_claim_reports_must_be_pushed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = drill_file(tmp_path)
    assert "the reports are kept nowhere" in refused(capsys, path, *TUESDAYS, "--storage", "none")
    text = printed(capsys, path, *TUESDAYS, "--storage", "none", "--push-report")
    assert not of_kind(text, "PersistentVolumeClaim")
    assert "--push-report" in text
    counting = drill_file(tmp_path, DRILL + CALENDAR.replace("jitter: 2h", "at_most_once_in: 7d"), "counting.yaml")
    said = refused(capsys, counting, *TUESDAYS, "--storage", "none", "--push-report")
    assert "calendar.at_most_once_in: nobody knows of earlier runs" in said


def test_a_plan_that_must_be_approved_names_its_digest_and_passes_it_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drill_file(tmp_path, DRILL + "safety: {approval: required}\n")
    said = refused(capsys, path, *TUESDAYS)
    digest = re.search(r"--approved (sha256:[0-9a-f]{64})", said)
    assert digest is not None
    assert main(["plan", path, "--context", "(in cluster)", "--offline", "--json"]) == 0
    assert digest[1] in capsys.readouterr().out
    assert digest[1] in printed(capsys, path, *TUESDAYS, "--approved", digest[1])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("rollback: {kubeconfig: k}\n", "rollback.kubeconfig: cannot be used in the cluster: what is secret"),
        ("policy: {ledger: {file: l.jsonl}}\n", "policy.ledger.file: cannot be used in the cluster"),
        ("registry: {ca_file: /etc/ca.pem}\n", "registry.ca_file: /etc/ca.pem is not below the working folder"),
        ("registry: {ca_file: ../ca.pem}\n", "registry.ca_file: ../ca.pem is not below the working folder"),
    ],
)
def test_what_a_pod_cannot_have_is_named(
    more: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, drill_file(tmp_path, DRILL + more), *TUESDAYS)


def with_command(*words: str) -> str:
    return f"{DRILL}rollback: {{strategy: command, command: {json.dumps(words)}}}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deploy", "--file", "{}/home/kubeconfig"), "is outside of the drill's folder"),
        (("deploy", "../home/kubeconfig"), "../home/kubeconfig cannot be used in the cluster: the file is outside"),
        (("../home/kubeconfig",), "the file is outside of the drill's folder"),
        (("deploy", "--token-file", "token"), "token cannot be used in the cluster: --token-file names what is secret"),
        (("./deploy", "link"), "drills/link is a link"),
        (("deploy", "folder/kubeconfig"), "folder/kubeconfig is a link"),
    ],
)
def test_a_command_takes_no_file_along_that_may_be_secret(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill_file(tmp_path, "a secret\n", "home/kubeconfig")
    drill_file(tmp_path, "a secret\n", "drills/token")
    (tmp_path / "drills" / "link").symlink_to(tmp_path / "home" / "kubeconfig")
    (tmp_path / "drills" / "folder").symlink_to(tmp_path / "home")
    path = drill_file(tmp_path, with_command(*(one.format(tmp_path) for one in words)), "drills/drill.yaml")
    assert said in refused(capsys, path, *TUESDAYS)


def test_a_script_beside_the_drill_goes_along_and_the_hosts_own_shell_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill_file(tmp_path, "echo back\n", "back.sh")
    path = drill_file(tmp_path, with_command("/bin/sh", "./back.sh", "--wait"))
    (held,) = of_kind(printed(capsys, path, *TUESDAYS), "ConfigMap")
    assert set(held["data"]) == {"drill.yaml", "back.sh"}
    assert "binaryData" not in held


def test_what_only_lies_beside_a_scenario_does_not_leave_this_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "scenarios" / "own"
    drill_file(own, SCENARIO, "scenario.yaml")
    drill_file(own, "PASSWORD=hunter2\n", ".env")
    drill_file(own, "x\n", "f.bin")
    path = drill_file(tmp_path, DRILL.replace("scenario: edge-missing", "scenario: own"), "drills/drill.yaml")
    assert "hunter2" not in printed(capsys, path, *TUESDAYS)
    (own / "f.bin").rename(own / "elsewhere")
    (own / "f.bin").symlink_to("elsewhere")
    assert "scenario own: " in refused(capsys, path, *TUESDAYS)


def test_an_address_of_this_machine_is_the_pods_own_in_a_pod(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refused(capsys, drill_file(tmp_path, GOOD), *TUESDAYS)
    assert "load.url: http://127.0.0.1:30786 is, in a pod, the pod itself" in said


def test_a_schedule_that_never_meets_the_calendar_is_refused_and_one_that_sometimes_does_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = drill_file(tmp_path, DRILL + CALENDAR)
    said = refused(capsys, path, "--schedule", "0 9 * * wed")
    assert f"{path}: calendar: a window never opens at a start of --schedule '0 9 * * wed' (Europe/Berlin)" in said
    assert main(["manifests", path, "--schedule", "0 9 * * *"]) == 0
    assert "starts are outside of its calendar, and skipped" in capsys.readouterr().err


def test_summer_time_can_move_a_start_out_of_its_window() -> None:
    plan = calendar({"from": "09:00", "to": "10:00"})
    found = starts_within(parse_cron("0 8 * * *"), "UTC", plan, datetime(2026, 1, 1, tzinfo=UTC))
    assert 140 < found.within < 160
    assert found.looked_at == 366


@pytest.mark.parametrize("cron", ["* * * * *", "*/5 * * * *"])
def test_no_schedule_is_refused_for_the_day_on_which_it_is_asked_about(cron: str) -> None:
    plan = calendar(
        {"from": "09:00", "to": "16:00", "days": ["tue"]}, blackouts=[{"from": "2026-11-25", "to": "2027-01-06"}]
    )
    found = starts_within(parse_cron(cron), "Europe/Berlin", plan, datetime(2026, 11, 25, tzinfo=UTC))
    assert found.within == 1  # the first one, six weeks later
    assert found.looked_at > 10_000
    shut = calendar({"from": "09:00", "to": "16:00"}, blackouts=[{"from": "2026-11-25", "to": "2028-01-06"}])
    assert starts_within(parse_cron(cron), "Europe/Berlin", shut, datetime(2026, 11, 25, tzinfo=UTC)).within == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--schedule", "0 9 * *"), "has 4 fields, and needs five fields"),
        (("--schedule", "@daily"), "no @daily"),
        (("--schedule", "TZ=UTC 0 9 * * 2"), "no time zone in it"),
        (("--schedule", "60 9 * * 2"), "minute: '60' is not 0 to 59"),
        (("--schedule", "0 9 * * 7"), "day of the week: '7' is not 0 to 6 or sun to sat; Sunday is 0"),
        (("--schedule", "0 9-5 * * 2"), "hour: '9-5' ends before it begins"),
        (("--schedule", "*/0 9 * * 2"), "a step of 0 never comes"),
        (("--schedule", "0 9 30 2 *"), "never starts: no month of it has a day 30"),
        (("--schedule", "0 9 ١ * *"), "needs five fields"),
        (("--schedule", "0 9 * * 2\n  image: evil"), "has 7 fields"),
        ((*TUESDAYS, "--namespace", "a: b"), "--namespace 'a: b': is not a namespace's name"),
        ((*TUESDAYS, "--image", "a b"), "--image 'a b': names no image"),
        ((*TUESDAYS, "--image", "a\nb"), "names no image"),
        ((*TUESDAYS, "--kubernetes", "1.19"), "--kubernetes '1.19': is no version from 1.20 on"),
        ((*TUESDAYS, "--storage", "0"), "--storage '0': is not a size such as 2Gi"),
        ((*TUESDAYS, "--registry", "http://x"), "--registry 'http://x': is no HOST or HOST:PORT"),
        ((*TUESDAYS, "--api-server", "here"), "--api-server 'here': is no address and no CIDR"),
        ((*TUESDAYS, "--time-zone", "Mars/Base"), "--time-zone 'Mars/Base': is no IANA time zone"),
        ((*TUESDAYS, "--secret", "../x"), "--secret '../x': is not a Secret's name"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(
    arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, drill_file(tmp_path), *arguments)


def test_two_drills_of_one_name_and_a_suite_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = drill_file(tmp_path), drill_file(tmp_path, DRILL, "again.yaml")
    assert "drill: example and that of" in refused(capsys, one, two, *TUESDAYS)
    suite = drill_file(tmp_path, "suite: s\ndrills: [drill.yaml]\n", "suite.yaml")
    assert "is a suite" in refused(capsys, suite, *TUESDAYS)


@given(st.lists(st.text(min_size=1, max_size=300), unique=True, max_size=6), st.text(max_size=300))
def test_names_are_safe_whatever_files_and_workloads_are_called(paths: list[str], name: str) -> None:
    keys = keys_of(dict.fromkeys(paths, b""))
    assert len(set(keys.values())) == len(paths)
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) and key not in (".", "..") for key in keys.values())
    assert len(cut(name, 52)) <= 52
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", cut(f"flowdrill-{name}", 52))


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 9 1 * *", [1]),
        ("0 9 * * mon", [2, 9, 16, 23, 30]),
        ("0 9 1 * mon", [1, 2, 9, 16, 23, 30]),  # two days that are no stars: either is enough
        ("0 9 */15 * mon", [1, 2, 9, 16, 23, 30, 31]),  # a star with a step is no star
        ("0 9 ? * MON-TUE/1", [2, 3, 9, 10, 16, 17, 23, 24, 30, 31]),
        ("0 9 * feb,apr *", []),
        ("0 9 30/1 3 *", [30, 31]),
    ],
)
def test_a_cron_expression_means_what_kubernetes_takes_it_for(text: str, days: list[int]) -> None:
    cron = parse_cron(text)
    assert [day for day in range(1, 32) if cron.starts_on(date(2026, 3, day))] == days


@given(st.text(alphabet="0123456789*/,-?LW# abcdefjnt\t", max_size=30))
def test_whatever_is_given_as_a_schedule_is_a_cron_or_a_value_error(text: str) -> None:
    try:
        cron = parse_cron(text)
    except ValueError:
        return
    assert cron.minutes
    assert cron.hours
    assert parse_cron(cron.text) == cron


def test_a_file_that_is_named_from_the_working_folder_is_found_from_the_pods(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "team" / "certs").mkdir(parents=True)
    (tmp_path / "team" / "certs" / "ca.pem").write_text("a certificate\n")
    monkeypatch.chdir(tmp_path / "team")
    drill_file(tmp_path, DRILL + "registry: {ca_file: certs/ca.pem}\n", "drills/drill.yaml")
    (job,) = of_kind(printed(capsys, "../drills/drill.yaml", *TUESDAYS), "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    paths = {one["path"] for one in pod["volumes"][0]["configMap"]["items"]}
    assert paths == {"drills/drill.yaml", "team/certs/ca.pem"}
    assert pod["containers"][0]["workingDir"] == "/drills/team"


def test_a_scenario_that_only_the_working_folder_has_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "here" / "scenarios" / "own"
    drill_file(own, SCENARIO, "scenario.yaml")
    (own / "f.bin").write_bytes(b"x")
    monkeypatch.chdir(tmp_path / "here")
    path = drill_file(tmp_path, DRILL.replace("scenario: edge-missing", "scenario: own"), "there/drills/drill.yaml")
    said = refused(capsys, path, *TUESDAYS)
    assert "in the cluster it would be another plan: scenario own is found here in scenarios/own" in said


def test_files_too_large_for_a_config_map_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "scenarios" / "own"
    drill_file(own, SCENARIO, "scenario.yaml")
    (own / "f.bin").write_bytes(b"x" * 1_000_000)
    path = drill_file(tmp_path, DRILL.replace("scenario: edge-missing", "scenario: own"), "drills/drill.yaml")
    assert "the largest is scenarios/own/f.bin" in refused(capsys, path, *TUESDAYS)
