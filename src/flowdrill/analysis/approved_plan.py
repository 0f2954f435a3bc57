"""Which of a plan's fields its digest covers, so that a flowdrill with more fields does not void what was approved.

All of them, with their defaults: a default that changes its value changes what a drill does, and so the digest. But a
field that was added later, and stands at the value that does what was done before there was such a field, decides
nothing that was not approved: it is left out. Which value that is stands in `ADDED`, and is never changed again. It is
not the field's default: when that becomes another value, the field enters the digest of every plan that leaves it out,
and no approval holds that was given for something else.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

# By the place of the field: `drill.calendar`, `scenario.changes.x`; `*` stands for each item of a list, and for each
# name that a plan gives. A field of the models that is not in here is one that every digest covers; a new one that is
# not put in here makes every digest new.
ADDED: Mapping[str, JsonValue] = {
    "drill.chaos": {
        "configuration": {},
        "secrets": {},
        "environment": [],
        "limit": "30s",
        "steady_state": [],
        "before": [],
        "during": [],
        "after": [],
    },
    "drill.load.in_cluster": None,
    "drill.load.workers": None,
}
_Place = tuple[str, ...]


def approved_plan(plan: JsonValue, added: Mapping[str, JsonValue] = ADDED) -> JsonValue:
    """Return the plan without the fields that say no more than their absence did."""
    return _without(plan, (), {tuple(place.split(".")): before for place, before in added.items()})


def _without(value: JsonValue, place: _Place, added: Mapping[_Place, JsonValue]) -> JsonValue:
    """From within outwards: a section that was added may have got fields of its own since."""
    if isinstance(value, list):
        return [_without(one, (*place, "*"), added) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _without(one, (*place, name), added) for name, one in value.items()}
    return {name: one for name, one in kept.items() if not _says_nothing((*place, name), one, added)}


def _says_nothing(place: _Place, value: JsonValue, added: Mapping[_Place, JsonValue]) -> bool:
    """In Python False is 0, and 1 is 1.0: so types count, too."""
    return any(
        _is_at(place, wanted) and type(value) is type(before) and value == before for wanted, before in added.items()
    )


def _is_at(place: _Place, wanted: _Place) -> bool:
    return len(place) == len(wanted) and all(one in ("*", name) for name, one in zip(place, wanted, strict=True))
