"""Builds the sample flows. Their answers carry a version marker.

    FLOWDRILL_LFX_PYTHON scenarios/flows/build.py [FOLDER]

`greeting.json` is chat input -> prompt -> chat output; `assistant.json` has a chat model in the prompt's place.
FLOWDRILL_LFX_PYTHON is a Python that has lfx 1.13. The same lfx gives the same bytes: ids are fixed, nodes and edges
are sorted (lfx keeps them in sets, so their order changes from one process to the next).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ask_model import AskModel
from lfx.components.input_output import ChatInput, ChatOutput
from lfx.components.models_and_agents import PromptComponent
from lfx.graph import Graph

GREETING_ID = "0e5fb6e0-7a2c-4d0e-9b7e-6d1f4c3a2b10"
ASSISTANT_ID = "5c3d8a52-6f0b-4b1e-9f57-2a7c0d9e4b31"
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
    return _text(GREETING_ID, flow)


def assistant() -> str:
    """Return the flow as JSON text."""
    question = ChatInput(_id="ChatInput-in")
    model = AskModel(_id="AskModel-m").set(question=question.message_response)
    answer = ChatOutput(_id="ChatOutput-out").set(input_value=model.ask)
    flow = Graph(start=question, end=answer).dump(
        name="Assistant",
        description="Asks a chat model, and says which version answers.",
        endpoint_name="assistant",
    )
    return _text(ASSISTANT_ID, flow)


def _text(flow_id: str, flow: dict) -> str:
    flow["data"]["nodes"].sort(key=lambda node: node["id"])
    flow["data"]["edges"].sort(key=lambda edge: (edge["source"], edge["target"]))
    return json.dumps({"id": flow_id, **flow}, indent=1, sort_keys=True, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, build in (("greeting.json", greeting), ("assistant.json", assistant)):
        (folder / name).write_text(build(), encoding="utf-8")
