"""`metrics.prom`: the result as numbers, for node-exporter's textfile collector or a push gateway.

The text is OpenMetrics and the classic Prometheus format at once: those two programs read the classic one. So there are
only gauges (they take no `stateset` and no `info`), no times behind the samples (node-exporter refuses them), and what
is one of a few words is a label, with 1 for the word that holds. Missing is missing, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from flowdrill.model.result import Assessment, Report, Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.safe_text import visible_text, with_visible_text
from flowdrill.report.words import unit_of

_LONGEST_LABEL = 200
_WORST_FIRST = (Status.FAIL, Status.UNKNOWN, Status.WARNING, Status.PASS)
_CUT_OFF = "cut off"

Labels = dict[str, str]
Sample = tuple[Labels, float | None]


def render_openmetrics(report: Report) -> str:
    """Return all families of a run; each sample bears the drill, the scenario, the cluster, the namespace and the
    workload, so that a series goes on from run to run. What is of this run alone is in `flowdrill_run_info`."""
    result = with_visible_text(report).result
    of_drill = _of_drill(result)
    families = [*_run(result), *_measures(result), *_assessments(result), *_requests(result)]
    texts = [_family(name, says, of_drill, samples) for name, says, samples in families]
    return "".join([*filter(None, texts), "# EOF\n"])


def metrics_group(report: Report) -> Labels:
    """Return the labels that a run's metrics replace those of the last one by: as they stand in the metrics."""
    of_drill = _of_drill(with_visible_text(report).result)
    return {name: visible_text(of_drill[name], _LONGEST_LABEL) for name in ("drill", "namespace", "workload")}


Family = tuple[str, str, Sequence[Sample]]


def _of_drill(result: Result) -> Labels:
    run = result.run
    return {
        "drill": run.drill,
        "scenario": run.scenario,
        "cluster": run.cluster,
        "namespace": run.namespace,
        "workload": run.workload,
    }


def _run(result: Result) -> list[Family]:
    run = result.run
    about = {
        "run_id": run.id,
        "end": _CUT_OFF if result.end is None else result.end.value,
        "plan_digest": run.plan_digest,
        "tool_version": run.tool_version,
        "kubernetes_version": run.kubernetes_version,
    }
    return [
        ("flowdrill_run_info", "The last run of the drill; always 1.", [(about, 1)]),
        ("flowdrill_run_verdict", "1 for the verdict of the run.", _one_of("verdict", Verdict, result.verdict)),
        ("flowdrill_run_started_timestamp_seconds", "When the run started.", [({}, _unix_seconds(run.started))]),
        (
            "flowdrill_run_finished_timestamp_seconds",
            "When the run finished; missing where it was cut off.",
            [({}, _unix_seconds(run.finished))],
        ),
        ("flowdrill_run_duration_seconds", "How long the run took.", [({}, run.duration_seconds)]),
    ]


def _measures(result: Result) -> list[Family]:
    found = [(name, getattr(result.measures, name)) for name in type(result.measures).model_fields]
    measured = [({"measure": name}, one) for name, one in found if one is not None]
    return [
        ("flowdrill_measure_seconds", "A time of the drill, as estimated.", [(k, m.seconds) for k, m in measured]),
        ("flowdrill_measure_earliest_seconds", "Its lower bound.", [(labels, m.earliest) for labels, m in measured]),
        ("flowdrill_measure_latest_seconds", "Its upper bound.", [(labels, m.latest) for labels, m in measured]),
    ]


def _assessments(result: Result) -> list[Family]:
    objectives = [
        (labels | {"objective": name}, value)
        for name, status in _worst_of_each(result.objectives).items()
        for labels, value in _one_of("status", Status, status)
    ]
    limits: dict[str, list[Sample]] = {"seconds": [], "ratio": []}
    for name, limit in {one.name: one.limit for one in result.objectives}.items():
        limits[unit_of(name)].append(({"objective": name}, limit))
    return [
        ("flowdrill_objective_status", "1 for the status of the objective.", objectives),
        *((f"flowdrill_objective_limit_{unit}", "What it allows at most.", found) for unit, found in limits.items()),
        ("flowdrill_checks", "How many checks have the status.", _counted(result.checks)),
        (
            "flowdrill_limits",
            "How many limits have the status; fail is the one that was reached.",
            _counted(result.limits),
        ),
    ]


def _worst_of_each(assessments: Iterable[Assessment]) -> dict[str, Status]:
    """A series may not come twice."""
    found: dict[str, Status] = {}
    for one in assessments:
        found[one.name] = min(one.status, found.get(one.name, one.status), key=_WORST_FIRST.index)
    return found


def _counted(assessments: Sequence[Assessment]) -> list[Sample]:
    counts = Counter(one.status for one in assessments)
    return [({"status": status.value}, counts[status]) for status in Status] if assessments else []


def _requests(result: Result) -> list[Family]:
    requests = result.requests
    if not requests.total:
        return []
    sums: list[Sample] = [({"result": "good"}, requests.good), ({"result": "bad"}, requests.bad)]
    reasons: list[Sample] = [({"reason": name}, count) for name, count in sorted(requests.by_reason.items())]
    budget = requests.error_budget
    return [
        ("flowdrill_requests", "Requests of the run by what became of them.", sums),
        ("flowdrill_bad_requests", "Bad requests of the run by reason.", reasons),
        (
            "flowdrill_failed_requests_ratio",
            "Bad requests among all, from the break to the recovery.",
            [({}, requests.failed_ratio)],
        ),
        (
            "flowdrill_error_budget_burned_ratio",
            "What the outage cost of the error budget of a whole period.",
            [({}, budget.burned_ratio if budget else None)],
        ),
    ]


def _one_of(label: str, words: type[Verdict] | type[Status], holds: Verdict | Status) -> list[Sample]:
    return [({label: word.value}, int(word is holds)) for word in words]


def _family(name: str, says: str, of_drill: Labels, samples: Sequence[Sample]) -> str:
    lines = [f"{name}{_labels(of_drill | labels)} {value!r}\n" for labels, value in samples if value is not None]
    unit = next((f"# UNIT {name} {unit}\n" for unit in ("seconds", "ratio") if name.endswith(f"_{unit}")), "")
    return f"# HELP {name} {says}\n# TYPE {name} gauge\n{unit}{''.join(lines)}" if lines else ""


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    shown = visible_text(value, _LONGEST_LABEL)
    return shown.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _unix_seconds(utc: str | None) -> float | None:
    """A time as ISO 8601 has it; None where there is none, or that is no time."""
    try:
        return None if utc is None else datetime.fromisoformat(utc).timestamp()
    except ValueError:
        return None
