"""Runs in S3-compatible storage, on moto's server: pushed once, asked, and hostile ones beside them."""

from __future__ import annotations

import io
import json
import re
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from flowdrill.cli.main import main
from flowdrill.edges.s3.bucket import Bucket
from flowdrill.edges.s3.place import Place, parse_place
from flowdrill.edges.signing.keys import PublicKey, read_public_key
from flowdrill.errors import MissingPartError, PlanError, StoreError
from flowdrill.history.evidence_stores import Reached, opened_store
from flowdrill.history.searching_evidence import search_evidence
from flowdrill.model.evidence_search import EvidenceAnswer, Found
from tests.unit.s3_server import CREDENTIALS, s3_server
from tests.unit.test_gate_evidence import Store, kept

__all__ = ["kept"]  # a fixture: one signed, passing run


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3") / "log") as url:
        yield url


@dataclass(frozen=True)
class There:
    """A bucket of the test's own, with the run of `kept` to be pushed."""

    kept: Store
    url: str
    client: Any
    bucket: str

    @property
    def store(self) -> str:
        return f"s3://{self.bucket}/team/drills"

    @property
    def options(self) -> list[str]:
        return ["--endpoint-url", self.url]

    @property
    def id(self) -> str:
        return self.kept.result.run.id

    def push(self, *more: str) -> int:
        return main(["push", str(self.kept.run), "--to", self.store, *self.options, *more])

    def put(self, name: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=f"team/drills/{name}", Body=content)

    def content(self, name: str) -> bytes:
        found: bytes = self.client.get_object(Bucket=self.bucket, Key=f"team/drills/{name}")["Body"].read()
        return found

    def names(self) -> set[str]:
        listed = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", ())
        return {one["Key"].removeprefix("team/drills/") for one in listed}

    def asked(self, key: PublicKey | None = None) -> EvidenceAnswer:
        with opened_store(self.store, Reached(endpoint_url=self.url)) as opened:
            return search_evidence(opened.store, self.kept.wanted(), key)


@pytest.fixture
def there(server: str, kept: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[There]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    bucket = f"b-{uuid.uuid4()}"
    client.create_bucket(Bucket=bucket)
    yield There(kept, server, client, bucket)
    client.close()


def test_a_run_is_pushed_by_its_id_and_pushing_again_changes_nothing(
    there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    assert there.push("--json") == 0
    assert json.loads(capsys.readouterr().out) == {"place": f"{there.store}/{there.id}/"}
    names = {f"{there.id}/{name}" for name in ("run.zip", "report.html", "result.json", "attestation.dsse.json")}
    assert there.names() == names
    before = {name: there.client.head_object(Bucket=there.bucket, Key=f"team/drills/{name}") for name in names}
    assert there.push() == 0
    for name, head in before.items():
        after = there.client.head_object(Bucket=there.bucket, Key=f"team/drills/{name}")
        assert (after["LastModified"], after["ETag"]) == (head["LastModified"], head["ETag"])


def test_what_is_there_is_asked_and_a_signed_passing_drill_is_evidence(
    there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    assert there.push() == 0
    answer = there.asked(there.kept.key)
    assert (answer.found, answer.store, answer.unreadable) == (Found.PROVEN, f"{there.store}/", ())
    assert answer.evidence is not None
    assert answer.evidence.run == there.id
    assert there.asked().found is Found.NOT_PROVEN
    capsys.readouterr()
    stable = there.kept.result.images.stable
    assert stable is not None
    age = (datetime.now(UTC) - datetime.fromisoformat(str(there.kept.result.run.finished))).total_seconds()
    lately = f"{max(int(age), 0) // 86400 + 2}d"
    public = str(there.kept.private.with_name("key.pem.pub"))
    asked = ["gate", "--evidence", there.store, *there.options, "--image", stable.digest, "--not-older-than", lately]
    expected = 0 if age > -300 else 1
    assert main([*asked, "--key", public]) == expected
    assert main([*asked[:-4], "--image", f"sha256:{'e' * 64}", "--key", public]) == 1


def test_the_runs_are_listed_and_one_is_brought_here_and_verified(
    there: There, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", there.store, *there.options]) == 1
    assert there.push() == 0
    capsys.readouterr()
    assert main(["evidence", there.store, *there.options, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["runs"]
    assert (row["name"], row["verdict"]) == (there.id, "pass")
    assert main(["evidence", there.store, *there.options, "--image", f"sha256:{'e' * 64}"]) == 1
    out = tmp_path / "run.zip"
    pull = ["evidence", there.store, *there.options, "--pull", there.id, "--out", str(out)]
    assert main(pull) == 0
    assert main(["verify", str(out), "--key", str(there.kept.private.with_name("key.pem.pub"))]) == 0
    assert main(pull) == 2  # nothing is overwritten here either
    assert main([*pull[:-3], "nothing-of-this-name"]) == 2


def test_something_else_at_a_runs_id_is_left_as_it_is(there: There, capsys: pytest.CaptureFixture[str]) -> None:
    there.put(f"{there.id}/report.html", b"somebody else's")
    assert there.push() == 2
    assert f"{there.id}/report.html: something else is there, and is left as it is" in capsys.readouterr().err
    assert there.content(f"{there.id}/report.html") == b"somebody else's"
    assert f"{there.id}/result.json" not in there.names()  # so it is not taken for a whole one
    answer = there.asked(there.kept.key)
    assert (answer.found, len(answer.unreadable)) == (Found.NONE, 1)
    assert "its push did not come to its end" in answer.unreadable[0]


def test_somebody_who_was_faster_is_not_overwritten(there: There, tmp_path: Path) -> None:
    """Between the look and the put: the condition of the put itself holds."""
    bucket = Bucket(Place(there.bucket, "", there.url))
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    looks = iter([None])
    look = bucket._sha256_at
    bucket._sha256_at = lambda key, **more: next(looks, None) or look(key, **more)  # type: ignore[method-assign]
    there.client.put_object(Bucket=there.bucket, Key="run.zip", Body=b"theirs")
    with pytest.raises(StoreError, match="something else is there"):
        bucket.put("run.zip", mine, "application/zip")
    there.client.put_object(Bucket=there.bucket, Key="run.zip", Body=b"mine")
    assert bucket.put("run.zip", mine, "application/zip") is False


def test_what_was_only_reported_is_no_evidence(there: There) -> None:
    assert there.push("--report-only") == 0
    answer = there.asked(there.kept.key)
    assert answer.found is Found.NONE
    assert "its archive is not there" in answer.nearest[0].why_not


def test_objects_that_are_not_ours_are_named_and_count_nowhere(
    there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    assert there.push() == 0
    for name in ("notes.txt", "../../etc/passwd", "\x1b[2J/result.json", "x/result.json", "y/run.zip", "z/other"):
        there.put(name, b"[" * 100_000)
    answer = there.asked(there.kept.key)
    assert answer.found is Found.PROVEN  # beside them
    assert (answer.runs, len(answer.unreadable)) == (1, 6)
    capsys.readouterr()
    assert main(["evidence", there.store, *there.options]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["evidence", there.store, *there.options, "--pull", ".."]) == 2
    assert "'..': is no run that flowdrill has pushed" in capsys.readouterr().err


def bomb(name: str) -> bytes:
    """An archive whose one entry is compressed a thousandfold."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/events.jsonl", b"\0" * 20_000_000)
    return file.getvalue()


def escaping() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("run/../../events.jsonl", b"{}")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (bomb("run"), "compressed or encrypted|larger than it is"),
        (escaping(), "leads elsewhere"),
        (b"", "neither a run folder nor a whole archive"),
        (b"PK\x05\x06" + b"\0" * 18, "0 entries"),
    ],
    ids=("bomb", "escaping", "empty", "no-entries"),
)
def test_a_hostile_archive_is_told_and_is_no_pass(there: There, content: bytes, says: str) -> None:
    assert there.push() == 0
    there.put(f"{there.id}/run.zip", content)  # a store without object lock lets its owner do that
    answer = there.asked(there.kept.key)
    assert answer.found is Found.NONE
    assert re.search(says, answer.nearest[0].why_not), answer.nearest[0].why_not


def test_an_archive_is_fetched_only_where_the_result_beside_it_is_signed(there: There, tmp_path: Path) -> None:
    assert there.push() == 0
    for name in ("attestation.dsse.json", "result.json"):
        whole = there.content(f"{there.id}/{name}")
        there.client.delete_object(Bucket=there.bucket, Key=f"team/drills/{there.id}/run.zip")
        changed = whole + b" " if name == "result.json" else b"{}"
        there.put(f"{there.id}/{name}", changed)
        answer = there.asked(there.kept.key)
        there.put(f"{there.id}/{name}", whole)
        assert answer.found is Found.NONE
        assert answer.nearest[0].why_not == "its result.json is not signed with the key"  # and not: no archive


def test_another_runs_signature_does_not_speak_for_a_result(there: There, tmp_path: Path) -> None:
    assert there.push() == 0
    result = json.loads(there.content(f"{there.id}/result.json"))
    forged = json.dumps(result | {"reasons": ["mine"]}).encode()
    there.put(f"{there.id}/result.json", forged)
    answer = there.asked(there.kept.key)
    assert answer.nearest[0].why_not == "its result.json is not signed with the key"
    other = tmp_path / "other.pem"
    assert main(["key", "new", "--out", str(other)]) == 0
    assert there.asked(read_public_key(other.with_name("other.pem.pub"))).found is Found.NONE


def test_a_result_that_is_too_large_is_not_read_whole(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    assert there.push() == 0
    monkeypatch.setattr("flowdrill.history.s3_store.MOST_TOLD_BYTES", 1000)
    answer = there.asked(there.kept.key)
    assert (answer.found, answer.runs) == (Found.NONE, 0)
    assert "is larger than the 1000 bytes that are read" in answer.unreadable[0]


def test_a_store_that_cannot_be_reached_is_one_error_and_never_a_pass(
    there: There, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["gate", "--image", f"sha256:{'e' * 64}", "--evidence"]
    nowhere = ["--endpoint-url", "http://127.0.0.1:1"]
    assert main([*asked, there.store, *nowhere]) == 2
    said = capsys.readouterr().err
    assert "s3://" in said
    assert "at http://127.0.0.1:1 cannot be reached: EndpointConnectionError" in said
    assert main([*asked, "s3://no-such-bucket-here/x", *there.options]) == 2
    assert "the store refuses: NoSuchBucket" in capsys.readouterr().err
    assert main(["push", str(there.kept.run), "--to", there.store, *nowhere]) == 2
    assert main(["evidence", there.store, *nowhere]) == 2
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in capsys.readouterr().err


def test_without_credentials_it_says_so(
    there: There, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert there.push() == 2
    assert "NoCredentialsError" in capsys.readouterr().err


def test_no_boto3_is_one_clear_error() -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError(f"No module named {name!r}")

    with pytest.raises(MissingPartError, match=r"pip install 'flowdrill\[s3\]'"):
        Bucket(parse_place("s3://bucket/x"), missing)


@pytest.mark.parametrize("text", ["s3://", "s3://b", "s3:///x", "s3://bucket/../x", "s3://bucket/a b", "s3://buc%ket"])
def test_what_is_no_place_is_named(text: str) -> None:
    with pytest.raises(PlanError, match="no place in S3-compatible storage"):
        parse_place(text)


@pytest.mark.parametrize("url", ["minio:9000", "ftp://x", "https://user:pw@minio", "http://[x"])
def test_an_endpoint_is_a_url_without_a_password(url: str) -> None:
    with pytest.raises(PlanError, match="--endpoint-url: is no URL of a server") as told:
        parse_place("s3://bucket/x", url)
    assert "pw" not in str(told.value)


def test_a_prefix_is_the_same_with_and_without_its_slash() -> None:
    assert str(parse_place("s3://bucket")) == "s3://bucket/"
    assert parse_place("s3://bucket/a//b") == parse_place("s3://bucket/a/b/")


def test_a_failure_that_was_pushed_since_takes_the_word_of_the_one_that_passed(there: There) -> None:
    assert there.push() == 0
    result = json.loads(there.content(f"{there.id}/result.json"))
    late = datetime.fromtimestamp(datetime.fromisoformat(result["run"]["finished"]).timestamp() + 3600, UTC)
    failed = result | {"verdict": "fail", "run": result["run"] | {"finished": late.isoformat()}}
    there.put("20270101T000000Z-failed/result.json", json.dumps(failed).encode())
    answer = there.asked(there.kept.key)
    assert answer.found is Found.NONE
    assert "has failed on this image since" in answer.says


def test_more_runs_than_can_be_asked_are_an_error_and_not_half_an_answer(
    there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        there.put(f"run-{number}/result.json", b"{}")
    monkeypatch.setattr("flowdrill.history.s3_store._MOST_RUNS", 2)
    with pytest.raises(StoreError, match="more than 2 runs"):
        there.asked(there.kept.key)
    monkeypatch.setattr("flowdrill.edges.s3.bucket._MOST_KEYS", 2)
    with pytest.raises(StoreError, match="more than 2 objects"):
        there.asked(there.kept.key)
