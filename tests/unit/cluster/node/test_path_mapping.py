"""Which paths and addresses of a container's texts are mapped."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdrill.cluster.node.path_mapping import PathMapping, mapping_for


@pytest.fixture
def mapping(tmp_path: Path) -> PathMapping:
    (tmp_path / "app/flows").mkdir(parents=True)
    (tmp_path / "app/flows/a.json").touch()
    return PathMapping(tmp_path, "127.9.64.1")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("/app/flows/a.json", "ROOT/app/flows/a.json"),
        ("--flow=/app/flows/a.json", "--flow=ROOT/app/flows/a.json"),
        ("open('/app/flows/a.json')", "open('ROOT/app/flows/a.json')"),
        ("/app/flows:/usr/lib", "ROOT/app/flows:/usr/lib"),
        ("/app/flows/new.json", "ROOT/app/flows/new.json"),
        ("/usr/bin/env", "/usr/bin/env"),
        ("/etc/hosts", "/etc/hosts"),
        ("/", "/"),
        ("http://host/app/flows/a.json", "http://host/app/flows/a.json"),
        ("sqlite:////app/flows/new.db", "sqlite:///ROOT/app/flows/new.db"),
        ("sqlite+aiosqlite:////app/flows/new.db?mode=rwc", "sqlite+aiosqlite:///ROOT/app/flows/new.db?mode=rwc"),
        ("--url=sqlite:////app/flows/a.json", "--url=sqlite:///ROOT/app/flows/a.json"),
        ("sqlite:////etc/hosts", "sqlite:////etc/hosts"),
        ("sqlite:///app/flows/a.json", "sqlite:///app/flows/a.json"),
        ("sqlite://///app/flows/a.json", "sqlite://///app/flows/a.json"),
        ("sqlite:///./app/flows/a.json", "sqlite:///./app/flows/a.json"),
        ("postgresql://user:word@host/app/flows/a.json", "postgresql://user:word@host/app/flows/a.json"),
        ("and/or", "and/or"),
        ("0.0.0.0", "127.9.64.1"),
        ("--host 0.0.0.0 --port 7860", "--host 127.9.64.1 --port 7860"),
        ("10.0.0.0.0", "10.0.0.0.0"),
        ("::", "127.9.64.1"),
        ("[::]:80", "127.9.64.1:80"),
    ],
)
def test_mapped(mapping: PathMapping, text: str, wanted: str) -> None:
    assert mapping.text(text) == wanted.replace("ROOT", str(mapping.root))


@pytest.mark.parametrize("mount", ["/etc", "/etc/", "//etc", "/etc/./"])
def test_what_the_host_has_below_a_mount_is_hidden(mapping: PathMapping, mount: str) -> None:
    mounted = mapping_for({"volumeMounts": [{"name": "v", "mountPath": mount}]}, mapping.root, mapping.address)
    for text in ("/etc/hosts", "/etc/not/there/yet.db", "sqlite:////etc/hosts"):
        assert mounted.text(text) == text.replace("/etc", f"{mapping.root}/etc")
    assert mounted.text("/etcetera") == "/etcetera"
