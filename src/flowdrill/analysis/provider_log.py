"""The provider's log, from the text that its pods wrote and back. What is no line of a request is left out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.json_text import parsed_json
from flowdrill.model.provider_log import ProviderRequest
from flowdrill.model.scenario import ProviderMode

_LONGEST_LINE = 1000
_MOST_TOKENS = 10**9  # of one request: a larger number is no count
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def provider_requests(text: str) -> tuple[ProviderRequest, ...]:
    """Return the requests of a log, in its order."""
    found = (_request(line) for line in text.split("\n") if 0 < len(line) <= _LONGEST_LINE)
    return tuple(request for request in found if request is not None)


def provider_log_text(requests: tuple[ProviderRequest, ...]) -> str:
    """Return the log of `requests`: nothing that a pod wrote is in it but their times, modes and numbers."""
    return "".join(
        json.dumps(
            {
                "time": _time_text(one.at_utc_ns),
                "mode": one.mode,
                "status": one.status,
                "prompt_tokens": one.prompt_tokens,
                "completion_tokens": one.completion_tokens,
            }
        )
        + "\n"
        for one in requests
    )


def _request(line: str) -> ProviderRequest | None:
    try:
        found = parsed_json(line)
        at = datetime.fromisoformat(found["time"])
        mode, status = ProviderMode(found["mode"]).value, found["status"]
        prompt, completion = _count(found["prompt_tokens"]), _count(found["completion_tokens"])
        if at.tzinfo is None or not (status is None or (type(status) is int and 100 <= status <= 599)):
            return None
        at_utc_ns = (at - _EPOCH) // timedelta(microseconds=1) * 1000
    except (ValueError, LookupError, TypeError, OverflowError):
        return None
    return ProviderRequest(at_utc_ns, mode, status, prompt, completion)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST_TOKENS:
        raise ValueError("not a number of tokens")
    return value


def _time_text(at_utc_ns: int) -> str:
    seconds, rest_ns = divmod(at_utc_ns, NS_PER_SECOND)
    at = _EPOCH + timedelta(seconds=seconds, microseconds=rest_ns // 1000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")
