"""How to put a workload back: written down before anything is broken."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

from flowdrill.model.release import Beside, Fields, container_patch, pods_read_at_start
from flowdrill.model.run_label import RUN_LABEL, run_label


@dataclass(frozen=True, slots=True)
class Undo:
    """All that is needed to put the workload back, also by hand, also by somebody else."""

    run_id: str
    workload: str  # deployment/NAME
    namespace: str
    container: str
    image: str  # as in the template before the drill
    change_cause: str | None
    host: str
    fields: Fields = field(default_factory=dict)  # of the container, as they were; None: it had none
    beside: Beside = field(default_factory=dict)  # what other objects held
    recovery_image: str | None = None  # puts the data back, and is rolled out before `image`
    started: str | None = None  # deployment/NAME that the drill makes, with the run's label, and takes away again

    def by_hand(self) -> str:
        """Return the commands that put everything back without flowdrill."""
        commands = [["patch", name, "-p", json.dumps(patch)] for name, patch in self.beside.items()]
        if self.recovery_image is not None:
            commands += [self._set(self.recovery_image), ["rollout", "status", self.workload]]
        commands.append(self._set(self.image))
        if pods_read_at_start(self.beside):
            commands.append(["rollout", "restart", self.workload])
        if self.started is not None:  # by its label: nobody else's of that name, and no error when it is gone
            commands.append(["delete", self.started.partition("/")[0], "-l", f"{RUN_LABEL}={run_label(self.run_id)}"])
        return " && ".join(shlex.join(["kubectl", "-n", self.namespace, *command]) for command in commands)

    def _set(self, image: str) -> list[str]:
        """The words after `kubectl -n NAMESPACE` that set the image, and the container's fields as they were."""
        if not self.fields:
            return ["set", "image", self.workload, f"{self.container}={image}"]
        return ["patch", self.workload, "-p", json.dumps(container_patch(self.container, image, self.fields))]
