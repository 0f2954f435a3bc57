"""The page of a plan: nothing in it steers a terminal, and nothing gets out of the block that it stands in."""

from __future__ import annotations

import unicodedata

import pytest

from flowdrill.analysis.drill_steps import steps_of, stops_of, undone_of
from flowdrill.analysis.planned_writes import Scope
from flowdrill.analysis.worst_case import Cap, expected, worst_case
from flowdrill.model.drill_plan import ByWhom, CoveredFile, DrillPlan, SeenNow, WhatBreaks, Where
from flowdrill.report.plan_text import render_plan, render_plan_markdown
from tests.fakes.world import SCENARIO, drill_of
from tests.unit.report.sample_parts import HOSTILE

FENCES = "\n~~~~\n# not a heading\n```\n"


def plan(text: str = "text", caps: tuple[Cap, ...] = ()) -> DrillPlan:
    """A plan with `text` wherever somebody else may write something."""
    drill = drill_of(obstacles=[{"kind": "rollout-paused"}])
    scope = Scope(drill, SCENARIO, embedded=False)
    return DrillPlan(
        drill=drill.drill,
        description=text,
        digest="sha256:" + "0" * 64,
        covers=(CoveredFile(name=text, sha256="1" * 64), CoveredFile(name="gone", sha256=None)),
        tool_version="0",
        refused=(text,),
        approval=text,
        breaks=WhatBreaks(
            scenario="edge-missing", story=text, changes=(text, text), symptom=text, users_see=text,
            kubernetes_sees=text, rollback=text, obstacles=("rollout-paused",),
        ),
        where=Where(
            cluster=text, context=text, namespace=text, workload=text, container=text, url=text, beside=(text,)
        ),
        by_whom=ByWhom(harness=text, decides=text, rolls_back=text, people=text),
        seen=SeenNow(cluster=text, kubernetes_version=text, container=text, image=text, state=text, allowed=text),
        steps=steps_of(scope),
        stops=(text, *stops_of(scope)),
        undone=(text, *undone_of(scope)),
        by_hand=(text,),
        expected=expected(drill),
        worst_case=worst_case(drill, SCENARIO, caps),
        run_command=text,
    )  # fmt: skip


def test_nothing_in_it_steers_a_terminal() -> None:
    shown = render_plan(plan(HOSTILE))
    assert {one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs"}} == {"\n"}


def test_nothing_ends_the_block_that_it_stands_in() -> None:
    shown = render_plan_markdown(plan(FENCES))
    lines = shown.splitlines()
    assert [one for one in lines if one.startswith("~~~~")] == ["~~~~text", "~~~~"]
    assert lines[-1] == "~~~~"
    assert not [one for one in lines if one.startswith("# ")]


@pytest.mark.parametrize("word", ["x" * 120, "registry.example/" + "flows/" * 12 + "@sha256:" + "a" * 64])
def test_a_long_word_is_not_torn(word: str) -> None:
    assert word in render_plan(plan(word))


def test_the_limit_that_stops_it_is_named_with_the_number() -> None:
    shown = render_plan(plan(caps=(Cap("limits.bad_requests: 7", bad_requests=7),)))
    assert f"{7 + 20 * (300 + 15 + 2)} of the drill's own load\n" in shown
    assert "  stopped by    limits.bad_requests: 7: earlier than the table adds up to\n" in shown
