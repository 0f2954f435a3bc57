"""Which silences keep an alert from people, by what is known of its labels before it fires."""

from __future__ import annotations

import pytest

from flowdrill.analysis.alert_labels import contradictions, covers, known_labels
from flowdrill.model.alerts import AlertRule, LabelMatcher, Silence

KNOWN = {"alertname": "FlowFailing", "severity": "page"}
RULE = AlertRule("FlowFailing", "up == 0", (("severity", "page"), ("team", "{{ $labels.team }}")), "ok", "")


def matcher(label: str, text: str, *, regex: bool = False, equal: bool = True) -> LabelMatcher:
    return LabelMatcher(label, text, is_regex=regex, is_equal=equal)


@pytest.mark.parametrize(
    ("matchers", "answer"),
    [
        ([], False),
        ([matcher("alertname", "FlowFailing")], True),
        ([matcher("alertname", "FlowFailing"), matcher("severity", "ticket")], False),
        ([matcher("severity", "ticket", equal=False)], True),
        ([matcher("severity", "page", equal=False)], False),
        ([matcher("alertname", "Flow.*", regex=True)], True),
        ([matcher("alertname", "Flow", regex=True)], False),
        ([matcher("alertname", "Other|FlowFailing", regex=True)], True),
        ([matcher("alertname", "Other.*", regex=True, equal=False)], True),
        ([matcher("instance", "a")], None),
        ([matcher("instance", "a"), matcher("severity", "ticket")], False),
        ([matcher("alertname", "(F+)+x", regex=True)], None),
        ([matcher("alertname", ".*" * 40 + "x", regex=True)], None),
        ([matcher("alertname", "(", regex=True)], None),
        ([matcher("alertname", "(?P<n>Flow)Failing", regex=True)], True),
    ],
)
def test_a_silence_covers_what_all_its_matchers_match(matchers: list[LabelMatcher], answer: bool | None) -> None:
    assert covers(Silence("id", "ops", "", "", tuple(matchers)), KNOWN) is answer


def test_a_label_that_a_template_sets_is_not_known() -> None:
    assert contradictions(RULE, {"severity": "page", "team": "a", "instance": "b"}) == ()
    assert contradictions(RULE, {"severity": "ticket"}) == ("severity=page",)
    assert known_labels(RULE, "FlowFailing", {"zone": "a"}) == {**KNOWN, "zone": "a"}
    assert known_labels(None, "FlowFailing", {}) == {"alertname": "FlowFailing"}
