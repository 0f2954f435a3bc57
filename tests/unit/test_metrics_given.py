"""A run's metrics: to the real Pushgateway, past the real node-exporter, and sample alerts by the real promtool."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flowdrill.commands.afterwards import Afterwards, carry_on
from flowdrill.edges.metrics.pushgateway import pushgateway_at
from flowdrill.edges.metrics.textfile import check_textfile_folder, write_textfile
from flowdrill.errors import MetricsError, PlanError
from flowdrill.report.openmetrics import metrics_group, render_openmetrics
from tests.real.monitoring import free_port
from tests.unit.report.sample_reports import SAMPLES, changed
from tests.unit.test_gate import PASSED

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "flowdrill.rules.yaml"


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs Debian's {program}")


@contextmanager
def served(arguments: list[str], log: Path) -> Iterator[str]:
    """A program that serves metrics on a port of its own, until the block ends."""
    port = free_port()
    with log.open("wb") as said:
        running = subprocess.Popen([*arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=said, stderr=said)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                text_of(f"http://127.0.0.1:{port}")
                break
            except OSError:
                assert running.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(30)


def gateway(folder: Path) -> AbstractContextManager[str]:
    """A Pushgateway that knows of nothing yet: Debian's keeps its groups in a file of the machine's."""
    return served(["prometheus-pushgateway", f"--persistence.file={folder / 'groups'}"], folder / "log")


def text_of(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def series_of(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    return [(s.labels, s.value) for one in text_string_to_metric_families(text) for s in one.samples if s.name == name]


@needs("prometheus-pushgateway")
def test_a_gateway_keeps_the_last_run_of_each_drill_and_target(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(tmp_path) as url:
        wanted = Afterwards(gateway=pushgateway_at(f"{url}/"))
        first = SAMPLES["passing"]()
        run = first.result.run.model_copy(update={"drill": "a/b c", "workload": "statefulset/✓"})
        other = changed(first, run=run)
        for report in (first, SAMPLES["never_recovered"](), first, other):
            assert carry_on(wanted, replace(PASSED, report=report))
        assert "warning" not in capsys.readouterr().err
        text = text_of(url)
        told = {labels["drill"]: labels for labels, _ in series_of(text, "flowdrill_run_info")}
        assert told["a/b c"]["workload"] == "statefulset/✓"
        assert {first.result.run.drill, "a/b c"} <= set(told)
        assert all(labels["job"] == "flowdrill" for labels in told.values())
        measures = [
            one for one in series_of(text, "flowdrill_measure_seconds") if one[0]["drill"] == first.result.run.drill
        ]
        assert len(measures) == len(series_of(render_openmetrics(first), "flowdrill_measure_seconds"))


@needs("prometheus-pushgateway")
def test_what_a_gateway_refuses_is_told_as_a_warning_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flowdrill.commands.afterwards.render_openmetrics", lambda _: "no metrics at all {\n")
    with gateway(tmp_path) as url:
        assert carry_on(Afterwards(gateway=pushgateway_at(url)), PASSED)
    said = capsys.readouterr().err
    assert "flowdrill: warning: the Pushgateway at http://127.0.0.1" in said
    assert "HTTP 400" in said


def test_a_gateway_that_is_away_warns_and_the_textfile_is_written_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = Afterwards(gateway=pushgateway_at("http://127.0.0.1:1"), textfiles=tmp_path)
    assert carry_on(wanted, PASSED)
    said = capsys.readouterr().err
    assert "warning: the Pushgateway at http://127.0.0.1:1 has not taken the metrics: no answer" in said
    assert f"metrics: written into {tmp_path}" in said
    (path,) = tmp_path.iterdir()
    assert path.suffix == ".prom"
    assert path.read_text() == render_openmetrics(PASSED.report)
    assert path.stat().st_mode & 0o777 == 0o644


@needs("prometheus-node-exporter")
def test_node_exporter_reads_what_several_drills_have_written(tmp_path: Path) -> None:
    names = ("passing", "never_recovered", "unsteady")
    for number, name in enumerate(names):
        report = SAMPLES[name]()
        run = report.result.run.model_copy(update={"drill": f"../drill {number}"})
        report = changed(report, run=run)
        for _ in range(2):  # the second replaces the first
            write_textfile(tmp_path, metrics_group(report), render_openmetrics(report))
    assert len(list(tmp_path.iterdir())) == len(names)
    arguments = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={tmp_path}"]
    with served(["prometheus-node-exporter", *arguments], tmp_path.with_suffix(".log")) as url:
        text = text_of(url)
    assert series_of(text, "node_textfile_scrape_error") == [({}, 0.0)]
    assert {labels["drill"] for labels, _ in series_of(text, "flowdrill_run_info")} == {
        f"../drill {number}" for number in range(len(names))
    }


def test_names_that_differ_at_their_end_have_a_file_each(tmp_path: Path) -> None:
    long = f"deployment/{'flow-' * 20}"
    for end in "ab":
        write_textfile(tmp_path, {"drill": "d", "workload": f"{long}{end}"}, "")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_that_is_none_or_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is no folder"):
        check_textfile_folder(tmp_path / "nowhere")
    with pytest.raises(MetricsError, match="No such file"):
        write_textfile(tmp_path / "nowhere", {"drill": "d"}, "")


@pytest.mark.parametrize("url", ["gateway:9091", "http://user:pw@gateway", "http://gateway/?x", "http://[x", "ftp://x"])
def test_a_gateway_is_a_url_without_a_password(url: str) -> None:
    with pytest.raises(PlanError, match="--push-metrics: is no URL of a Pushgateway") as told:
        pushgateway_at(url)
    assert "pw" not in str(told.value)


@needs("promtool")
def test_the_sample_alerts_fire_when_they_should(tmp_path: Path) -> None:
    cases = (Path(__file__).parent / "flowdrill.rules.test.yaml").read_text().replace("RULES", str(RULES))
    (tmp_path / "test.yaml").write_text(cases)
    for command in (["check", "rules", str(RULES)], ["test", "rules", str(tmp_path / "test.yaml")]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_sample_alerts_are_about_metrics_that_there_are() -> None:
    text = render_openmetrics(SAMPLES["passing"]())
    named = set(re.findall(r"flowdrill_[a-z_]+", re.sub(r"#.*", "", RULES.read_text())))
    assert named
    for name in named:
        assert series_of(text, name), name
    assert any(labels["objective"] == "time_to_recover" for labels, _ in series_of(text, "flowdrill_objective_status"))
