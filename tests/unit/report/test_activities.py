"""Activities in the reports: in a table, in the pictures, and harmless whatever they are called and say."""

from __future__ import annotations

import re

from flowdrill.analysis.report_data import report_of
from flowdrill.model.activity import ActivityEnd
from flowdrill.model.result import Report
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from flowdrill.report.result_json import render_result_json
from tests.fakes.fake_activities import Act, FakeActivities
from tests.fakes.world import World, drill_of

HOSTILE = "<script>alert(1)</script> | \u202e"


def report_with(says: str = "") -> Report:
    provider = {"type": "python", "module": "chaosk8s.pod.actions", "func": "terminate_pods"}
    kill = {"name": "kill <b>all</b>", "type": "action", "at": "triggered", "after": "1s", "provider": provider}
    world = World(drill=drill_of(chaos={"during": [kill]}))
    assert isinstance(world.activities, FakeActivities)
    if says:
        world.activities.acts[kill["name"]] = Act(end=ActivityEnd.FAILED, says=says)  # type: ignore[index]
    world.run()
    return report_of(world.record())


def test_every_format_has_them_with_their_times() -> None:
    report = report_with()
    html, markdown = render_html(report), render_markdown(report)
    assert "Chaos Toolkit activities" in html
    assert "chaosk8s.pod.actions.terminate_pods" in html
    assert "neither the restore nor the guard takes it back" in html
    assert "**Chaos Toolkit activities**" in markdown
    (row,) = report.result.activities
    assert row.began is not None
    assert f"{row.began.seconds:.3f} s" in html
    assert '"activities": [' in render_result_json(report)


def test_the_pictures_mark_when_they_began() -> None:
    pictures = re.findall(r"<svg.*?</svg>", render_html(report_with()), re.DOTALL)
    marked = [one for one in pictures if "kill &lt;b&gt;all&lt;/b&gt;" in one]
    assert len(marked) == 4  # timeline and chart, each for two widths


def test_nothing_that_they_say_acts_on_a_page() -> None:
    report = report_with(HOSTILE)
    html, markdown = render_html(report), render_markdown(report)
    assert "<script>" not in html
    assert "<b>all" not in html
    assert "\u202e" not in html + markdown
    assert "<script>" not in markdown
