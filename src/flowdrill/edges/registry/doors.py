"""Which registries and repositories are still worth a request, when many images are looked at together."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from flowdrill.errors import FlowdrillError, LoginRefusedError, RegistryAwayError, RegistryBusyError
from flowdrill.oci.repository import Repository

T = TypeVar("T")
# in a row, and each of them is several attempts already
_MOST_AWAY = 3
_MOST_BUSY = 8  # one damaged manifest makes some registries answer 500: that says nothing of the others


@dataclass(slots=True)
class _Registry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    answered: bool = False
    away_in_a_row: int = 0
    shut: RegistryAwayError | None = None


@dataclass(slots=True)
class _Door:
    """One repository."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    opened: bool = False
    refusal: LoginRefusedError | None = None


class Doors:
    """Every request goes through here. A repository's first one goes alone: it logs in for those that follow, and when
    it is refused nobody asks again, since many failed logins lock an account. A registry that never answered, or failed
    several requests in a row, is not asked any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registries: defaultdict[str, _Registry] = defaultdict(_Registry)
        self._doors: defaultdict[tuple[str, str], _Door] = defaultdict(_Door)

    def ask(self, repository: Repository, request: Callable[[], T]) -> T:
        """Return what `request` returns; LoginRefusedError or RegistryAwayError without a request when the repository
        or its registry is closed."""
        host = repository.client.host
        with self._lock:
            registry, door = self._registries[host], self._doors[host, repository.name]
        if not door.opened:
            with door.lock:
                if not door.opened:
                    return _first(door, registry, request)
        return _counted(registry, request)


def _first(door: _Door, registry: _Registry, request: Callable[[], T]) -> T:
    if door.refusal is not None:
        raise LoginRefusedError(f"not asked again after: {door.refusal.problem}", door.refusal.remedy)
    try:
        answer = _counted(registry, request)
    except LoginRefusedError as error:
        door.refusal = error
        raise
    except FlowdrillError:  # an answer, or a registry that is away for all of its repositories
        door.opened = True
        raise
    door.opened = True
    return answer


def _counted(registry: _Registry, request: Callable[[], T]) -> T:
    if registry.shut is not None:
        raise RegistryAwayError(f"not asked again after: {registry.shut.problem}", registry.shut.remedy)
    try:
        answer = request()
    except RegistryAwayError as error:
        with registry.lock:
            registry.away_in_a_row += 1
            if registry.away_in_a_row >= _most_in_a_row(registry, error):
                registry.shut = error
        raise
    except FlowdrillError:
        _note_answer(registry)
        raise
    _note_answer(registry)
    return answer


def _most_in_a_row(registry: _Registry, error: RegistryAwayError) -> int:
    if isinstance(error, RegistryBusyError):
        return _MOST_BUSY
    return _MOST_AWAY if registry.answered else 1


def _note_answer(registry: _Registry) -> None:
    with registry.lock:
        registry.answered, registry.away_in_a_row = True, 0
