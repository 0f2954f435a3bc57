"""The list of known vulnerabilities: the one that ships, and a team's own."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from flowdrill.analysis.advisories import advisories_of
from flowdrill.edges.planfiles.reading import read_advisories
from flowdrill.errors import PlanError
from flowdrill.model.advisories import Advisories

ROOT = Path(__file__).parents[2]
HEAD = 'product: langflow\nas_of: "2026-11-26"\nadvisories:\n'
ONE = '  - { id: CVE-1, fixed_in: 1.3.0, what: "x" }\n'


def read(folder: Path, text: str) -> Advisories:
    (folder / "floor.yaml").write_text(text)
    return read_advisories("floor.yaml", folder)


def test_the_list_that_ships_leaves_the_newest_release_alone_and_says_what_was_exploited(tmp_path: Path) -> None:
    shipped = read_advisories(None, tmp_path)
    assert advisories_of("1.12.5", shipped.advisories) == ()
    assert len(advisories_of("1.2.9", shipped.advisories)) == len(shipped.advisories) == 14
    assert {one.id for one in shipped.advisories if one.exploited} == {
        "CVE-2025-3248",
        "CVE-2025-34291",
        "CVE-2026-33017",
    }


def test_the_list_that_ships_keeps_to_the_schema_that_is_committed() -> None:
    text = (ROOT / "policy" / "langflow-advisories.yaml").read_text()
    schema = yaml.safe_load((ROOT / "schemas" / "advisories.v1.json").read_text())
    jsonschema.validate(yaml.safe_load(text), schema)


def test_a_team_has_a_list_of_its_own(tmp_path: Path) -> None:
    assert [one.id for one in read(tmp_path, HEAD + ONE).advisories] == ["CVE-1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + ONE.replace("1.3.0", "1.10"), "floor.yaml:4: advisories.0.fixed_in: Input should be a valid string"),
        (HEAD + ONE.replace("1.3.0", "soon"), "floor.yaml:4: advisories.0.fixed_in: needs a version such as 1.9.2"),
        (HEAD + ONE + ONE.replace("what", "waht"), "floor.yaml:5: advisories.1.waht: unknown key; did you mean what?"),
        (HEAD + ONE + ONE, "floor.yaml:4: advisories: has CVE-1 more than once"),
        (HEAD + "  []", "floor.yaml:4: advisories: Tuple should have at least 1 item"),
        (HEAD.replace("langflow", "flow") + ONE, "floor.yaml:1: product"),
        (HEAD.replace('"', "") + ONE, "put quotes around it"),
        (HEAD.replace("11-26", "13-26") + ONE, "floor.yaml:2: as_of: needs a day such as 2026-11-26"),
        (HEAD + ONE.replace("CVE-1", "'CVE 1'"), "floor.yaml:4: advisories.0.id"),
    ],
)
def test_a_list_that_cannot_be_used_is_an_error_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(PlanError) as raised:
        read(tmp_path, text)
    assert said in str(raised.value)


def test_a_list_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.yaml: No such file"):
        read_advisories("nowhere.yaml", tmp_path)
