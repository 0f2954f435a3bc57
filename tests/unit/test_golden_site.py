"""A folder of runs gives the same pages, byte for byte, on every machine, until somebody means it (`make golden`)."""

from __future__ import annotations

from pathlib import Path

from tests.unit.report.sample_site import EXPECTED, fill, pages_of


def test_a_folder_of_runs_gives_the_same_pages(tmp_path: Path) -> None:
    fill(tmp_path)
    made = pages_of(tmp_path)
    expected = {page.name: page.read_text("utf-8") for page in EXPECTED.glob("*.html")}
    assert sorted(made) == sorted(expected)
    for name, text in made.items():
        assert text == expected[name], f"{name} differs: see `make golden`"
