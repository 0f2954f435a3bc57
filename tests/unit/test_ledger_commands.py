"""`flowdrill ledger` as its users meet it, and what a passing drill says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from flowdrill.analysis.ledger_chain import GENESIS, ledger_text
from flowdrill.analysis.report_data import report_of
from flowdrill.cli.main import main
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import ForbiddenError, LedgerError
from flowdrill.history.ledgers import note_verified, user_and_host
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.result import Verdict
from flowdrill.report.ledger_text import ledger_facts, render_ledger
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.world import SCENARIO
from tests.unit.analysis.synthetic_run import synthetic_run
from tests.unit.oci.image_building import FLOW, push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry

DIGEST = "sha256:" + "a" * 64
ROOT = Path(__file__).parents[2]
RESULT = report_of(synthetic_run()).result


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drill whose ledger is a file; no cluster is up."""
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(tmp_path / "none"))
    monkeypatch.setenv("USER", "ada")
    monkeypatch.delenv("SUDO_USER", raising=False)
    return written(tmp_path, {"file": "ledger.jsonl"})


def written(folder: Path, ledger: dict[str, str]) -> Path:
    plan = yaml.safe_load((ROOT / "drills" / "edge-missing.yaml").read_text())
    path = folder / "drill.yaml"
    path.write_text(yaml.safe_dump(plan | {"policy": {"ledger": ledger}}))
    return path


def kept(drill: Path, *notes: str) -> FakeLedger:
    """A ledger with these notes, in the drill's file."""
    fake = FakeLedger()
    for number, note in enumerate(notes, 1):
        fake.append(DIGEST, f"registry.test/flow:1.{number}", f"run-{number}", note)
    drill.with_name("ledger.jsonl").write_text(fake.text)
    return fake


def test_a_ledger_that_nobody_wrote_yet_has_no_entries(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ledger", "list", str(drill)]) == 0
    assert capsys.readouterr().out == f"{drill.with_name('ledger.jsonl')}: no entries yet\n"
    assert main(["ledger", "verify", str(drill)]) == 0
    assert "the chain of 0 entries is unbroken" in capsys.readouterr().out


def test_the_list_has_every_entry_and_the_head(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = kept(drill, "first", "second").read()
    assert main(["ledger", "list", str(drill)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split() == ["1", "2026-07-01T09:30:00Z", f"registry.test/flow:1.1@{DIGEST}", "run-1", "first"]
    assert lines[-1] == f"head {ledger.entries[-1].hash}"
    assert main(["ledger", "list", str(drill), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["head"] == ledger.entries[-1].hash
    assert [entry["note"] for entry in facts["entries"]] == ["first", "second"]


def test_a_broken_chain_is_a_finding_of_verify_and_an_error_of_everything_else(
    drill: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = kept(drill, "first", "second").text.replace('"second"', '"2nd"')
    drill.with_name("ledger.jsonl").write_text(changed)
    assert main(["ledger", "verify", str(drill)]) == 1
    assert "ledger.jsonl: the chain is broken at entry 2 (line 2): its content was changed" in capsys.readouterr().out
    assert main(["ledger", "verify", str(drill), "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert (facts["unbroken"], facts["first_bad_entry"]) == (False, 2)
    assert main(["ledger", "list", str(drill)]) == 2
    assert "broken at entry 2" in capsys.readouterr().err


def test_entries_that_were_cut_off_are_found_by_a_head_seen_earlier(
    drill: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = kept(drill, "first", "second").read().entries[-1].hash
    assert main(["ledger", "verify", str(drill), "--head", head]) == 0
    kept(drill, "first")
    capsys.readouterr()
    assert main(["ledger", "verify", str(drill)]) == 0
    assert main(["ledger", "verify", str(drill), "--head", head, "--json"]) == 1
    facts = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (facts["unbroken"], facts["first_bad_entry"]) == (False, None)
    assert main(["ledger", "verify", str(drill), "--head", GENESIS]) == 0


def test_what_cannot_be_read_is_an_error(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drill.with_name("ledger.jsonl").mkdir()
    assert main(["ledger", "verify", str(drill)]) == 2
    assert "ledger.jsonl: " in capsys.readouterr().err


def test_an_image_is_added_by_tag_with_the_digest_it_has(
    drill: Path, registry: LoopbackRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    stable = push_image(registry, {"app/flows/a.json": FLOW})
    image = str(stable.at_tag("1"))
    assert main(["ledger", "add", str(drill), "--image", image, "--note", "canary since Monday"]) == 0
    assert f"entry 1: {image}@{stable.digest}, verified at 20" in capsys.readouterr().out
    assert main(["ledger", "add", str(drill), "--image", str(stable), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["added"], facts["entry"]["number"], facts["entry"]["digest"]) == (False, 1, stable.digest)
    assert facts["entry"]["by"].startswith("ada@")
    assert facts["head"] == facts["entry"]["hash"]


@pytest.mark.parametrize(
    ("image", "note", "said"),
    [
        ("A B", "", "--image: 'A B' is no image reference"),
        ("REGISTRY/app", "", "has no tag and no digest"),
        ("REGISTRY/app:2", "", "app:2"),
        ("REGISTRY/app@" + DIGEST, "", DIGEST),
        ("REGISTRY/app:1", "two\nlines", "`note` has control or invisible characters"),
        ("REGISTRY/app:1", "api_key=abcdefgh", "looks as if a secret were in it"),
    ],
)
def test_what_cannot_be_added_is_one_error_and_makes_no_ledger(
    drill: Path, registry: LoopbackRegistry, capsys: pytest.CaptureFixture[str], image: str, note: str, said: str
) -> None:
    push_image(registry, {"app/flows/a.json": FLOW})
    named = image.replace("REGISTRY", registry.address)
    assert main(["ledger", "add", str(drill), "--image", named, "--note", note]) == 2
    assert said in capsys.readouterr().err
    assert not drill.with_name("ledger.jsonl").exists()


def test_a_broken_image_is_never_verified(
    drill: Path, registry: LoopbackRegistry, capsys: pytest.CaptureFixture[str]
) -> None:
    stable = push_image(registry, {"app/flows/a.json": FLOW}, config={"Cmd": ["lfx", "serve", "/app/flows/a.json"]})
    images = ImageRegistry(lambda _: registry.client(), {}.__getitem__)
    broken = images.prepare_broken(stable, SCENARIO, "run-1")
    images.push(broken)
    assert main(["ledger", "add", str(drill), "--image", str(broken.image.reference)]) == 2
    assert "is itself the broken image" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list"], ["verify"], ["add", "--running"]])
def test_without_a_cluster_the_error_says_how_to_name_one(
    drill: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    elsewhere = written(drill.parent, {})
    assert main(["ledger", command[0], str(elsewhere), *command[1:]]) == 2
    said = capsys.readouterr().err
    assert "no cluster is named, and no embedded cluster is up" in said
    assert "--context NAME" in said


def test_a_ledger_is_in_one_place(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = written(drill.parent, {"file": "a.jsonl", "config_map": "b"})
    assert main(["ledger", "list", str(both)]) == 2
    assert "needs either `config_map` or `file`" in capsys.readouterr().err


def test_who_adds_is_named_as_far_as_the_environment_tells() -> None:
    assert user_and_host({"USER": "ada"}).startswith("ada@")
    assert user_and_host({"USER": "root", "SUDO_USER": "ada"}).startswith("ada@")
    assert user_and_host({"USER": "a\x1b[2J b" + "x" * 500}).partition("@")[0].startswith("a_2J_bxx")
    assert len(user_and_host({"USER": "x" * 500})) < 200
    assert user_and_host({}).partition("@")[0]


def test_secrets_and_strange_times_in_what_somebody_else_wrote_are_not_repeated_as_they_are() -> None:
    entry = LedgerEntry(1, DIGEST, "registry.test/api-key-service:1", "2026-07-01T09:30:00Z", "x", "", GENESIS, GENESIS)
    secret = LedgerEntry(
        2, DIGEST, entry.reference, "2026-06-01T09:30:00Z", "token=abcdefgh", "password: hunter22", GENESIS, GENESIS
    )
    ledger = Ledger("configmap/x", (entry, secret))
    shown = render_ledger(ledger) + json.dumps(ledger_facts(ledger))
    assert "hunter22" not in shown
    assert "abcdefgh" not in shown
    assert "registry.test/api-key-service:1@sha256:" in shown
    assert "entry 2 has an earlier time than the one before" in shown


def test_a_passing_drill_writes_down_what_it_has_verified_and_says_so() -> None:
    book = FakeLedger()
    said = note_verified(book, RESULT)
    (entry,) = book.read().entries
    assert (entry.digest, entry.by) == (RESULT.images.stable and RESULT.images.stable.digest, RESULT.run.id)
    assert said == f"entry 1 of configmap/ledger: {entry.reference} is verified; its head is {entry.hash}"
    assert note_verified(book, RESULT) == said
    assert len(book.read().entries) == 1


def test_an_image_is_noted_once_a_day_and_again_on_the_next() -> None:
    book = FakeLedger()
    note_verified(book, RESULT)
    (entry,) = book.read().entries

    def later(day: str) -> str:
        run = RESULT.run.model_copy(update={"id": f"run-of-{day}", "finished": f"{day}T23:00:00Z"})
        return str(note_verified(book, RESULT.model_copy(update={"run": run})))

    said = later(entry.verified_at[:10])
    assert said.endswith(f"was verified on this day already: entry 1 by {entry.by}")
    assert later("2031-01-01").startswith("entry 2")


def test_a_drill_that_did_not_pass_does_not_even_look_at_the_ledger() -> None:
    book = FakeLedger()
    book.problem = LedgerError("must not be read", "really not")
    assert note_verified(book, RESULT.model_copy(update={"verdict": Verdict.FAIL})) is None


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ForbiddenError("me must not patch configmaps", "give it"), "not written, which changes nothing of the result"),
        (LedgerError("configmap/x is full", "begin a new one"), "NOT written: configmap/x is full; begin a new one"),
    ],
)
def test_a_ledger_that_cannot_be_written_is_told_and_is_no_error(problem: LedgerError, said: str) -> None:
    book = FakeLedger()
    book.problem = problem
    assert str(note_verified(book, RESULT)).startswith(said)


def test_nothing_is_added_to_a_broken_ledger_after_a_drill() -> None:
    book = FakeLedger()
    note_verified(book, RESULT)
    book.text = ledger_text(book.read()).replace("passed", "failed")
    before = book.text
    assert "NOT written: configmap/ledger: the chain is broken at entry 1" in str(note_verified(book, RESULT))
    assert book.text == before
