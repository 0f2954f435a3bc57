from __future__ import annotations

import lzma
from pathlib import Path

import pytest
from api_servers.kit import NotHere, programs


def test_without_a_kit_it_is_said_what_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWDRILL_TEST_KIT", str(tmp_path / "nowhere"))

    with pytest.raises(NotHere, match="FLOWDRILL_TEST_KIT"):
        programs(tmp_path)


def test_without_etcd_it_is_said_which_package_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kube.xz").write_bytes(lzma.compress(b"program"))
    monkeypatch.setenv("FLOWDRILL_TEST_KIT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NotHere, match="etcd-server"):
        programs(tmp_path)
