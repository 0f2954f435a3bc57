"""The shipped image: not root, and the same whether a builder makes it or `.ci/build-image` does."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from flowdrill.oci.image_config import edited_config, parse_config

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text()


@pytest.fixture(scope="module")
def build_image() -> ModuleType:
    loader = SourceFileLoader("build_image", str(ROOT / ".ci" / "build-image"))
    spec = importlib.util.spec_from_loader("build_image", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_image_is_started_as_the_containerfile_says(build_image: ModuleType) -> None:
    base = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}, "config": {"Env": ["PATH=/bin"]}}
    edit = build_image.started_with(ROOT / "Containerfile")
    made = parse_config(edited_config(parse_config(json.dumps(base).encode(), "base"), edit, None), "made")
    assert made.entrypoint == ("python3", "-m", "flowdrill")
    assert made.cmd == ("--help",)
    assert made.env["PYTHONPATH"] == build_image.PLACE == "/opt/flowdrill"
    assert made.env["PATH"] == "/bin"
    assert json.loads(made.document)["config"]["User"] == "65532:65532"
    assert made.working_dir == made.env["HOME"] == "/tmp"


def test_nobody_is_root_in_it_and_python_needs_to_write_nothing() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    user = re.search(r"(?m)^USER (\d+):\d+$", last)  # a number: Kubernetes cannot know whether a name is root's
    assert user is not None
    assert int(user[1]) > 0
    assert "ENV PYTHONDONTWRITEBYTECODE=1" in last
    assert "compileall" in CONTAINERFILE
    assert "RUN" not in last
