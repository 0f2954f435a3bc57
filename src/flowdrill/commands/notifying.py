"""After a run: its summary to the webhook that the environment names."""

from __future__ import annotations

import time
from collections.abc import MutableMapping

from flowdrill.commands.telling import tell
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.webhook.posting import KEY_VARIABLE, URL_VARIABLE, Webhook, post, webhook_of
from flowdrill.errors import WebhookError
from flowdrill.report.chat_message import render_chat_message


def take_webhook(environ: MutableMapping[str, str]) -> Webhook | None:
    """Return the webhook that the environment names, or None. It is taken out of that, since every process that a drill
    starts inherits it. WebhookError when it cannot be used."""
    url, key = environ.pop(URL_VARIABLE, ""), environ.pop(KEY_VARIABLE, "")
    return webhook_of(url.strip(), key.strip()) if url.strip() else None


def notify(webhook: Webhook | None, finished: FinishedRun) -> None:
    """Post a run's summary. One that is not taken is told, and changes nothing of the result."""
    if webhook is None:
        return
    try:
        body = render_chat_message(finished.report, str(finished.folder)).encode()
        post(webhook, body, int(time.time()))
    except WebhookError as error:
        tell(f"flowdrill: {visible(str(error))}")
        return
    except Exception as error:  # noqa: BLE001 - a message must take no result with it; its text may have the URL
        tell(f"flowdrill: the summary is not posted: {type(error).__name__}; this is a defect, please report it")
        return
    tell(f"summary: posted to {visible(webhook.host)}")
