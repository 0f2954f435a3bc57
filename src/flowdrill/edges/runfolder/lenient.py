"""A run folder for whoever puts things back: what it cannot keep is left out, and nothing waits for it."""

from __future__ import annotations

import os
from pathlib import Path

from flowdrill.edges.runfolder.folder import GUARD_EVENTS, RunFolder
from flowdrill.errors import RunFolderError
from flowdrill.model.events import Event


class LenientFolder(RunFolder):
    """Takes the events of a guard, or of `flowdrill restore`. On a disk that is full, or in a folder that is gone, they
    are lost: a workload that is broken matters more. `problem` says what was lost first."""

    def __init__(self, path: Path) -> None:
        """Append to what the folder has of them."""
        self.problem: str | None = None
        try:
            super().__init__(path, (), events=GUARD_EVENTS)
        except OSError as error:
            self.problem = f"{path / GUARD_EVENTS}: {error.strerror}"
            super().__init__(path, (), events=os.devnull)  # an absolute path: that very file

    def emit(self, event: Event) -> None:
        """Append an event, if that is possible."""
        try:
            super().emit(event)
        except RunFolderError as error:
            self.problem = self.problem or error.problem

    def save(self, name: str, text: str) -> str:
        """Write a file of evidence, if that is possible; return its path relative to the run folder."""
        try:
            return super().save(name, text)
        except RunFolderError as error:
            self.problem = self.problem or error.problem
            return name
