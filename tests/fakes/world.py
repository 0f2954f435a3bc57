"""A whole world for a run: fake time, a workload that rolls out in it, a registry, and users it answers to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flowdrill.analysis.provider_log import provider_requests
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo as UndoStrategy
from flowdrill.engine.facts import StopAsked
from flowdrill.engine.guard_ports import Guard, GuardJob, LoadJobs, Obstacle
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Activities, Ports, RollbackProgram, RollbackStrategy, Steering
from flowdrill.engine.run import RunOutcome, run
from flowdrill.engine.source_ports import AuditTrail
from flowdrill.errors import RunFolderError
from flowdrill.model.advisories import Advisories, Advisory
from flowdrill.model.drill import Drill
from flowdrill.model.events import Check, Checked, Event, ImageSet, Phase, PhaseStarted, Purpose
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.outcome import Reason
from flowdrill.model.provider_log import BASELINE_LOG, OUTAGE_LOG, ProviderLog
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario
from flowdrill.model.standing import Standing, standing_from_json, standing_to_json
from flowdrill.model.undo import Undo
from tests.fakes.fake_activities import FakeActivities
from tests.fakes.fake_alerts import FakeAlerts
from tests.fakes.fake_ledger import FakeLedger
from tests.fakes.fake_load import FakeLoad
from tests.fakes.fake_look import FakeLook
from tests.fakes.fake_provider import FakeProvider
from tests.fakes.fake_registry import BROKEN_DIGEST, FakeRegistry
from tests.fakes.fake_time import FakeTime
from tests.fakes.fake_workload import FakeWorkload

E = TypeVar("E")
OLD_ADVISORIES = Advisories(
    product="langflow", as_of="2026-11-26", advisories=(Advisory(id="CVE-1", fixed_in="0.1", what="long mended"),)
)
STABLE_DIGEST = "sha256:" + "a" * 64
REPOSITORY = "registry.test/flows/greeting"
STABLE = f"{REPOSITORY}@{STABLE_DIGEST}"
TAGGED = f"{REPOSITORY}:1.0.0"


def drill_of(**changes: Any) -> Drill:
    plan: dict[str, Any] = {
        "drill": "edge-missing",
        "target": {"namespace": "demo", "workload": "deployment/app"},
        "scenario": "edge-missing",
        "load": {
            "url": "http://127.0.0.1:1",
            "route": "lfx-run",
            "flow": "f",
            "expect": "v1",
            "requests_per_second": 20,
        },
        "objectives": {"time_to_detect": "5s", "time_to_recover": "30s", "outage": "60s"},
    }
    return Drill.model_validate_json(json.dumps({**plan, **changes}))


SCENARIO = Scenario.model_validate_json(
    json.dumps(
        {
            "scenario": "edge-missing",
            "story": "s",
            "changes": {"flow": [{"remove_edges": {"into": {"place": "output"}}}]},
            "symptom": "bad-answers",
            "seen_by_users": "500",
        }
    )
)


@dataclass
class KeptEvidence:
    """The `EvidenceFolder` port in memory."""

    files: dict[str, str] = field(default_factory=dict)
    undo: Undo | None = None
    standing: Standing | None = None

    def save(self, name: str, text: str) -> str:
        self.files[name] = text
        return f"evidence/{name}"

    def remember_undo(self, undo: Undo) -> None:
        self.undo = undo

    def remember_standing(self, standing: Standing) -> None:
        self.standing = standing_from_json(standing_to_json(standing))


class World:
    """Everything a run touches, scriptable, in fake time."""

    def __init__(
        self,
        *,
        drill: Drill | None = None,
        scenario: Scenario = SCENARIO,
        image: str = STABLE,
        stands: bool = True,
        time: FakeTime | None = None,
        **workload: Any,
    ) -> None:
        """`stands`: whether the provider, where the drill names one, is there without the drill."""
        self.time = time or FakeTime()
        self.drill, self.scenario = drill or drill_of(), scenario
        self.provider = FakeProvider(self.time, stands=stands) if self.drill.provider is not None else None
        self.workload = FakeWorkload(self.time, image, digests={TAGGED: STABLE_DIGEST}, **workload)
        self.workload.responder = self.drill.rollback.as_user
        self.registry = FakeRegistry(REPOSITORY, {"1.0.0": STABLE_DIGEST})
        if self.provider is not None:
            self.provider.join(self.workload.others)
        self.load = FakeLoad(self.time, self.answer)
        self.evidence = KeptEvidence()
        self.rollback: RollbackStrategy | None = None  # None: by the drill's own, where that needs no program
        self.program: RollbackProgram | None = None
        plan = self.drill.detect.prometheus
        self.alerts = FakeAlerts(self.time, plan.alerts) if plan is not None else None
        self.ledger = FakeLedger()
        self.obstacles: tuple[Obstacle, ...] = ()
        self.audit: AuditTrail | None = None
        self.around: dict[LimitName, FakeLook] = {}  # nobody looks around, unless a test wants it
        self.activities: Activities | None = None
        if self.drill.chaos.activities:
            self.activities = FakeActivities(self.time, self.drill.chaos)
        self.guard: Guard | None = None
        self.guard_job: GuardJob | None = None
        self.steering: Steering | None = None
        self.load_jobs: LoadJobs | None = None
        self.events: list[Event] = []
        self.noise_every = 0  # every n-th request fails whatever runs
        self.bites = True  # whether the broken image answers badly
        self.fails: Callable[[], bool] = lambda: False  # whether a user is answered badly, whatever image answers
        self.calls_when_broken = 1  # of the model, where the drill names a provider
        self.at_the_break: Callable[[], object] = lambda: None
        self.at_the_restore: Callable[[], object] = lambda: None
        self.journal_fails_after: int | None = None  # events, as on a disk that is full then

    def emit(self, event: Event) -> None:
        if self.journal_fails_after is not None and len(self.events) >= self.journal_fails_after:
            raise RunFolderError("events.jsonl: no space left on device", "make room")
        self.events.append(event)
        if isinstance(event, ImageSet) and event.purpose is Purpose.BREAK:
            self.at_the_break()
        if isinstance(event, PhaseStarted) and event.phase is Phase.RESTORE:
            self.at_the_restore()

    def answer(self, sequence: int, now_ns: int) -> Reason:
        """What a user is told: requests go round the ready pods, as connections through a Service do."""
        if self.noise_every and sequence % self.noise_every == 0:
            return Reason.HTTP_STATUS
        pods = [pod for pod in self.workload.pods if pod.in_endpoints and not pod.deleting]
        if not pods:
            return Reason.CONNECTION
        broken = BROKEN_DIGEST in pods[sequence % len(pods)].image
        if self.provider is not None:
            self.provider.serve(self.calls_when_broken if broken else 1)
            if self.provider.serving != "ok" or not self.provider.there:
                return Reason.HTTP_STATUS
        return Reason.HTTP_STATUS if (broken and self.bites) or self.fails() else Reason.GOOD

    def order(self) -> RunOrder:
        return RunOrder(
            drill=self.drill,
            scenario=self.scenario,
            run_id="run-1",
            container="flow",
            cluster="test",
            kubernetes_version="v1.36.0",
            tool_version="0",
            plan_digest="sha256:0",
            host="here",
            provider_program=b"print()",
            advisories=OLD_ADVISORIES,
        )

    def ports(self) -> Ports:
        way = UndoStrategy if self.drill.rollback.way is Strategy.UNDO else SetImage
        return Ports(
            clock=self.time,
            inbox=self.time,
            tell=self.time.tell,
            workload=self.workload,
            registry=self.registry,
            load=self.load,
            evidence=self.evidence,
            rollback=self.rollback or way(self.workload, self.time),
            program=self.program,
            provider=self.provider,
            ledger=self.ledger,
            obstacles=self.obstacles,
            audit=self.audit,
            guard=self.guard,
            guard_job=self.guard_job,
            load_jobs=self.load_jobs,
            alerts=self.alerts,
            activities=self.activities,
            sources=(self.alerts,) if self.alerts is not None else (),
            around=self.around,
            steering=self.steering,
        )

    def run(self) -> RunOutcome:
        return run(self.order(), self.ports(), self.emit)

    def stop_after(self, seconds: float) -> None:
        self.time.after(seconds, lambda: self.time.tell(StopAsked(arrived_ns=self.time.now_ns(), signal="SIGINT")))

    def all_of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def check(self, name: str) -> Check:
        (found,) = (event.check for event in self.all_of(Checked) if event.check.name == name)
        return found

    def record(self) -> RunRecord:
        kept = [self.evidence.files.get(name) for name in (BASELINE_LOG, OUTAGE_LOG)]
        provider = ProviderLog(*(None if text is None else provider_requests(text) for text in kept))
        return RunRecord(self.drill, self.scenario, tuple(self.events), tuple(self.load.records), provider)

    def problems_left(self) -> list[str]:
        """What is not as it was before the run."""
        pods = self.workload.pods
        wrong = {
            "image": self.workload.image not in (STABLE, TAGGED),
            "pods": any(BROKEN_DIGEST in pod.image for pod in pods),
            "revisions": any(BROKEN_DIGEST in image for image in self.workload.revisions),
            "change cause": self.workload.change_cause is not None,
            "provider": self.provider is not None and self.provider.there and self.provider.modes[-1] != "ok",
            "lock": self.workload.undo is not None,
            "load": self.load.ready,
            "images": self.registry.digests != {STABLE_DIGEST},
            "started provider": self.provider is not None and bool(self.provider.starts) and self.provider.there,
        }
        return [name for name, is_wrong in wrong.items() if is_wrong]
