"""What becomes of a run that is over: pushed, told, and an exit code that says where evidence is missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from flowdrill.commands.afterwards import Afterwards, carry_on
from flowdrill.errors import PlanError
from flowdrill.history.evidence_stores import Reached, check_pushable
from tests.unit.s3_server import CREDENTIALS
from tests.unit.test_gate import PASSED

GOLDEN = Path(__file__).parents[1] / "golden" / "image-gone"


def test_a_run_that_is_not_where_it_should_be_is_told_with_the_command_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(GOLDEN, tmp_path / "run")
    wanted = Afterwards(store="s3://bucket/x", reached=Reached(endpoint_url="http://127.0.0.1:1"))
    assert not carry_on(wanted, replace(PASSED, folder=tmp_path / "run"))
    said = capsys.readouterr().err
    assert "the report is not pushed: s3://bucket/x/" in said
    assert f"again: flowdrill push {tmp_path / 'run'} --to s3://bucket/x --endpoint-url http://127.0.0.1:1" in said
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in said
    assert carry_on(Afterwards(), PASSED)


@pytest.mark.parametrize("store", ["s3://bucket/x", "oci://127.0.0.1:1/app"])
def test_no_room_to_pack_a_run_is_told_and_ends_no_other_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: str
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(GOLDEN, tmp_path / "run")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert not carry_on(Afterwards(store=store), replace(PASSED, folder=tmp_path / "run"))
    assert "the report is not pushed:" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["reports", "team/drills"])
def test_what_may_be_meant_as_a_folder_is_not_pushed_to_a_public_registry(text: str) -> None:
    with pytest.raises(PlanError, match=f"{text}: names no registry"):
        check_pushable(text, Reached())
    check_pushable(f"oci://{text}", Reached())
    check_pushable("docker.io/team/drills", Reached())
