"""Which objects a selector means."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.selectors import label_selector_of, parse_field_selector, parse_label_selector
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.model.resource_quantity import quantity

LABELS = {"app": "web", "tier": "front", "size": "10", "example.org/team": "a", "empty": ""}
KEYS = st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4})?", fullmatch=True)
WORDS = st.from_regex(r"[a-z0-9]{1,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("", True), ("app", True), ("!app", False), ("none", False), ("!none", True), ("app=web", True),
        ("app==web", True), ("app = web", True), ("app=api", False), ("app!=web", False), ("none!=web", True),
        ("app in (web,api)", True), ("app in ( api )", False), ("app notin (web)", False), ("none notin (web)", True),
        ("app=web,tier=front", True), ("app=web,tier=back", False), ("example.org/team=a", True), ("empty=", True),
        ("size>9", True), ("size>10", False), ("size<11", True), ("size<9", False), ("app>1", False), ("none<5", False),
    ],
)  # fmt: skip
def test_a_label_selector_means_what_it_says(text: str, selected: bool) -> None:
    assert parse_label_selector(text).matches(LABELS) is selected


@pytest.mark.parametrize("text", ["=", "a=b=c", "a in", "a in b", "a in (b", "!", "a b", "-a", "a=-b", "a>x", "a,,b",
                                  "a=b\nc", "(a)", "a>" + "9" * 64, "é"])  # fmt: skip
def test_a_label_selector_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(StatusError) as refused:
        parse_label_selector(text)
    assert refused.value.code == 400


@given(st.dictionaries(KEYS, WORDS, max_size=4), st.dictionaries(KEYS, WORDS, max_size=4))
def test_the_text_and_the_object_of_a_selector_mean_the_same(wanted: dict[str, str], labels: dict[str, str]) -> None:
    expected = wanted.items() <= labels.items()
    assert parse_label_selector(",".join(f"{key}={text}" for key, text in wanted.items())).matches(labels) is expected
    assert label_selector_of({"matchLabels": wanted}).matches(labels) is expected
    expressions = [{"key": key, "operator": "In", "values": [text, "another"]} for key, text in wanted.items()]
    assert label_selector_of({"matchExpressions": expressions}).matches({**labels, **wanted})


@given(WORDS, st.dictionaries(KEYS, WORDS, max_size=3))
def test_every_operator_has_its_opposite(key: str, labels: dict[str, str]) -> None:
    for operator, opposite, values in (("In", "NotIn", ["a", "b"]), ("Exists", "DoesNotExist", [])):
        one, other = (
            label_selector_of({"matchExpressions": [{"key": key, "operator": name, "values": values}]})
            for name in (operator, opposite)
        )
        assert one.matches(labels) is not other.matches(labels)


@pytest.mark.parametrize("selector", [None, {"matchExpressions": [{"key": "size", "operator": "Near"}]}])
def test_what_is_no_selector_selects_nothing(selector: Json | None) -> None:
    assert not label_selector_of(selector).matches(LABELS)
    assert label_selector_of({}).matches(LABELS)


POD = {"metadata": {"name": "a", "namespace": "shop"}, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("text", "selected"),
    [("metadata.name=a", True), ("metadata.name!=a", False), ("status.phase=Running,spec.nodeName==n", True),
     ("status.phase!=Running", False), ("status.podIP=", True), ("spec.nodeName=", False), ("", True)],
)  # fmt: skip
def test_a_field_selector_means_what_it_says(text: str, selected: bool) -> None:
    assert parse_field_selector(text, "Pod").matches(POD) is selected


@pytest.mark.parametrize(
    ("text", "kind"), [("spec.image=a", "Pod"), ("status.phase=x", "ConfigMap"), ("status.phase=x", ""), ("a", "Pod")]
)
def test_a_field_that_cannot_be_selected_by_is_refused(text: str, kind: str) -> None:
    with pytest.raises(StatusError) as refused:
        parse_field_selector(text, kind)
    assert refused.value.code == 400


def test_events_are_selected_by_what_they_are_about() -> None:
    event = {"metadata": {}, "involvedObject": {"kind": "Pod", "name": "a"}, "source": {"component": "kubelet"}}
    for text in ("involvedObject.name=a,involvedObject.kind=Pod", "source=kubelet", "reason="):
        assert parse_field_selector(text, "Event").matches(event)
    assert not parse_field_selector("involvedObject.name=b", "Event").matches(event)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", "1"), ("250m", "0.25"), ("1.5", "1.5"), (".5", "0.5"), ("1.", "1"), ("64Mi", "67108864"), ("1k", "1000"),
     ("2Gi", "2147483648"), ("1e3", "1000"), ("1E3", "1000"), ("1E", "1e18"), ("1e-3", "0.001"), ("-1", "-1"),
     ("100n", "1e-7"), ("5u", "5e-6"), (0.5, "0.5"), (2, "2")],
)  # fmt: skip
def test_a_quantity_is_exact(text: object, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "x", "1x", "1KB", "1ki", "Mi", "1 Mi", "--1", "1e", "NaN", "inf", "1" * 41, "１", None]
)
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        quantity(text)


@given(st.decimals(0, 10**6, places=3), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_units_are_factors_of_each_other(number: Decimal, unit: str) -> None:
    following = {"Ki": "Mi", "Mi": "Gi", "Gi": "Ti"}[unit]
    assert quantity(f"{number}{following}") == 1024 * quantity(f"{number}{unit}")


@pytest.mark.parametrize("exponent", ["99999999", "-99999999"])
def test_an_exponent_without_bounds_costs_nothing(exponent: str) -> None:
    assert quantity(f"1e{exponent}") == Decimal(10) ** (40 if exponent[0] != "-" else -40)
