"""The `audit:` of a drill: what an auditor asks for, and no cluster knows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict

LONGEST_NAME = 200  # characters
_LONGEST_TEXT = 600


def _is_a_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"needs a day such as 2027-03-01, not {text!r}") from error


_Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]
_Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT, pattern=r"\S")]
_Day = Annotated[str, AfterValidator(_is_a_day), Field(json_schema_extra={"format": "date"})]


class Participant(Strict):
    """Somebody who takes part, and as what."""

    name: _Name
    role: _Name


class FollowUpPlan(Strict):
    """What becomes of findings: the default of all of them."""

    owner: _Name | None = Field(default=None, description="who sees to them: a person, or a team")
    due_within: Seconds | None = Field(default=None, description="from the run's end, such as 14d")


class AuditPlan(Strict):
    """References and names are texts, or URLs: nothing is looked up, and nothing of it is proven by being written."""

    purpose: _Text | None = Field(default=None, description="what the drill is to show, and for whom")
    risk: _Text | None = Field(default=None, description="the risk that it is about, as in the risk register")
    change_ticket: _Text | None = Field(default=None, description="under which the drill is carried out")
    assumptions: tuple[_Text, ...] = Field(
        default=(), max_length=20, description="what the scenario takes for granted, beside what flowdrill knows of it"
    )
    participants: tuple[Participant, ...] = Field(default=(), max_length=50)
    separate_approver: bool = Field(
        default=False,
        description="whether a run needs --approved-by, with another name than whose run it is; else it is refused",
    )
    findings: FollowUpPlan = FollowUpPlan()
    retest_within: Seconds | None = Field(default=None, description="from the run's end, such as 90d")
    retest_on: _Day | None = Field(default=None, description="the day of the next test, in quotes; or retest_within")
    previous_run: _Text | None = Field(
        default=None, description="where the run before this is kept: an archive, a ticket; see also run --previous"
    )
    controls: str | None = Field(
        default=None,
        min_length=1,
        description="file beside the drill file that says which requirement a result is evidence for; default: "
        "policy/controls.yaml, which comes with flowdrill",
    )

    @model_validator(mode="after")
    def _one_retest(self) -> Self:
        if self.retest_within is not None and self.retest_on is not None:
            raise ValueError("needs either retest_within or retest_on")
        return self
