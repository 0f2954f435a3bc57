"""What the worker does, with chaoslib: sees that an activity is valid, runs it, and holds its answer against its
tolerance. Third parties' code runs here, and only here."""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

_EXTENSIONS = {
    "chaosaddons": "chaostoolkit-addons",
    "chaosaws": "chaostoolkit-aws",
    "chaosazure": "chaostoolkit-azure",
    "chaosgcp": "chaostoolkit-google-cloud-platform",
    "chaosgrafana": "chaostoolkit-grafana",
    "chaosistio": "chaostoolkit-istio",
    "chaosk8s": "chaostoolkit-kubernetes",
    "chaosprometheus": "chaostoolkit-prometheus",
    "chaostoxi": "chaostoolkit-toxiproxy",
}
_NO_CHAOSLIB = "no chaoslib"
_LONGEST_ANSWER = 200_000  # characters of a probe's answer that are kept

Request = dict[str, Any]
Tell = Callable[[dict[str, Any]], None]


def check(request: Request, tell: Tell) -> None:
    """Tell what is wrong with each activity: `{checking: N}`, then `{problem: text}` where there is one."""
    if not _has_chaoslib(tell):
        return
    for number, activity in enumerate(request["activities"]):
        tell({"checking": number})
        problem = _problem_of(activity)
        if problem is not None:
            tell({"problem": problem})
    if request["environment"]:
        tell({"checking": None})
        try:
            _given(request)
        except Exception as error:  # noqa: BLE001 - chaoslib raises many kinds
            tell({"problem": _words(error)})
    tell({"checked": True})


def work(request: Request, tell: Tell, wait_for_go: Callable[[], None]) -> None:
    """Get ready, wait until it is time, and run the activity; tell `{ready: chaoslib's version}`, `{began: ns}`, and
    `{done: run, tolerance_met, at_ns}`; or `{invalid: text}`."""
    if not _has_chaoslib(tell):
        return
    from chaoslib import __version__  # noqa: PLC0415
    from chaoslib.activity import execute_activity  # noqa: PLC0415

    activity = request["activity"]
    problem = _problem_of(activity)
    if problem is None:
        try:
            configuration, secrets = _given(request)
        except Exception as error:  # noqa: BLE001 - chaoslib raises many kinds
            problem = _words(error)
    if problem is not None:
        tell({"invalid": problem})
        return
    tell({"ready": __version__})
    wait_for_go()
    tell({"began": time.monotonic_ns()})
    experiment = {"title": request["title"], "method": [activity], "configuration": configuration, "secrets": secrets}
    run = execute_activity(experiment, activity, configuration, secrets, dry=None)
    done_ns, met = time.monotonic_ns(), None
    if "tolerance" in activity and run["status"] == "succeeded":
        try:
            met = _met(activity["tolerance"], run["output"], configuration, secrets)
        except Exception as error:  # noqa: BLE001 - an answer that cannot be compared is no answer
            tell({"incomparable": f"{type(error).__name__}: {error}", "done": _kept(run), "at_ns": done_ns})
            return
        run["tolerance_met"] = met
    tell({"done": _kept(run), "tolerance_met": met, "at_ns": done_ns})


def _has_chaoslib(tell: Tell) -> bool:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")  # to standard error, which is kept
    try:
        importlib.import_module("chaoslib")
    except ImportError as error:
        tell({"missing": _NO_CHAOSLIB, "says": str(error)})
        return False
    return True


def _given(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    from chaoslib.configuration import load_configuration  # noqa: PLC0415
    from chaoslib.secret import load_secrets  # noqa: PLC0415

    configuration = load_configuration(request["configuration"])
    return configuration, load_secrets(request["secrets"], configuration)


def _met(tolerance: Any, answer: Any, configuration: dict[str, Any], secrets: dict[str, Any]) -> bool:
    from chaoslib import substitute  # noqa: PLC0415
    from chaoslib.hypothesis import within_tolerance  # noqa: PLC0415

    if isinstance(tolerance, str):
        tolerance = substitute(tolerance, configuration, secrets)
    with contextlib.redirect_stdout(sys.stderr):
        return bool(within_tolerance(tolerance, answer, configuration=configuration, secrets=secrets))


def _problem_of(activity: dict[str, Any]) -> str | None:
    from chaoslib.activity import ensure_activity_is_valid  # noqa: PLC0415
    from chaoslib.hypothesis import ensure_hypothesis_tolerance_is_valid  # noqa: PLC0415

    missing = _missing_module(activity["provider"])
    if missing is not None:
        return missing
    try:
        ensure_activity_is_valid(activity)
        if "tolerance" in activity:
            ensure_hypothesis_tolerance_is_valid(activity["tolerance"])
    except Exception as error:  # noqa: BLE001 - chaoslib's own kinds, and what it lets through
        return _words(error)
    return None


def _missing_module(provider: dict[str, Any]) -> str | None:
    """What chaoslib does not say of a module that cannot be imported: which one is missing, and what has it."""
    if provider["type"] != "python":
        return None
    module = provider["module"]
    try:
        importlib.import_module(module)
    except ImportError as error:
        absent = error.name or ""
        if absent and (module == absent or module.startswith(f"{absent}.")):
            top = module.partition(".")[0]
            install = _EXTENSIONS.get(top, "the extension that has it")
            return f"the module {module} is not installed: install {install} beside flowdrill ({sys.prefix})"
        return f"the module {module} cannot be imported: {error}"
    except Exception as error:  # noqa: BLE001 - whatever its code raises
        return f"the module {module} cannot be imported: {type(error).__name__}: {error}"
    return None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _kept(run: dict[str, Any]) -> dict[str, Any]:
    """The run as a journal has it; an answer of megabytes is cut, and said to be."""
    text = repr(run.get("output"))
    if len(text) > _LONGEST_ANSWER:
        return {**run, "output": f"[only the beginning] {text[:_LONGEST_ANSWER]}"}
    return run
