"""What the recovery was spent on: every stage from the one before it, as a waterfall."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result, Stage
from flowdrill.report.scale import Scale, clock_text, time_ticks
from flowdrill.report.svg import line, picture, rect, shortened, text, text_width

_NARROW = 600.0
_VALUE_ROOM = 74.0


@dataclass(frozen=True, slots=True)
class StageSpan:
    """A stage with where it began: when the stage before it, of the same pod where it has one, was reached."""

    stage: Stage
    begins: float

    @property
    def words(self) -> str:
        """The stage, and the pod where it is one pod's."""
        return f"{self.stage.stage} · {self.stage.pod}" if self.stage.pod else self.stage.stage

    @property
    def took(self) -> float:
        """Seconds since the stage before it."""
        return self.stage.seconds - self.begins


def stage_spans(stages: tuple[Stage, ...]) -> tuple[StageSpan, ...]:
    """Return the stages in their order, each beginning where the newest stage before it was reached: of the same pod
    or of the whole workload; for one of the whole workload, of any pod."""
    spans: list[StageSpan] = []
    for stage in stages:
        before = [
            span.stage.seconds
            for span in spans
            if (stage.pod is None or span.stage.pod in (stage.pod, None)) and span.stage.seconds <= stage.seconds
        ]
        spans.append(StageSpan(stage, max(before, default=min(0.0, stage.seconds))))
    return tuple(spans)


def render_waterfall(result: Result, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" when there are no stages."""
    spans = stage_spans(result.recovery_stages)
    if not spans:
        return ""
    narrow = width < _NARROW
    labels = 0.0 if narrow else min(400.0, max(text_width(span.words) for span in spans) + 14)
    row, axis = (36.0, len(spans) * 36.0 + 4) if narrow else (24.0, len(spans) * 24.0 + 4)
    end = max(span.stage.latest for span in spans)
    time = Scale(min(0.0, *(span.begins for span in spans)), end or 1, labels + 2, width - _VALUE_ROOM)
    rows = [_row(span, time, index * row, labels) for index, span in enumerate(spans)]
    return picture(
        f"waterfall-{width:.0f}",
        (width, axis + 34),
        "What the recovery was spent on",
        "; ".join(f"{span.words}: reached after {format_seconds(span.stage.seconds)}" for span in spans) + ".",
        *_axis(time, axis, narrow),
        *(piece for pieces in rows for piece in pieces),
    )


def _row(span: StageSpan, time: Scale, top: float, labels: float) -> list[ET.Element]:
    middle = top + (12 if labels else 26)
    left, right = time.at(span.begins), max(time.at(span.stage.seconds), time.at(span.begins) + 1.5)
    bounds = f"{format_seconds(span.stage.earliest)} to {format_seconds(span.stage.latest)}"
    tip = f"{span.words}: took {format_seconds(span.took)}, reached between {bounds} after the rollback's request"
    name = shortened(span.words, labels - 10 if labels else time.end)
    kind = "stage" if span.stage.pod else "stage stage-whole"
    return [
        text(0, middle + 4 if labels else top + 14, name),
        rect(left, middle - 5, right, middle + 5, kind, tip=tip, radius=2),
        line(time.at(span.stage.earliest), middle, time.at(span.stage.latest), middle, "whisker"),
        text(max(right, time.at(span.stage.latest)) + 6, middle + 4, format_seconds(span.stage.seconds), "tick"),
    ]


def _axis(time: Scale, axis: float, narrow: bool) -> list[ET.Element]:
    moments = time_ticks(time.low, time.high, 4 if narrow else 8)
    fine = len(moments) > 1 and moments[1] - moments[0] < 1
    drawn = [line(time.start, axis, time.end, axis, "axis")]
    for moment in moments:
        drawn.append(line(time.at(moment), 0, time.at(moment), axis, "grid"))
        drawn.append(text(time.at(moment), axis + 15, clock_text(moment, fine), "tick", "middle"))
    return [*drawn, text(time.end, axis + 30, "time since the rollback was asked for", "tick", "end")]
