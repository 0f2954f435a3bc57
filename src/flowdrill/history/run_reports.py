"""The reports of one recorded run, made from its record and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.runfolder.folder import write_durably
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.runfolder.recognising import check_reports_are_ours
from flowdrill.errors import RunFolderError
from flowdrill.model.result import Report
from flowdrill.report.html import render_html
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import render_markdown
from flowdrill.report.openmetrics import render_openmetrics
from flowdrill.report.result_json import render_result_json

RENDERERS: Mapping[str, Callable[[Report], str]] = {
    "result.json": render_result_json,
    "report.html": render_html,
    "report.md": render_markdown,
    "junit.xml": render_junit,
    "metrics.prom": render_openmetrics,
}


def read_report(folder: Path) -> Report:
    """Return what a run folder shows; RunFolderError when it is damaged."""
    return report_of(read_run(folder))


def write_reports(folder: Path) -> Report:
    """Make every report of a run folder anew from what was recorded; the same bytes every time.
    RunFolderError when the folder is damaged, a newer version's, or cannot be written."""
    report = read_report(folder)
    check_reports_are_ours(folder)
    problems: list[tuple[RunFolderError, Exception]] = []
    for name, render in RENDERERS.items():
        try:
            write_durably(folder / name, render(report))
        except OSError as error:
            told, remedy = (
                f"{folder / name}: {error.strerror}",
                f"`flowdrill report {folder}` once there is room, or elsewhere: --out DIR",
            )
            problems.append((RunFolderError(told, remedy), error))
        except Exception as error:  # noqa: BLE001 - one report that cannot be made must not take the others with it
            told = f"{folder / name}: cannot be made ({error!r})"
            problems.append((RunFolderError(told, "this is a defect, please report it"), error))
    if problems:
        raise problems[0][0] from problems[0][1]
    return report
