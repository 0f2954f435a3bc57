"""What the model provider served: one line of its log for each request."""

from __future__ import annotations

from dataclasses import dataclass

BASELINE_LOG, OUTAGE_LOG = "provider-baseline.jsonl", "provider-outage.jsonl"  # in the run folder's evidence


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request to the model, as the provider wrote it down when it arrived, by the provider's clock."""

    at_utc_ns: int
    mode: str
    status: int | None  # None: it was never answered
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class ProviderLog:
    """The requests that were read before the break, and after the drill's last measured instant; None when the log was
    not read."""

    baseline: tuple[ProviderRequest, ...] | None = None
    outage: tuple[ProviderRequest, ...] | None = None


@dataclass(frozen=True, slots=True)
class WrittenLog:
    """What the provider's pods wrote, as it came. `unread` has each pod whose log could not be had, and why: what it
    served is not in the text."""

    text: str
    unread: tuple[str, ...] = ()


NOT_READ = ProviderLog()
