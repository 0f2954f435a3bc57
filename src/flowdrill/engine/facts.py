"""What the world tells a run while it waits. One inbox, one order: the engine never polls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from flowdrill.model.activity import ActivityEnd, ActivitySlot
from flowdrill.model.alerts import AlertEnd, AlertStage
from flowdrill.model.around import Surrounding
from flowdrill.model.instant import Instant
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.load_frames import Frame
from flowdrill.model.outcome import Record
from flowdrill.model.workload import WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class RecordsArrived:
    """Records came from a Locust process, read at `arrived_ns`."""

    arrived_ns: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class FramesArrived:
    """Frames came from a Locust master, read at `arrived_ns`."""

    arrived_ns: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class WorkloadChanged:
    """A watch delivered a change, read at `arrived_ns`; `snapshot` is the workload after it."""

    arrived_ns: int
    snapshot: WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class ImageStill:
    """The workload was read, and had this image: it was not changed to another one before `asked_ns`."""

    arrived_ns: int
    asked_ns: int
    image: str


@dataclass(frozen=True, slots=True)
class LoadDied:
    """A Locust process ended although nobody had stopped it."""

    arrived_ns: int
    exit_code: int
    last_words: str


@dataclass(frozen=True, slots=True)
class WatchLost:
    """A watch could not be kept up, with the reason; what it showed is no longer current."""

    arrived_ns: int
    problem: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGINT, SIGTERM or SIGHUP."""

    arrived_ns: int
    signal: str


class Step(StrEnum):
    """What a drill waits for before it goes on, where somebody else carries it from step to step."""

    START = "start"  # lock the workload, and send the load
    BREAK = "break"
    ROLL_BACK = "roll back"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class StepAsked:
    """Whoever steers the drill lets it go on to a step, now or once it has come there."""

    arrived_ns: int
    step: Step


@dataclass(frozen=True, slots=True)
class EndAsked:
    """Whoever steers the drill wants it to end: everything is put back."""

    arrived_ns: int
    why: str


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """An alert reached a stage. `detects`: with it the team knows; it is the last stage that the drill can see, and the
    alert is neither silenced nor inhibited."""

    arrived_ns: int
    alert: str
    stage: AlertStage
    instant: Instant
    detects: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class AlertGone:
    """An alert that had reached `stage` no longer fires, or was kept from people, with the reason."""

    arrived_ns: int
    alert: str
    stage: AlertStage
    says: str
    why: AlertEnd = AlertEnd.RESOLVED


@dataclass(frozen=True, slots=True)
class SourceTold:
    """A source of alerts (`Prometheus`, `Alertmanager`) is away (`problem`), or is back (None)."""

    arrived_ns: int
    source: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class AckTold:
    """Somebody said that they have noticed; `how`: by what means."""

    arrived_ns: int
    instant: Instant
    by: str
    how: str


@dataclass(frozen=True, slots=True)
class InjectTold:
    """Whoever leads the game day told people something."""

    arrived_ns: int
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class AroundSeen:
    """Another workload of the namespace, or a node, is seen for the first time, or has changed."""

    arrived_ns: int
    what: Surrounding


@dataclass(frozen=True, slots=True)
class OutsideAlertsSeen:
    """The alerts that fire and are not the drill's: all of them, asked for at `asked_ns`; told when they are others
    than before."""

    arrived_ns: int
    asked_ns: int
    firing: frozenset[str]


@dataclass(frozen=True, slots=True)
class LookTold:
    """What a limit looks at can be seen (None), or cannot, with the reason."""

    arrived_ns: int
    limit: LimitName
    problem: str | None


@dataclass(frozen=True, slots=True)
class ActivityBegan:
    """An activity of the drill began; `instant`: [told to begin, its process said that it has]."""

    arrived_ns: int
    slot: ActivitySlot
    instant: Instant


@dataclass(frozen=True, slots=True)
class ActivityOver:
    """An activity of the drill is over; `tolerance_met`: what Chaos Toolkit says of a probe's answer, None where there
    is none, or no answer. `instant`: [it said that it is done, that was read]; None: it never began."""

    arrived_ns: int
    slot: ActivitySlot
    instant: Instant | None
    end: ActivityEnd
    tolerance_met: bool | None
    says: str


@dataclass(frozen=True, slots=True)
class GuardTold:
    """Something became of the guard. `acts`: it has taken over, and this run must do nothing more."""

    arrived_ns: int
    text: str
    acts: bool


Fact = (
    RecordsArrived
    | FramesArrived
    | WorkloadChanged
    | ImageStill
    | LoadDied
    | WatchLost
    | StopAsked
    | StepAsked
    | EndAsked
    | AlertSeen
    | AlertGone
    | SourceTold
    | AckTold
    | InjectTold
    | AroundSeen
    | OutsideAlertsSeen
    | LookTold
    | ActivityBegan
    | ActivityOver
    | GuardTold
)


Tell = Callable[[Fact], None]
