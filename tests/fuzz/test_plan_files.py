"""Whatever stands in a drill, scenario, suite, advisories or manifest file: a plan, or one PlanError."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.drilling.runs import read_plan
from flowdrill.edges.planfiles.manifests import read_manifests
from flowdrill.edges.planfiles.reading import find_scenario, is_suite, read_advisories, read_drill, read_suite
from flowdrill.edges.planfiles.yaml_lines import YamlText, parse_model
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.scenario import Scenario
from tests.fuzz.budget import tried
from tests.fuzz.strategies import mended, nasty_texts, odd_values, shaken, shaken_bytes

ROOT = Path(__file__).parents[2]
DRILLS = [path for path in sorted((ROOT / "drills").glob("*.yaml")) if not is_suite(path)]
SCENARIOS = sorted((ROOT / "scenarios").glob("*/scenario.yaml"))
MANIFESTS = sorted((ROOT / "drills" / "target").glob("*.yaml"))
PIECES = ("a: &a [*a]\n", "a: &a\n  b: *a\n", "? [1, 2]\n: x\n", "!!python/object/apply:os.system [id]\n", "- " * 3000,
          "[" * 3000, "{a: " * 3000, "a: !!binary x\n", "a: 2026-99-99\n", "a: !!int x\n", "<<: {a: 1}\n", "\t", "%YAML 9.9\n---\n",
          "a: 1e999\n", "a: .nan\n", "a: 9999-12-31 99:99:99\n", "a: 0o99\n", "a: 1:99:99\n", "a: !!float x\n", "a: !!timestamp x\n",
          "x: " + "9" * 5000 + "\n", "---\n---\n", "a: \"\\ud800\"\n", "a: !!set {x}\n", "=: 1\n", "a: =\n", "\0", "\ufeff", "\x85")  # fmt: skip


def _advisories(path: Path) -> object:
    return read_advisories(path.name, path.parent)


def dumped(value: object) -> str:
    """As YAML; what YAML cannot say, as nothing."""
    try:
        return yaml.safe_dump(value, allow_unicode=True, sort_keys=False)
    except (yaml.YAMLError, RecursionError, ValueError):
        return ""


def texts_like(*paths: Path) -> st.SearchStrategy[bytes]:
    whole = [path.read_bytes() for path in paths]
    trees = [yaml.safe_load(one) for one in whole if b"\n---" not in one]
    spliced = st.builds(
        lambda one, piece, at: one[: at % (len(one) + 1)] + piece + one[at % (len(one) + 1) :],
        st.sampled_from(whole), st.sampled_from([piece.encode() for piece in PIECES]), st.integers(0, 5000),
    )  # fmt: skip
    return st.one_of(
        *(
            [st.sampled_from(trees).flatmap(shaken).map(lambda one: dumped(one).encode("utf-8", "replace"))]
            if trees
            else []
        ),
        st.sampled_from(whole).flatmap(shaken_bytes),
        spliced,
        odd_values.map(lambda one: dumped(one).encode("utf-8", "replace")),
        st.sampled_from([piece.encode() for piece in PIECES]),
        st.binary(max_size=100),
    )


@tried(20)
@given(texts_like(*DRILLS), st.sampled_from([read_plan, read_plan, is_suite, read_suite, _advisories]))
def test_a_drill_file_is_a_drill_or_one_error(tmp_path: Path, content: bytes, reader: Callable[[Path], object]) -> None:
    path = tmp_path / "drill.yaml"
    path.write_bytes(content)
    _read(lambda: reader(path))


@tried(20)
@given(texts_like(*SCENARIOS))
def test_a_scenario_file_is_a_scenario_or_one_error(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "scenarios" / "shaken"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_bytes(content)
    found = _read(lambda: find_scenario(f"{folder}/"))
    if found is not None:
        for change in ("scenario.yaml", "../../scenarios/shaken/scenario.yaml", "/etc/passwd", "a\0b", "x" * 300):
            _read(lambda name=change: found.read_source(name))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_the_manifests_that_ship_are_objects(path: Path) -> None:
    assert len(read_manifests(path)) == len([one for one in yaml.safe_load_all(path.read_text()) if one])


@pytest.mark.parametrize(
    "text", ["a: &a [*a]\n", "[" * 3000, "a: .nan\n", "apiVersion: v1\nkind: X\nmetadata: {name: x, at: 2026-01-01}\n"]
)
def test_a_manifest_that_no_api_server_could_be_sent_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "target.yaml").write_text(text)
    with pytest.raises(PlanError):
        read_manifests(tmp_path / "target.yaml")


@tried(20)
@given(texts_like(*MANIFESTS))
def test_a_manifest_file_is_objects_or_one_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "target.yaml"
    path.write_bytes(content)
    _read(lambda: read_manifests(path))


@tried(20)
@given(
    st.sampled_from([yaml.safe_load(path.read_text()) for path in DRILLS]).flatmap(
        lambda one: st.tuples(st.just(one), shaken(one))
    )
)
def test_a_drill_that_extends_another_is_a_drill_or_one_error(tmp_path: Path, pair: tuple[object, object]) -> None:
    base, other = pair
    (tmp_path / "base.yaml").write_text(dumped(other), "utf-8", "replace")
    (tmp_path / "drill.yaml").write_text(dumped({**base, "extends": "base.yaml"}))  # type: ignore[dict-item]
    _read(lambda: read_drill(tmp_path / "drill.yaml"))


@tried(100)
@given(nasty_texts)
def test_a_scenarios_name_finds_one_or_says_why_not(tmp_path: Path, name: str) -> None:
    _read(lambda: find_scenario(name, tmp_path))


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("model", [Drill, Scenario])
def test_no_yaml_of_itself_is_a_plan(piece: str, model: type[Drill]) -> None:
    with pytest.raises(PlanError):
        parse_model(YamlText("plan.yaml", piece), model)


def _read(look: Callable[[], Any]) -> Any:
    return mended(look, PlanError)
