"""How the times of a drill went from run to run, and where a release lies between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from flowdrill.model.history import HistoryRun


@dataclass(frozen=True, slots=True)
class Release:
    """Something changed before a run: from then on the drill is about something else, or measured by something else."""

    before: int  # the index of that run
    what: str  # in our words: the stable image, flowdrill
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class TargetTrend:
    """The runs of one drill on one target, the oldest first."""

    target: str
    runs: tuple[HistoryRun, ...]
    releases: tuple[Release, ...]


@dataclass(frozen=True, slots=True)
class DrillTrend:
    """A drill, and each target that it was carried out on."""

    drill: str
    targets: tuple[TargetTrend, ...]

    @property
    def runs(self) -> int:
        """So many runs on all targets."""
        return sum(len(one.runs) for one in self.targets)


def trends_of(runs: Iterable[HistoryRun]) -> tuple[DrillTrend, ...]:
    """Return the trend of each drill, by name; runs of different targets are not on one line. `runs`: the oldest
    first."""
    ordered = sorted(runs, key=lambda one: (one.drill, one.target))  # stable: each target's runs stay in their order
    return tuple(
        DrillTrend(
            drill,
            tuple(
                _target(target, tuple(of_target)) for target, of_target in groupby(of_drill, key=lambda one: one.target)
            ),
        )
        for drill, of_drill in groupby(ordered, key=lambda one: one.drill)
    )


def _target(target: str, runs: tuple[HistoryRun, ...]) -> TargetTrend:
    return TargetTrend(target, runs, releases_of(runs))


def releases_of(runs: Sequence[HistoryRun]) -> tuple[Release, ...]:
    """Return the releases between runs of one target: the stable image's digest, or flowdrill's version, is another
    one than in the last run that knew it."""
    found, image, tool = list[Release](), None, None
    for index, run in enumerate(runs):
        if run.stable_digest is not None:
            if image is not None and image[0] != run.stable_digest:
                found.append(Release(index, "stable image", image[1], _image(run)))
            image = (run.stable_digest, _image(run))
        if tool is not None and tool != run.tool_version:
            found.append(Release(index, "flowdrill", tool, run.tool_version))
        tool = run.tool_version
    return tuple(found)


def _image(run: HistoryRun) -> str:
    """The reference, with its digest."""
    reference, digest = run.stable_reference or "", run.stable_digest or ""
    return reference if digest in reference else f"{reference}@{digest}"


def only_last(trend: TargetTrend, most: int) -> TargetTrend:
    """Return the trend of its newest runs."""
    left_out = max(0, len(trend.runs) - most)
    releases = tuple(
        Release(one.before - left_out, one.what, one.old, one.new) for one in trend.releases if one.before >= left_out
    )
    return TargetTrend(trend.target, trend.runs[left_out:], releases)
