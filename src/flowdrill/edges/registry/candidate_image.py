"""Making the image of a candidate: the candidate itself with labels that name the run.

It is an image of the drill's own, beside the candidate, so that whatever cleans up a run deletes no one else's. The
labels change its configuration, and with it its digest; layers, environment and command are the candidate's.
"""

from __future__ import annotations

from flowdrill.analysis.redaction import redact
from flowdrill.edges.registry.derive import beside_stable, drill_labels
from flowdrill.model.images import PreparedImage
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.stored_image import StoredImage, image_with


def prepare_candidate(stable: StoredImage, candidate: StoredImage, name: str, run_id: str | None) -> PreparedImage:
    """Compute it, to be pushed into the candidate's repository as `drill-<name>-<12 hex of its digest>`. Its changes
    say how its configuration differs from that of the stable image, without secrets."""
    edit = ConfigEdit(history=f"flowdrill scenario {name}", labels=drill_labels(name, candidate, run_id))
    changes = (f"candidate {candidate.reference}", *_differences(stable, candidate))
    return beside_stable(image_with(candidate, None, edit), candidate, name, changes)


def _differences(stable: StoredImage, candidate: StoredImage) -> list[str]:
    before, after = stable.config.env, candidate.config.env
    lines = [f"env {redact(f'{name}={value}')}" for name, value in after.items() if before.get(name) != value]
    lines += [f"env {name}: not set any more" for name in before if name not in after]
    commands = [" ".join((*one.config.entrypoint, *one.config.cmd)) or "none" for one in (candidate, stable)]
    if commands[0] != commands[1]:
        lines.append(redact(f"command: {commands[0]} (was: {commands[1]})"))
    return lines
