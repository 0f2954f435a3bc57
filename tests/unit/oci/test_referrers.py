"""Referrers where a registry has no API for them: the specification's tag, which is shared with others."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from flowdrill.analysis.evidence_search import Wanted
from flowdrill.cli.main import main
from flowdrill.edges.signing.keys import read_public_key
from flowdrill.errors import RegistryError
from flowdrill.history.evidence_stores import Reached, opened_store
from flowdrill.history.pushing import access_to
from flowdrill.history.registry_store import ARTIFACT_TYPE
from flowdrill.history.searching_evidence import search_evidence
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.evidence_search import Found
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.oci.artifact import Artifact, artifact_of
from flowdrill.oci.manifests import OCI_INDEX, OCI_MANIFEST, Descriptor
from flowdrill.oci.referrers import fallback_tag, push_artifact, referrers_of
from flowdrill.oci.repository import Repository
from tests.unit.oci.loopback_registry import LoopbackRegistry, Scripted, loopback_registry
from tests.unit.oci.pushed_runs import pushes_and_lists, put_image, run_on

KIND = "application/vnd.example.test"


def artifact(stable: Descriptor, name: str = "one") -> Artifact:
    return artifact_of((), KIND, stable, {"name": name})


def index_at_tag(registry: LoopbackRegistry, stable: Descriptor) -> dict[str, object]:
    found: dict[str, object] = json.loads(registry.manifests["app", fallback_tag(stable.digest)][1])
    return found


def test_a_run_is_pushed_beside_its_image_and_found_there(
    registry: LoopbackRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(registry.client()) as client:
        pushes_and_lists(Repository(client, "app"), tmp_path, capsys, "tag")


def test_pushing_again_puts_nothing(registry: LoopbackRegistry) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        push_artifact(repository, artifact(stable), stable.digest)
        before, puts = index_at_tag(registry, stable), len(registry.asked("PUT", "manifests/sha256-"))
        push_artifact(repository, artifact(stable), stable.digest)
        assert index_at_tag(registry, stable) == before
        assert len(registry.asked("PUT", "manifests/sha256-")) == puts == 1


def test_what_others_have_in_the_index_stays_with_all_they_wrote(registry: LoopbackRegistry) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        theirs = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "c" * 64, "size": 7, "x-unknown": [1]}
        held = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [theirs], "annotations": {"a": "b"}}
        registry.put_manifest("app", OCI_INDEX, json.dumps(held).encode(), fallback_tag(stable.digest))
        mine = artifact(stable)
        push_artifact(repository, mine, stable.digest)
        assert index_at_tag(registry, stable) == {**held, "manifests": [theirs, mine.descriptor]}


def test_an_entry_that_somebody_else_overwrites_meanwhile_is_put_again(registry: LoopbackRegistry) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        tag = fallback_tag(stable.digest)
        first, mine = artifact(stable, "first"), artifact(stable, "mine")
        push_artifact(repository, first, stable.digest)
        registry.script.append(Scripted("PUT", f"/v2/app/manifests/{tag}", 201))  # taken, and lost at once
        push_artifact(repository, mine, stable.digest)
        found = {one.digest for one in referrers_of(repository, stable.digest, KIND)}
        assert found == {first.digest, mine.digest}


def test_an_index_that_has_changed_since_it_was_read_is_read_again(registry: LoopbackRegistry) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        tag = fallback_tag(stable.digest)
        old, new, mine = (artifact(stable, name) for name in ("old", "new", "mine"))
        registry.put_manifest("app", OCI_INDEX, _of(old, new), tag)
        registry.script.append(Scripted("GET", f"/v2/app/manifests/{tag}", 200, {"Content-Type": OCI_INDEX}, _of(old)))
        push_artifact(repository, mine, stable.digest)
        found = [one.digest for one in referrers_of(repository, stable.digest, KIND)]
        assert found == [old.digest, new.digest, mine.digest]
        assert len(registry.asked("PUT", tag)) == 1


def _of(*listed: Artifact) -> bytes:
    entries = [one.descriptor for one in listed]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def test_an_image_at_the_tag_is_left_as_it_is(registry: LoopbackRegistry) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        tag = fallback_tag(stable.digest)
        put_image(repository, tag)
        before = registry.manifests["app", tag]
        with pytest.raises(RegistryError, match="is no list of referrers, and is left as it is"):
            push_artifact(repository, artifact(stable), stable.digest)
        assert registry.manifests["app", tag] == before


def test_a_list_of_referrers_is_hostile(registry: LoopbackRegistry, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
    entries = [None, 7, {}, {"digest": "../x", "size": 1}, {"digest": "sha256:" + "a" * 64, "size": "big"}]
    kind = "application/vnd.flowdrill.run.v1"
    evil = {"digest": "sha256:" + "a" * 64, "size": 1, "artifactType": kind,
            "annotations": {"dev.flowdrill.verdict": "\x1b[2Jpass", "dev.flowdrill.drill": 7}}  # fmt: skip
    listed = json.dumps({"manifests": [*entries, evil]}).encode()
    for _ in range(2):
        registry.script.append(Scripted("GET", "/v2/app/referrers/", 200, {"Content-Type": OCI_INDEX}, listed))
    assert main(["evidence", f"oci://{registry.address}/app@{stable.digest}"]) == 1
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "0 runs of" in said
    assert f"not read: sha256:{'a' * 64}: " in said
    registry.script[:] = [Scripted("GET", "/v2/app/referrers/", 200, {}, b"<html>")]
    assert main(["evidence", f"oci://{registry.address}/app@{stable.digest}"]) == 2
    assert "is not the JSON the specification asks for" in capsys.readouterr().err


def test_what_cannot_be_pushed_is_said(
    registry: LoopbackRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        folder = run_on(repository, stable, tmp_path)
        repository.delete_manifest(stable.digest)
    assert main(["push", str(folder)]) == 2
    assert "HTTP 404" in capsys.readouterr().err
    assert main(["push", str(folder), "--to", f"{registry.address}/other:tag"]) == 2
    assert "names an image, and a repository is meant" in capsys.readouterr().err
    assert main(["evidence", "oci://127.0.0.1:1/app:1.0.0"]) == 2
    assert "http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err
    refused = Path(__file__).parents[2] / "golden" / "image-gone"
    assert main(["push", str(refused)]) == 2
    assert "never saw a stable image" in capsys.readouterr().err


def test_what_a_plan_allows_is_for_its_own_registry_alone() -> None:
    stable, beside, other = (parse_image_reference(one) for one in ("a.test/app:1", "a.test/runs", "b.test/runs"))
    plans, usual = RegistryAccess(plain_http=True, ca_file="ca.pem"), RegistryAccess()
    assert access_to(beside, stable, plans, usual) == plans
    assert access_to(other, stable, plans, usual) == usual
    assert access_to(other, stable, plans, RegistryAccess(ca_file="b.pem")) == RegistryAccess(ca_file="b.pem")


def test_a_run_is_pushed_to_another_registry_as_that_one_is_reached(
    registry: LoopbackRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        folder = run_on(repository, put_image(repository), tmp_path)
    with loopback_registry() as other:
        assert main(["push", str(folder), "--to", f"{other.address}/runs", "--plain-http"]) == 0
        assert any(name == "runs" for name, _ in other.manifests)
    capsys.readouterr()
    assert main(["push", str(folder), "--plain-http"]) == 2
    assert "are for the store of --to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--push-report"], "the embedded cluster's registry ends with the drill"),
        (["--push-to", "s3://bucket/../x"], "is no place in S3-compatible storage"),
        (["--push-to", "oci://registry.test/app:1.0"], "names an image, and a repository is meant"),
        (["--push-to", "oci://registry.test/app", "--endpoint-url", "http://x"], "is for S3-compatible storage"),
        (["--endpoint-url", "http://x"], "is for --push-to"),
    ],
)
@pytest.mark.parametrize("command", ["run", "gate"])
def test_where_a_run_is_to_go_is_looked_at_before_there_is_one(
    command: str, more: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drill = str(Path(__file__).parents[3] / "drills" / "edge-missing.yaml")
    assert main([command, drill, "--out", str(tmp_path), *more]) == 2
    assert list(tmp_path.iterdir()) == []
    assert said in capsys.readouterr().err


def test_the_gate_asks_the_runs_beside_an_image(
    registry: LoopbackRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = tmp_path / "key.pem"
    assert main(["key", "new", "--out", str(private)]) == 0
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        folder = run_on(repository, stable, tmp_path / "reports")
        foreign = artifact_of((), ARTIFACT_TYPE, stable, {"dev.flowdrill.verdict": "pass"})
        push_artifact(repository, foreign, stable.digest)
    assert main(["attest", str(folder), "--key", str(private)]) == 0
    assert main(["push", str(folder)]) == 0
    finished = datetime.fromisoformat(json.loads((folder / "result.json").read_text())["run"]["finished"])
    wanted = Wanted(stable.digest, 86400.0, finished + timedelta(hours=1))
    with opened_store(f"oci://{registry.address}/app", Reached()) as opened:
        answer = search_evidence(opened.store, wanted, read_public_key(private.with_name("key.pem.pub")))
    assert (answer.found, answer.runs) == (Found.PROVEN, 1)
    assert foreign.digest in answer.unreadable[0]
    with opened_store(f"oci://{registry.address}/app", Reached()) as opened:
        other = Wanted(f"sha256:{'e' * 64}", 86400.0, wanted.now)
        assert search_evidence(opened.store, other, None).runs == 0
    asked = ["gate", "--image", stable.digest, "--evidence"]
    assert main([*asked, "oci://127.0.0.1:1/app"]) == 2
    assert main([*asked, f"oci://{registry.address}/app@sha256:{'e' * 64}"]) == 2
    assert "the store names another image" in capsys.readouterr().err
    out = tmp_path / "pulled.zip"
    (name,) = [one.run for one in [answer.evidence] if one is not None]
    assert main(["evidence", f"oci://{registry.address}/app:1.0.0", "--pull", name, "--out", str(out)]) == 0
    assert main(["verify", str(out), "--key", str(private.with_name("key.pem.pub"))]) == 0


@pytest.mark.parametrize(
    ("digest", "tag"),
    [("sha256:" + "a" * 64, "sha256-" + "a" * 64), ("sha512:" + "b" * 128, "sha512-" + "b" * 64)],
)
def test_the_tag_is_that_of_the_specification(digest: str, tag: str) -> None:
    assert fallback_tag(digest) == tag


def test_more_referrers_than_are_read_are_an_error_since_a_failure_may_be_among_them(
    registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(registry.client()) as client:
        repository = Repository(client, "app")
        stable = put_image(repository)
        for name in ("one", "two"):
            push_artifact(repository, artifact(stable, name), stable.digest)
        monkeypatch.setattr("flowdrill.oci.referrers._MOST_ENTRIES", 1)
        with pytest.raises(RegistryError, match=f"more than 1 artifacts refer to {stable.digest}"):
            referrers_of(repository, stable.digest, KIND)
