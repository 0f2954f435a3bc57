"""What older and worse stores do: no conditions, no checksums, other bytes than were sent, refusals that tell much."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from flowdrill.edges.s3.bucket import Bucket
from flowdrill.edges.s3.place import Place
from flowdrill.errors import RunFolderError, StoreError

SECRET = "AKIDSECRET"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"the key {SECRET} \x1b[2J"}}, "PutObject")


class OldStore:
    """Objects in a dict, and nothing that came to S3 later."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.refused: dict[str, ClientError] = {}  # by the method
        self.damages = False
        self.pages: list[dict[str, Any]] = []
        self.conditions: list[bool] = []

    def _asked(self, method: str) -> None:
        if method in self.refused:
            raise self.refused[method]

    def put_object(self, *, Key: str, Body: Any, **more: Any) -> dict[str, Any]:  # noqa: N803 - boto3's
        self._asked("put")
        self.conditions.append("IfNoneMatch" in more)
        if "IfNoneMatch" in more:
            raise refusal("NotImplemented")
        self.objects[Key] = Body.read() + (b"?" if self.damages else b"")
        return {}

    def head_object(self, *, Key: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self._asked("head")
        if Key not in self.objects:
            raise refusal("404")
        return {}

    def get_object(self, *, Key: str, **more: Any) -> dict[str, Any]:  # noqa: N803
        self._asked("get")
        if Key not in self.objects:
            raise refusal("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _name: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: iter(self.pages))


@pytest.fixture
def store() -> OldStore:
    return OldStore()


@pytest.fixture
def bucket(store: OldStore) -> Bucket:
    session = SimpleNamespace(client=lambda *_, **__: store)
    boto3: Any = SimpleNamespace(session=SimpleNamespace(Session=lambda: session))

    def load(name: str) -> ModuleType:
        return boto3 if name == "boto3" else importlib.import_module(name)  # type: ignore[no-any-return]

    return Bucket(Place("bucket", "p/"), load)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "run.zip"
    path.write_bytes(b"mine")
    return path


def test_a_store_without_conditions_is_looked_at_before_and_read_back(
    bucket: Bucket, store: OldStore, file: Path
) -> None:
    assert bucket.put("run.zip", file, "application/zip")
    assert store.objects == {"p/run.zip": b"mine"}
    assert store.conditions == [True, False]
    assert not bucket.put("run.zip", file, "application/zip")
    store.objects["p/run.zip"] = b"theirs"
    with pytest.raises(StoreError, match="something else is there"):
        bucket.put("run.zip", file, "application/zip")
    assert store.objects == {"p/run.zip": b"theirs"}


def test_other_bytes_than_were_sent_are_found(bucket: Bucket, store: OldStore, file: Path) -> None:
    store.damages = True
    with pytest.raises(StoreError, match="something else is there"):
        bucket.put("run.zip", file, "application/zip")


@pytest.mark.parametrize("method", ["put", "head", "get"])
def test_of_a_refusal_only_its_code_is_told(bucket: Bucket, store: OldStore, file: Path, method: str) -> None:
    store.objects["p/other"] = b"x"
    store.refused[method] = refusal("SignatureDoesNotMatch\x1b")
    with pytest.raises(StoreError, match="the store refuses: SignatureDoesNotMatch") as told:
        bucket.small("other", 10) if method == "get" else bucket.put("run.zip", file, "application/zip")
    assert SECRET not in str(told.value)
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "InvalidObjectState"])
def test_one_object_that_is_gone_or_may_not_be_read_says_nothing_of_the_others(
    bucket: Bucket, store: OldStore, code: str
) -> None:
    store.refused["get"] = refusal(code)
    with pytest.raises(RunFolderError, match=f"cannot be read \\({code}\\)"):
        bucket.small("run.zip", 10)


def test_an_answer_that_breaks_off_is_the_stores(bucket: Bucket, store: OldStore, tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise ReadTimeoutError(endpoint_url=f"https://x/?X-Amz-Credential={SECRET}")

    store.get_object = lambda **_: {"Body": Broken()}  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="cannot be reached: ReadTimeoutError") as told:
        bucket.fetch("run.zip", tmp_path / "out")
    assert SECRET not in str(told.value)


def test_what_is_too_large_for_one_object_is_not_begun(
    bucket: Bucket, store: OldStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowdrill.edges.s3.bucket.MOST_BYTES", 3)
    with pytest.raises(StoreError, match="4 bytes are too many for one object"):
        bucket.put("run.zip", file, "application/zip")
    store.objects["p/run.zip"] = b"four"
    with pytest.raises(RunFolderError, match="is larger than the 3 bytes"):
        bucket.fetch("run.zip", file)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ({"IsTruncated": True, "Contents": [{"Key": "p/a/result.json", "Size": 1}]}, "ends before its end"),
        ({"Contents": [{"Size": 1}]}, "its list at|cannot be reached: KeyError"),
    ],
)
def test_half_a_list_is_an_error_since_what_is_left_out_may_be_a_failure(
    bucket: Bucket, store: OldStore, page: dict[str, Any], says: str
) -> None:
    store.pages = [page]
    with pytest.raises(StoreError, match=says):
        list(bucket.listed())


def test_a_checksum_that_is_none_is_the_stores(bucket: Bucket, store: OldStore, file: Path) -> None:
    store.head_object = lambda **_: {"ChecksumSHA256": "a"}  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="cannot be reached: Error"):
        bucket.put("run.zip", file, "application/zip")
