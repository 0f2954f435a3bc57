"""Asks a chat model over an OpenAI-compatible API. This whole file is the component's code in `assistant.json`."""

import json
import os
import urllib.request

from lfx.custom import Component
from lfx.io import FloatInput, IntInput, MessageTextInput, Output
from lfx.schema.message import Message


class AskModel(Component):
    """One question, one answer. OPENAI_API_BASE and OPENAI_API_KEY say where, and as whom."""

    display_name = "Ask Model"
    description = "Asks the chat model at OPENAI_API_BASE."
    name = "AskModel"
    icon = "message-square"

    inputs = [
        MessageTextInput(name="question", display_name="Question", required=True),
        MessageTextInput(name="model", display_name="Model", value="stand-in", advanced=True),
        IntInput(name="drafts", display_name="Drafts", info="Answers asked for; the last one is given.", value=1),
        FloatInput(name="timeout_seconds", display_name="Timeout", info="Seconds for one draft.", value=10.0),
    ]
    outputs = [Output(name="answer", display_name="Answer", method="ask")]

    def ask(self) -> Message:
        """Return the last draft behind the version marker; the provider's errors come through."""
        text = ""
        for _ in range(max(1, int(self.drafts))):
            text = self._draft()
        return Message(text=f"Answer v1: {text}")

    def _draft(self) -> str:
        body = {"model": self.model, "messages": [{"role": "user", "content": str(self.question)}]}
        request = urllib.request.Request(
            os.environ["OPENAI_API_BASE"].rstrip("/") + "/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", "")},
        )
        with urllib.request.urlopen(request, timeout=float(self.timeout_seconds)) as response:
            return str(json.load(response)["choices"][0]["message"]["content"])
