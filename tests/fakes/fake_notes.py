"""What of a fake workload only matters once it is asked whether everything is as before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flowdrill.analysis.redaction import REDACTED
from flowdrill.model.standing import KeptRevision, StandingObject, fact

CONTAINER = "spec.template.spec.containers[flow]"


class FakeNotes:
    """Annotations of the workload (but for its change-cause) and of its revisions by image, and who has set what by
    path. `leftovers` is what bears the run's label; `unreadable` what may not be read."""

    def __init__(self) -> None:
        self.own: dict[str, str] = {}
        self.of_revisions: dict[str, dict[str, str]] = {}
        self.managers: dict[str, str] = {}
        self.leftovers: list[str] = []
        self.numbers: dict[str, int] = {}  # of revisions that were rolled out since the beginning, by name
        self.unreadable: tuple[str, ...] = ()

    def rise(self, name: str) -> None:
        """The revision is the newest now."""
        self.numbers[name] = max([100, *self.numbers.values()]) + 1

    def kept(self, named: Sequence[tuple[str, str]]) -> tuple[KeptRevision, ...]:
        """The revisions of (name, image), oldest first."""
        found = [
            KeptRevision(name, image, facts_of(self.of_revisions.get(image, {})), self.numbers.get(name, at))
            for at, (name, image) in enumerate(named, 1)
        ]
        return tuple(sorted(found, key=lambda one: one.number or 0))

    def beside(self, name: str, config: Mapping[str, str]) -> StandingObject | None:
        """An object beside the workload: the ConfigMap, or what the drill has started and left."""
        if name == "configmap/flows":
            return StandingObject({f"data.{key}": fact(text, text) for key, text in config.items()})
        return StandingObject({}) if name in self.leftovers else None


def container_facts(image: str, container: Mapping[str, Any]) -> dict[str, str]:
    """The fields of the container `flow`."""
    env = {f"{CONTAINER}.env[{one['name']}].value": fact(one["value"], REDACTED) for one in container.get("env", ())}
    more = {f"{CONTAINER}.{key}": fact(value, value) for key, value in container.items() if key != "env"}
    return {f"{CONTAINER}.image": fact(image, image), **env, **more}


def facts_of(annotations: Mapping[str, str]) -> dict[str, str]:
    """Annotations as fields."""
    return {f"metadata.annotations.{key}": fact(text, text) for key, text in annotations.items()}
