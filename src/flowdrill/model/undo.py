"""How to put a workload back: written down before anything is broken."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass, field

from flowdrill.model.release import ConfigText, Fields, container_patch


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
    config: ConfigText | None = None  # what a ConfigMap held

    def by_hand(self) -> str:
        """Return the commands that put everything back without flowdrill."""
        commands = [["set", "image", self.workload, f"{self.container}={self.image}"]]
        if self.fields:
            patch = json.dumps(container_patch(self.container, self.image, self.fields))
            commands = [["patch", self.workload, "-p", patch]]
        if self.config is not None:
            data = json.dumps({"data": {self.config.key: self.config.text}})
            commands.insert(0, ["patch", "configmap", self.config.config_map, "--type", "merge", "-p", data])
            commands.append(["rollout", "restart", self.workload])
        return " && ".join(shlex.join(["kubectl", "-n", self.namespace, *command]) for command in commands)
