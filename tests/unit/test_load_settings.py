"""The settings that travel to the Locust process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from flowdrill.model.load_settings import LoadSettings, load_settings_from_json
from flowdrill.model.route import Route

SETTINGS = LoadSettings(
    url="http://127.0.0.1:7860",
    route=Route.LFX_WORKFLOWS,
    flow="echo",
    input="hällo",
    expect="v1",
    api_key_from=None,
    requests_per_second=0.5,
    timeout_seconds=30.0,
    requests_per_connection=1,
    records_fd=7,
    harness_pid=42,
    samples_path="/tmp/samples.jsonl",
    stop_grace_seconds=1.0,
)


def test_settings_come_back_as_they_left():
    assert load_settings_from_json(SETTINGS.to_json()) == SETTINGS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({**json.loads(SETTINGS.to_json()), "more": 1}),
        json.dumps({**json.loads(SETTINGS.to_json()), "route": "other"}),
    ],
)
def test_settings_of_another_shape_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        load_settings_from_json(text)


def test_what_locust_imports_of_flowdrill_brings_no_other_package_along():
    program = (
        "import flowdrill.analysis.answers, flowdrill.analysis.redaction, flowdrill.model.load_settings, "
        "flowdrill.model.outcome, sys; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"pydantic", "kubernetes", "yaml", "rich"}.isdisjoint(loaded)
