"""The engine's own way back, with everything real that it touches, and nothing else of a drill."""

from __future__ import annotations

import json
import time

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.deciding import decide
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports, RollbackStrategy
from flowdrill.engine.rolling_back import take_the_way_back
from flowdrill.engine.stable_image import Stable
from flowdrill.model.advisories import Advisories, Advisory
from flowdrill.model.drill import Drill
from flowdrill.model.events import Decided, Event, ImageSet, Phase
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage, PreparedImage, RetainedImage
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.release import IMAGE_ONLY
from flowdrill.model.scenario import Scenario
from ways_back.place import BROKEN, STABLE

OUTSIDE = "outside"  # load, evidence and registry are not asked on the way back
_LIMIT_SECONDS = 60.0


class Brake:
    """The engine on one workload, with everything real that a rollback touches: client, watch, inbox, run folder."""

    def __init__(self, workload: KubernetesWorkload, drill: Drill, folder: RunFolder, scenario: Scenario) -> None:
        self.workload, self._folder = workload, folder
        self._clock, self._inbox = MonotonicClock(), QueueInbox()
        self._events: list[Event] = []
        self._drill = drill
        mended = Advisory(id="CVE-1", fixed_in="0.1", what="long mended")
        self._order = RunOrder(
            drill, scenario, "run", "flow", "c", "v1", "0", "sha256:0", "here", b"",
            Advisories(product="langflow", as_of="2026-01-01", advisories=(mended,)),
        )  # fmt: skip
        self._cleared = self._looked()
        workload.start_watching(self._inbox.tell)

    def _looked(self) -> Cleared:
        """What preflight would have found."""
        stable, broken = parse_image_reference(STABLE), parse_image_reference(BROKEN)
        retained = RetainedImage(stable, "m", (), 1)
        revision, end = None, time.monotonic() + _LIMIT_SECONDS
        while revision is None:  # until the controller has made it
            assert time.monotonic() < end, f"no revision of the Deployment after {_LIMIT_SECONDS:g} s"
            found = self.workload.surroundings().revisions
            revision = next((one.name for one in found if one.current), None)
        return Cleared(
            before=self.workload.snapshot(),
            stable=Stable(STABLE, stable, frozenset({str(stable.digest)}), None, retained),
            broken=PreparedImage(BrokenImage(broken, stable, (), 0, ()), "m", b"", ()),
            release=IMAGE_ONLY,
            revision=revision,
            template=self.workload.template(),
        )

    def image(self) -> str:
        """The image that the Deployment has now."""
        return self.workload.snapshot().image

    def emit(self, event: Event) -> None:
        self._folder.emit(event)
        self._events.append(event)

    def lookout_on_broken(self) -> Lookout:
        """A new lookout that has seen the workload broken, as it is when a detector has fired."""
        self.workload.set_image(BROKEN, "benchmark: break")
        lookout = Lookout(self._clock, self._inbox, self.emit, self._drill.load, self._drill.trigger)
        seen = lookout.wait(lambda _: lookout.workload if self._is_broken(lookout) else None, _LIMIT_SECONDS)
        assert seen is not None, "the watch never showed the broken image"
        return lookout

    def _is_broken(self, lookout: Lookout) -> bool:
        """Broken, and settled: the Deployment controller has made the revision and written the status."""
        seen = lookout.workload
        return seen is not None and seen.image == BROKEN and seen.observed_generation >= seen.generation

    def decision_to_patch_ms(self, strategy: RollbackStrategy) -> float:
        """What `brake.py` does once a detector's word is enough."""
        lookout = self.lookout_on_broken()
        ports = self._ports(strategy)
        tell = Narrator(self._clock, self.emit)
        self._events.clear()
        decide(self._order, BROKEN, lookout, ports, tell)
        tell.phase(Phase.ROLL_BACK)
        lookout.catch_up()
        taken = take_the_way_back(self._order, self._cleared, ports, lookout, tell)
        assert taken is not None
        (decided,) = (one for one in self._events if isinstance(one, Decided))
        (image_set,) = (one for one in self._events if isinstance(one, ImageSet))
        return ns_to_seconds(image_set.instant.latest_ns - decided.instant.earliest_ns) * 1000

    def _ports(self, strategy: RollbackStrategy) -> Ports:
        return Ports(
            clock=self._clock, inbox=self._inbox, tell=self._inbox.tell, workload=self.workload, registry=OUTSIDE,
            load=OUTSIDE, evidence=self._folder, rollback=strategy,
        )  # fmt: skip


def plan(space: str) -> tuple[Drill, Scenario]:
    load = {"url": "http://127.0.0.1:1", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20}
    drill = {
        "drill": "decision",
        "target": {"namespace": space, "workload": "deployment/app"},
        "scenario": "decision",
        "load": load,
        "objectives": {"outage": "60s"},
    }
    scenario = {
        "scenario": "decision",
        "story": "s",
        "changes": {"command": ["false"]},
        "symptom": "bad-answers",
        "seen_by_users": "500",
    }
    return Drill.model_validate_json(json.dumps(drill)), Scenario.model_validate_json(json.dumps(scenario))
