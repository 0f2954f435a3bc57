"""A drill as an experiment of Chaos Toolkit: the same engine, carried from step to step by `chaos run`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from flowdrill.model.chaos_plan import ActivityPlan, AroundActivity, BeforeActivity, DuringActivity, Moment
from flowdrill.model.chaos_plan import experiment_activity as own
from flowdrill.model.drill import Drill
from flowdrill.model.scenario import Scenario

Json = dict[str, JsonValue]
_ACTIONS, _PROBES = "flowdrill.chaos.actions", "flowdrill.chaos.probes"
_CONTROLS = "flowdrill.chaos.controls"
_OWN_SECRETS = "flowdrill"


def experiment_of(drill: Drill, scenario: Scenario, path: str) -> Json:
    """Return the experiment that carries out the drill in the file `path`, named from where `chaos run` is called. The
    drill's own activities are in it, in their places."""
    secrets = _secrets(drill)
    return {
        "title": drill.description or drill.drill,
        "description": scenario.story,
        "contributions": {"reliability": "high", "availability": "high", "security": "none", "scalability": "none"},
        "tags": ["flowdrill", "langflow", "kubernetes", "rollback", scenario.scenario],
        "configuration": {
            "flowdrill_context": {"type": "env", "key": "FLOWDRILL_CONTEXT", "default": ""},
            "flowdrill_kubeconfig": {"type": "env", "key": "KUBECONFIG", "default": ""},
            "flowdrill_out": {"type": "env", "key": "FLOWDRILL_OUT", "default": "reports"},
            **drill.chaos.configuration,
        },
        **({"secrets": secrets} if secrets else {}),
        "controls": [_timeline_control(path), _control("guard")],
        "steady-state-hypothesis": {
            "title": "Users are served, the brake is ready, and it keeps its objectives",
            "probes": [*_hypothesis(drill), *(own(one) for one in drill.chaos.steady_state)],
        },
        "method": list(_method(drill)),
        "rollbacks": [
            _action("restore_stable_image"),
            *(_plain(one) for one in drill.chaos.after),
            _action("stop_load"),
        ],
    }


def names_not_free(drill: Drill) -> tuple[str, ...]:
    """Return what the drill's own configuration and secrets call as the experiment calls its own."""
    taken = ("flowdrill_context", "flowdrill_kubeconfig", "flowdrill_out")
    names = [f"chaos.configuration.{one}" for one in taken if one in drill.chaos.configuration]
    return (*names, *(("chaos.secrets.flowdrill",) if _OWN_SECRETS in drill.chaos.secrets else ()))


def _secrets(drill: Drill) -> Json:
    key = drill.load.api_key_from
    held: Json = {} if key is None else {_OWN_SECRETS: {key: {"type": "env", "key": key}}}
    return held | {
        name: {key: one.model_dump() for key, one in kept.items()} for name, kept in drill.chaos.secrets.items()
    }


def _hypothesis(drill: Drill) -> Iterator[Json]:
    yield _probe("service_is_healthy", True)
    yield _probe("image_is_retained", True)
    yield _probe("identity_may_roll_back", True)
    times = (("time_to_detect", drill.objectives.time_to_detect), ("time_to_recover", drill.objectives.time_to_recover))
    yield from (
        _probe(name, {"type": "range", "range": [0, seconds]}) for name, seconds in times if seconds is not None
    )


def _method(drill: Drill) -> Iterator[Json]:
    chaos = drill.chaos
    yield _action("start_load")
    yield from (_plain(one) for one in chaos.before)
    yield _action("deploy_broken_image")
    yield from _at(chaos.during, Moment.BROKEN)
    yield _probe("broken_image_is_detected")
    yield from _at(chaos.during, Moment.DETECTED, Moment.TRIGGERED)
    yield _action("roll_back")
    yield _probe("service_has_recovered")
    yield _probe("stable_image_runs_everywhere")
    yield from _at(chaos.during, Moment.RECOVERED)
    yield _action("take_evidence")


def _at(during: Iterable[DuringActivity], *moments: Moment) -> Iterator[Json]:
    """What waits for a moment goes on beside the drill: begun right before the step that the moment comes with."""
    for one in during:
        if one.at in moments:
            pauses: Json = {"pauses": {"before": one.after}} if one.after is not None else {}
            yield own(one) | pauses | ({} if one.at is Moment.RECOVERED else {"background": True})


def _plain(one: ActivityPlan) -> Json:
    """One that runs in its turn, or in the background where it says so; with its pauses."""
    pauses = one.pauses.model_dump(exclude_defaults=True) if isinstance(one, AroundActivity) else {}
    background: Json = {"background": True} if isinstance(one, BeforeActivity) and one.background else {}
    return (
        {name: value for name, value in own(one).items() if name != "pauses"}
        | ({"pauses": pauses} if pauses else {})
        | background
    )


def _action(func: str) -> Json:
    return {"type": "action", "name": func.replace("_", "-"), "provider": _python(_ACTIONS, func)}


def _probe(func: str, tolerance: JsonValue = None) -> Json:
    held: Json = {} if tolerance is None else {"tolerance": tolerance}
    return {"type": "probe", "name": func.replace("_", "-"), **held, "provider": _python(_PROBES, func)}


def _python(module: str, func: str) -> Json:
    return {"type": "python", "module": module, "func": func}


def _timeline_control(path: str) -> Json:
    arguments: Json = {
        "drill": path,
        "kube_context": "${flowdrill_context}",
        "kubeconfig": "${flowdrill_kubeconfig}",
        "out": "${flowdrill_out}",
    }
    return _control("record_timeline", {"arguments": arguments})


def _control(name: str, more: Json | None = None) -> Json:
    return {"name": name, "provider": {"type": "python", "module": f"{_CONTROLS}.{name}", **(more or {})}}
