"""The shipped scenarios on a real LangFlow runtime: what users of the stable and of each broken flow see."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
import yaml

from flowdrill.analysis.flow_changes import changed_flow
from flowdrill.model.flow_operations import ComponentSelector
from flowdrill.model.scenario import Scenario
from flowdrill.model.strict import Strict

ROOT = Path(__file__).parents[2]
FLOWS = ROOT / "scenarios/flows"
START_LIMIT_SECONDS = 120
KEY = "test-key"
PYTHON = os.environ.get("FLOWDRILL_LFX_PYTHON", "")
FLOW_ID = json.loads((FLOWS / "greeting.json").read_text(encoding="utf-8"))["id"]

pytestmark = [
    pytest.mark.langflow,
    pytest.mark.skipif(not PYTHON, reason="FLOWDRILL_LFX_PYTHON names no Python that has lfx"),
]


def read(scenario: str) -> Scenario:
    text = (ROOT / f"scenarios/{scenario}/scenario.yaml").read_text(encoding="utf-8")
    return Scenario.model_validate_json(json.dumps(yaml.safe_load(text)))


def broken(scenario: str, flow: str) -> str:
    return changed_flow(flow, read(scenario).changes.flow, f"scenario {scenario}").text


def selectors(part: Any) -> list[ComponentSelector]:
    """Return every selector within a part of a scenario."""
    if isinstance(part, ComponentSelector):
        return [part]
    inner = [getattr(part, name) for name in type(part).model_fields] if isinstance(part, Strict) else []
    return [one for child in (part if isinstance(part, tuple) else inner) for one in selectors(child)]


def fits_every_flow(scenario: str) -> bool:
    """Whether its flow changes are chosen by place only, and name no field that another component may not have."""
    flow = read(scenario).changes.flow
    chosen = selectors(flow)
    by_place = bool(chosen) and all(one.place is not None for one in chosen)
    return by_place and all(change.set_field is None for change in flow)


FITTING = sorted(
    path.parent.name for path in ROOT.glob("scenarios/*/scenario.yaml") if fits_every_flow(path.parent.name)
)


def lfx_folder() -> Path:
    found = subprocess.run(
        [PYTHON, "-c", "import lfx; print(lfx.__path__[0])"], capture_output=True, text=True, check=True
    )
    return Path(found.stdout.strip())


@contextmanager
def served(flow: str, folder: Path) -> Iterator[str]:
    """Serve a flow on loopback until the block ends; yields the base URL."""
    file, log = folder / "flow.json", folder / "lfx.log"
    file.write_text(flow, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANGFLOW_API_KEY": KEY, "DO_NOT_TRACK": "1"}
    command = [PYTHON, "-m", "lfx", "serve", str(file), "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_healthy(url, process, log)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if answer(f"{url}/health")[0] == 200:
                return
        except (URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"lfx did not get healthy (exit code {process.poll()}): {log.read_text(errors='replace')[-2000:]}")


def answer(url: str, body: dict[str, str] | None = None) -> tuple[int, Any]:
    headers = {"x-api-key": KEY, "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def answers(url: str) -> tuple[tuple[int, Any], tuple[int, Any]]:
    run = answer(f"{url}/flows/{FLOW_ID}/run", {"input_value": "hello"})
    return run, answer(f"{url}/api/v2/workflows", {"flow_id": FLOW_ID, "input_value": "hello"})


@pytest.fixture(scope="module")
def greeting() -> str:
    return (FLOWS / "greeting.json").read_text(encoding="utf-8")


def test_the_stable_flow_answers_with_its_version_on_both_routes(greeting: str, tmp_path: Path) -> None:
    with served(greeting, tmp_path) as url:
        (run_status, run), (work_status, work) = answers(url)
    assert (run_status, run["success"], run["result"]) == (200, True, "You said: hello. Answer v1.")
    assert (work_status, work["has_errors"], work["output"]["text"]) == (200, False, "You said: hello. Answer v1.")


def test_edge_missing_gives_no_answer_and_the_workflows_route_calls_it_completed(greeting: str, tmp_path: Path) -> None:
    with served(broken("edge-missing", greeting), tmp_path) as url:
        (run_status, run), (work_status, work) = answers(url)
    assert (run_status, run["success"], run["result"]) == (500, False, "No response generated")
    assert (work_status, work["status"], work["errors"], work["has_errors"]) == (200, "completed", [], False)
    assert work["output"]["text"] is None


def test_component_raises_gives_its_message_on_both_routes(greeting: str, tmp_path: Path) -> None:
    with served(broken("component-raises", greeting), tmp_path) as url:
        (run_status, run), (work_status, work) = answers(url)
    assert (run_status, run["success"]) == (500, False)
    assert "Error building Component" in run["result"]
    assert "flowdrill: deliberately broken" in run["result"]
    assert (work_status, work["status"], work["has_errors"]) == (200, "failed", True)
    assert "flowdrill: deliberately broken" in work["errors"][0]["error"]


def test_a_component_that_inherits_its_output_method_raises_too(greeting: str, tmp_path: Path) -> None:
    flow = json.loads(greeting)
    prompt = next(node for node in flow["data"]["nodes"] if node["id"] == "Prompt-p")
    prompt["data"]["node"]["template"]["code"]["value"] = (
        "from lfx.components.models_and_agents import PromptComponent\n\n"
        "class Heir(PromptComponent):\n    display_name = 'Heir'\n"
    )
    with served(broken("component-raises", json.dumps(flow)), tmp_path) as url:
        (status, run), _ = answers(url)
    assert (status, run["success"]) == (500, False)
    assert "flowdrill: deliberately broken" in run["result"]


@pytest.mark.parametrize("scenario", FITTING)
def test_a_scenario_changes_every_starter_flow_that_comes_with_langflow(scenario: str) -> None:
    lfx = lfx_folder()
    patterns = ("lfx/templates/flows/*.json", "langflow/initial_setup/starter_projects/*.json")
    starters = [path for pattern in patterns for path in lfx.parent.glob(pattern)]
    assert starters
    for path in starters:
        text = path.read_text(encoding="utf-8")
        assert json.loads(broken(scenario, text)) != json.loads(text), path


def test_the_script_builds_the_sample_flows_byte_for_byte(tmp_path: Path) -> None:
    command = [PYTHON, "-B", str(FLOWS / "build.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    for name in ("greeting.json", "assistant.json"):
        assert (tmp_path / name).read_bytes() == (FLOWS / name).read_bytes()
