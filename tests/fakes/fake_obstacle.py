"""An obstacle whose bite is a function of the test's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from flowdrill.errors import FlowdrillError
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.status import Status


class FakeObstacle:
    """The `Obstacle` port. `bites` is called when it is put, `heals` when it is taken away. Errors in `failing_puts`
    are raised after it was put, and texts and errors in `stubborn` come from the next attempts to take it away."""

    def __init__(
        self, name: str, bites: Callable[[], None] = lambda: None, heals: Callable[[], None] = lambda: None
    ) -> None:
        self._name, self._bites, self._heals = name, bites, heals
        self.look_answer = ObstacleLook(Status.PASS, "it can be put", "", (f"undo {name}",))
        self.look_error: FlowdrillError | None = None
        self.scene: ObstacleScene | None = None
        self.failing_puts: deque[FlowdrillError] = deque()
        self.stubborn: deque[str | FlowdrillError] = deque()
        self.is_there = False
        self.takes = 0
        self.recalled: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return self._name

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        self.scene = scene
        if self.look_error is not None:
            raise self.look_error
        return self.look_answer

    def put(self) -> str:
        assert self.scene is not None, "it was not looked at"
        self.is_there = True
        self._bites()
        if self.failing_puts:
            raise self.failing_puts.popleft()
        return f"{self._name} is in the way"

    def recall(self, memory: Mapping[str, Any]) -> None:
        self.recalled = dict(memory)
        self.is_there = True

    def take_away(self) -> str | None:
        self.takes += 1
        if self.stubborn:
            answer = self.stubborn.popleft()
            if isinstance(answer, FlowdrillError):
                raise answer
            return answer
        if self.is_there:
            self._heals()
        self.is_there = False
        return None

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        return ((f"obstacle-{self._name}.txt", "what it did", "it was in the way\n"),)
