"""A claim over many drills, as people write it: `time_to_recover <= 120s`, `failed_requests_ratio <= 5%`, `pass`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flowdrill.model.quantity import format_ratio, format_seconds, parse_duration_seconds, parse_ratio


class Claimed(StrEnum):
    """What is claimed of a drill. The times are those of `measures` in a result."""

    PASS = "pass"
    TIME_TO_DETECT = "time_to_detect"
    REACTION = "reaction"
    TIME_TO_ACKNOWLEDGE = "time_to_acknowledge"
    TIME_TO_ACT = "time_to_act"
    TIME_TO_RECOVER = "time_to_recover"
    OUTAGE = "outage"
    FAILED_REQUESTS_RATIO = "failed_requests_ratio"


TIMES = tuple(one for one in Claimed if one not in (Claimed.PASS, Claimed.FAILED_REQUESTS_RATIO))


@dataclass(frozen=True, slots=True)
class Claim:
    """`at_most`: seconds, or a share for the failed requests; None: that the drill passes."""

    what: Claimed
    at_most: float | None = None

    def __str__(self) -> str:
        """As people read it; for the canonical names see `what`."""
        if self.at_most is None:
            return self.what.value
        of_share = self.what is Claimed.FAILED_REQUESTS_RATIO
        return f"{self.what.value} <= {format_ratio(self.at_most) if of_share else format_seconds(self.at_most)}"


def parse_claim(text: str) -> Claim:
    """Return the claim that a text makes; ValueError when it makes none."""
    name, sign, limit = (part.strip() for part in text.partition("<="))
    known = ", ".join(one.value for one in Claimed if one is not Claimed.PASS)
    if name not in list(Claimed):
        raise ValueError(f"{name[:40]!r} is nothing to claim of: write `pass`, or one of {known} with `<= LIMIT`")
    what = Claimed(name)
    if what is Claimed.PASS:
        if sign:
            raise ValueError("`pass` has no limit")
        return Claim(what)
    if not sign:
        raise ValueError(f"{name} needs a limit: `{name} <= 120s`")
    return Claim(what, parse_ratio(limit) if what is Claimed.FAILED_REQUESTS_RATIO else parse_duration_seconds(limit))
