"""LangFlow's ways to run a flow. The Locust processes import this module too: nothing but the standard library."""

from __future__ import annotations

from enum import StrEnum


class Route(StrEnum):
    """LangFlow's ways to run a flow over HTTP. They differ in URL, body, and in how a failure shows."""

    LFX_RUN = "lfx-run"  # lfx serve: POST /flows/{id}/run
    LFX_WORKFLOWS = "lfx-workflows"  # lfx serve: POST /api/v2/workflows
    LANGFLOW_RUN = "langflow-run"  # langflow run: POST /api/v1/run/{id or endpoint name}
