"""`flowdrill preflight`, `reach` and `audit images` as their users meet them: what they print, and their exit codes.

On the embedded cluster alone: what they look at is proven on every cluster by test_preflight_contract.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.report.schema import schema_text
from tests.contract.conftest import Place
from tests.contract.site import NAME, Site, deleted, site_on

ROOT = Path(__file__).parents[2]
SCENARIO = """\
scenario: setting-lost
story: s
changes: { env: { set: { COLOUR: none } } }
symptom: bad-answers
seen_by_users: "500"
"""
FLOWLESS = """\
scenario: setting-lost
story: s
changes: { flow: [ { remove_edges: { into: { place: output } } } ] }
symptom: bad-answers
seen_by_users: "500"
"""  # the image has no flow to change


@pytest.fixture(scope="module")
def site(embedded_place: Place) -> Iterator[Site]:
    with site_on(embedded_place) as found:
        yield found


@dataclass(frozen=True)
class Terminal:
    """Runs flowdrill and keeps what it says."""

    site: Site
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def drill(self, **changes: Any) -> Path:
        plan = yaml.safe_load((ROOT / "drills" / "edge-missing.yaml").read_text())
        del plan["embedded"]
        (self.folder / "setting-lost").mkdir(exist_ok=True)
        (self.folder / "setting-lost" / "scenario.yaml").write_text(SCENARIO)
        target = {"namespace": self.site.play.namespace, "workload": f"deployment/{NAME}"}
        path = self.folder / "drill.yaml"
        own = {"target": target, "scenario": "./setting-lost", "registry": {"plain_http": True}, "rollback": {}}
        path.write_text(yaml.safe_dump({**plan, **own, **changes}))
        return path

    def run(self, *words: str | Path, where: bool = True) -> tuple[int, str, str]:
        play = self.site.play
        there = ("--context", play.context, "--kubeconfig", play.kubeconfig) if where else ()
        self.capsys.readouterr()
        code = main([*map(str, words), *there])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def json(self, *words: str | Path) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.run(*words, "--json")
        found = json.loads(out)
        assert isinstance(found, dict)
        return code, found


@pytest.fixture
def terminal(site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(site, tmp_path, capsys)


def status_of(found: dict[str, Any], name: str) -> str:
    (status,) = [one["status"] for one in found["checks"] if one["name"] == name]
    return str(status)


def fits_its_schema(found: dict[str, Any]) -> bool:
    jsonschema.validate(found, json.loads(schema_text("preflight")))
    return True


def test_a_preflight_that_passes_prints_its_tables_and_changes_nothing(terminal: Terminal) -> None:
    before = terminal.site.seen()
    code, out, err = terminal.run("preflight", terminal.drill())
    assert (code, err) == (0, "")
    assert out.startswith("PASS: preflight of edge-missing on ")
    for head in ("PERMISSIONS", "IMAGES", "REVISIONS", "REACH", "nothing was changed"):
        assert f"\n{head}" in out
    assert terminal.site.seen() == before


def test_its_json_fits_its_schema_and_is_all_there_is_on_stdout(terminal: Terminal) -> None:
    code, found = terminal.json("preflight", terminal.drill())
    assert (code, found["verdict"], found["reasons"]) == (0, "pass", [])
    assert fits_its_schema(found)
    assert found["readiness"]["reach"] is not None


def test_a_warning_is_a_finding_only_when_it_is_asked_for(terminal: Terminal) -> None:
    assert terminal.run("preflight", terminal.drill(), "--strict")[0] == 1


def test_a_check_that_fails_is_exit_code_1_with_its_tables(terminal: Terminal) -> None:
    drill = terminal.drill(rollback={"as": "nobody-here"})
    code, found = terminal.json("preflight", drill)
    assert (code, found["verdict"]) == (1, "fail")
    assert status_of(found, "responder_may_roll_back") == "fail"
    assert fits_its_schema(found)
    assert found["readiness"]["images"]


def test_an_unknown_service_account_is_a_finding_with_what_there_is(terminal: Terminal) -> None:
    account = f"system:serviceaccount:{terminal.site.play.namespace}:defautl"
    code, found = terminal.json("preflight", terminal.drill(rollback={"as": account}))
    assert code == 1
    assert "did you mean default?" in found["reasons"][0]
    assert fits_its_schema(found)


def test_a_broken_ledger_refuses_reach_and_fails_preflight_with_the_first_bad_entry(terminal: Terminal) -> None:
    drill = terminal.drill(policy={"ledger": {"file": "ledger.jsonl"}})
    drill.with_name("ledger.jsonl").write_text("nonsense\n")
    code, found = terminal.json("preflight", drill)
    assert (code, status_of(found, "ledger_intact")) == (1, "fail")
    code, out, err = terminal.run("reach", drill, "--json")
    assert (code, out) == (2, "")
    assert "entry 1" in err


def test_what_cannot_be_found_out_is_exit_code_3(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(terminal.folder))  # no scanner is installed there
    code, found = terminal.json("preflight", terminal.drill(policy={"scanner": {"run": True}}))
    assert (code, found["verdict"]) == (3, "inconclusive")
    assert status_of(found, "scanner_report") == "unknown"
    assert fits_its_schema(found)


def test_what_ends_it_half_way_is_an_error_and_the_json_is_whole(terminal: Terminal) -> None:
    drill = terminal.drill()
    drill.with_name("setting-lost").joinpath("scenario.yaml").write_text(FLOWLESS)
    code, out, err = terminal.run("preflight", drill, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (2, "inconclusive")
    assert err.startswith(f"flowdrill: {found['reasons'][0]}\n")
    assert found["readiness"]["images"]
    assert fits_its_schema(found)


def test_a_finding_does_not_hide_what_ended_it_half_way(terminal: Terminal) -> None:
    drill = terminal.drill(rollback={"as": "nobody-here"})
    drill.with_name("setting-lost").joinpath("scenario.yaml").write_text(FLOWLESS)
    code, out, err = terminal.run("preflight", drill, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "fail")
    assert found["reasons"][-1] in err
    assert "responder_may_roll_back" in found["reasons"][0]


def test_a_plan_or_a_cluster_that_cannot_be_used_is_an_error_before_anything_is_printed(terminal: Terminal) -> None:
    drill = terminal.drill()
    for words in (
        ("preflight", drill, "--json", "--context", "not-there", "--kubeconfig", terminal.site.play.kubeconfig),
        ("preflight", drill.with_name("none.yaml"), "--json"),
        ("reach", drill.with_name("none.yaml"), "--json"),
    ):
        code, out, err = terminal.run(*words, where=False)
        assert (code, out) == (2, "")
        assert err.startswith("flowdrill: ")
        assert "Traceback" not in err


def test_an_embedded_cluster_that_lacks_the_target_is_told_how_to_get_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Path(terminal.site.play.kubeconfig).parent
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(state))
    monkeypatch.setenv("LANGFLOW_API_KEY", "x")
    code, out, err = terminal.run("preflight", ROOT / "drills/edge-missing.yaml", "--json", where=False)
    assert (code, out) == (2, "")
    assert "the embedded cluster that is up does not have the drill's target" in err
    assert "`flowdrill run " in err
    assert "`flowdrill cluster down`" in err


def test_reach_says_how_far_in_three_formats_and_with_its_exit_code(terminal: Terminal) -> None:
    drill = terminal.drill(policy={"ledger": {"file": "ledger.jsonl"}})
    code, found = terminal.json("reach", drill)
    assert (code, found["nearest"], len(found["rows"])) == (1, None, 3)
    for image in terminal.site.images[:2]:
        assert terminal.run("ledger", "add", drill, "--image", image)[0] == 0
    code, found = terminal.json("reach", drill)
    assert (code, found["versions_back"], found["nearest"]) == (0, 1, terminal.site.images[1])
    assert "1 version back: 1.1.0" in terminal.run("reach", drill)[1]
    assert terminal.run("reach", drill, "--markdown")[1].startswith("## ")
    with deleted(terminal.site, terminal.site.images[1]):
        code, found = terminal.json("reach", drill)
        assert (code, found["versions_back"], found["nearest"]) == (0, 2, terminal.site.images[0])


def test_an_audit_says_which_images_any_workload_lacks(terminal: Terminal) -> None:
    play = terminal.site.play
    play.patch("deployments", NAME, {"metadata": {"labels": {"flowdrill.dev/audit": "true"}}})
    junit = terminal.folder / "audit.xml"
    words = ("audit", "images", "--namespace", play.namespace, "--plain-http")
    code, found = terminal.json(*words, "--junit", junit)
    assert (code, found["verdict"], len(found["workloads"])) == (0, "pass", 1)
    assert {image["health"] for image in found["workloads"][0]["images"]} == {"retained"}
    assert ET.parse(junit).getroot().find("testsuite") is not None
    with deleted(terminal.site, terminal.site.images[0]):
        code, out, _ = terminal.run(*words)
        assert code == 1
        assert out.startswith("FAIL: 1 LangFlow workload in namespace/")
        assert "revisions_retained" in out


def test_an_audit_that_finds_nothing_to_look_at_passes_nothing(terminal: Terminal) -> None:
    code, found = terminal.json("audit", "images", "--namespace", "default", "--plain-http")
    assert (code, found["verdict"], found["workloads"]) == (3, "inconclusive", [])


def test_an_audit_of_a_namespace_that_is_not_there_is_an_error(terminal: Terminal) -> None:
    code, out, err = terminal.run("audit", "images", "--namespace", "not-there", "--json")
    assert (code, out) == (2, "")
    assert "has no namespace 'not-there'" in err


def test_an_audit_whose_junit_file_cannot_be_written_is_an_error(terminal: Terminal) -> None:
    junit = terminal.folder / "none" / "audit.xml"
    code, _, err = terminal.run("audit", "images", "--namespace", "default", "--junit", junit)
    assert code == 2
    assert "name a file that can be written" in err


def test_a_drill_runs_only_where_its_team_has_set_the_label(terminal: Terminal) -> None:
    play, label = terminal.site.play, f"flowdrill-test/{terminal.site.play.namespace}"
    drill = terminal.drill(safety={"require_labels": {label: "yes"}})
    code, found = terminal.json("preflight", drill)
    assert (code, status_of(found, "drill_allowed")) == (1, "fail")
    (check,) = [one for one in found["checks"] if one["name"] == "drill_allowed"]
    command = check["detail"].split("`")[1]
    assert command == f"kubectl -n {play.namespace} label deployment/{NAME} {label}=yes"
    code, plan = terminal.json("plan", drill)
    assert (code, plan["refused"]) == (
        1,
        [f"neither deployment/{NAME} nor namespace {play.namespace} bears {label}=yes"],
    )
    play.kubectl(*command.split()[3:])
    try:
        assert status_of(terminal.json("preflight", drill)[1], "drill_allowed") == "pass"
        code, out, err = terminal.run("plan", drill)
        assert (code, err) == (0, "")
        assert terminal.site.images[2] in out.partition("right now")[2].partition("BY WHOM")[0]
        assert f"set image deployment/{NAME} main={terminal.site.images[2]}" in out
    finally:
        play.kubectl("label", f"deployment/{NAME}", f"{label}-")


def test_on_the_embedded_cluster_as_such_no_label_is_asked_for(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(Path(terminal.site.play.kubeconfig).parent))
    drill = terminal.drill(safety={"require_labels": {"nobody/has": "it"}})
    _, out, _ = terminal.run("preflight", drill, "--json", where=False)
    assert "drill_allowed" not in {one["name"] for one in json.loads(out)["checks"]}
    code, out, _ = terminal.run("plan", drill, where=False)
    assert code == 0
    assert terminal.site.images[2] in out
