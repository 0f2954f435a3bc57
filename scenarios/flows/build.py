"""Builds `greeting.json`, the sample flow: chat input -> prompt -> chat output. Its answer carries a version marker.

    FLOWDRILL_LFX_PYTHON scenarios/flows/build.py [OUTPUT.json]

where FLOWDRILL_LFX_PYTHON is a Python that has lfx 1.13. The same lfx gives the same bytes: ids are fixed, nodes and
edges are sorted (lfx keeps them in sets, so their order changes from one process to the next).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lfx.components.input_output import ChatInput, ChatOutput
from lfx.components.models_and_agents import PromptComponent
from lfx.graph import Graph

FLOW_ID = "0e5fb6e0-7a2c-4d0e-9b7e-6d1f4c3a2b10"
TEMPLATE = "You said: {user_input}. Answer v1."


def greeting() -> str:
    """Return the flow as JSON text."""
    question = ChatInput(_id="ChatInput-in")
    prompt = PromptComponent(_id="Prompt-p")
    prompt.set(template=TEMPLATE, user_input=question.message_response)
    answer = ChatOutput(_id="ChatOutput-out").set(input_value=prompt.build_prompt)
    flow = Graph(start=question, end=answer).dump(
        name="Greeting",
        description="Repeats what it is told, and says which version answers.",
        endpoint_name="greeting",
    )
    flow["data"]["nodes"].sort(key=lambda node: node["id"])
    flow["data"]["edges"].sort(key=lambda edge: (edge["source"], edge["target"]))
    return json.dumps({"id": FLOW_ID, **flow}, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("greeting.json")
    output.write_text(greeting(), encoding="utf-8")
