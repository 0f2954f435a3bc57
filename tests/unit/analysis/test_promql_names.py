"""Which metrics an expression names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.promql_names import metric_names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", ("up",)),
        ("up == 0", ("up",)),
        ('rate(http_requests_total{code=~"5.."}[5m]) > 0.1', ("http_requests_total",)),
        (
            "sum by (job, instance) (rate(errors_total[1m])) / on(job) group_left(team) sum without (le) (all_total)",
            ("errors_total", "all_total"),
        ),
        ("sum(rate(a_total[1m])) by (job) and ignoring(x) b unless c or d", ("a_total", "b", "c", "d")),
        ('job:errors:rate5m{job="x"} offset 5m > bool 1e3', ("job:errors:rate5m",)),
        ("max_over_time(x[1h:5m] @ start()) - y @ 1609746000", ("x", "y")),
        ('{__name__="a.b", job="c"}', ("a.b",)),
        ('{"metric.with.dots", job="c"}', ("metric.with.dots",)),
        ('{__name__=~"a|b"}', ()),
        ("histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m]))) > 2", ("x_bucket",)),
        ('label_replace(a, "dst", "$1", "src", "(.*)") # a comment with words\n> 1', ("a",)),
        ("absent(up{job='it\\'s'}) or `raw` == 1", ("up",)),
        ("count(a) + a + count", ("a", "count")),
        ("vector(1) > Inf - NaN", ()),
        ("-0x1F + .5e2", ()),
        ("", ()),
        ("{{{)))((", ()),
    ],
)
def test_metrics_are_found_and_nothing_else(expression: str, names: tuple[str, ...]) -> None:
    assert metric_names(expression) == names


@given(st.text(alphabet="ab_:{}()[]\"'`#,=~ \n0123by on sum rate", max_size=200))
def test_any_text_has_names_that_stand_in_it(text: str) -> None:
    for name in metric_names(text):
        assert name in text


def test_a_huge_expression_is_looked_at_in_part() -> None:
    assert metric_names("(" * 1_000_000 + "up") == ()
    assert metric_names('{"' * 20_000) in ((), metric_names('{"' * 20_000))
