"""What preflight found, as a terminal shows it."""

from __future__ import annotations

from flowdrill.model.preflight import PreflightResult
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.report.preflight_text import render_preflight, text_table
from flowdrill.report.readiness_words import format_bytes
from tests.unit.report.sample_parts import assessed
from tests.unit.report.sample_readiness import good


def result(**changes: object) -> PreflightResult:
    facts: dict[str, object] = {
        "drill": "edge-missing", "scenario": "edge-missing", "cluster": "lab", "kubernetes_version": "v1.33.4",
        "namespace": "shop", "workload": "deployment/flow", "verdict": Verdict.FAIL,
        "reasons": ("responder_may_roll_back: must not patch",),
        "checks": (
            assessed("workload_healthy", Status.PASS, "a complete rollout", "2/2 replicas"),
            assessed("responder_may_roll_back", Status.FAIL, "may patch", "must not patch", "give it a Role"),
        ),
        "readiness": good(), "took_seconds": 0.31,
    }  # fmt: skip
    return PreflightResult.model_validate(facts | changes)


def test_the_verdict_comes_first_and_every_finding_with_what_to_do() -> None:
    text = render_preflight(result())
    assert text.startswith("FAIL: preflight of edge-missing on shop/deployment/flow\n")
    first = "FAILED   responder_may_roll_back: must not patch"
    finding = (first, "         required: may patch", "         -> give it a Role")
    assert "\n".join(f"  {line}" for line in finding) in text
    assert text.endswith("nothing was changed; took 310 ms\n")


def test_an_answer_that_is_not_the_wanted_one_is_marked() -> None:
    lines = render_preflight(result()).splitlines()
    answers = {line.split("  ")[1].strip(): line for line in lines if "ServiceAccount" in line or "refused" in line}
    assert set(answers) == {"yes", "not known !", "yes !"}


def test_what_was_not_looked_at_has_no_table() -> None:
    text = render_preflight(result(readiness=None))
    assert "PERMISSIONS" not in text
    assert "IMAGES" not in text


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert text_table(("A", "B"), [("long", "x"), ("s", "y")]) == "  A     B\n  long  x\n  s     y"


def test_sizes_are_decimal() -> None:
    shown = [format_bytes(size) for size in (None, 0, 999, 12_400, 412_345_678, 3_000_000_000_000)]
    assert shown == ["–", "0 B", "999 B", "12.4 kB", "412 MB", "3 TB"]
