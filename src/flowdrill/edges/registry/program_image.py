"""Making an image that runs a program of the drill's own on the stable image: its nodes have all but a small layer."""

from __future__ import annotations

from flowdrill.edges.registry.derive import beside_stable, drill_labels, refuse_drills_own
from flowdrill.model.images import PreparedImage, Program
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.layer import make_layer
from flowdrill.oci.stored_image import StoredImage, image_with


def prepare_program(stable: StoredImage, program: Program, run_id: str) -> PreparedImage:
    """Compute the stable image plus one layer with the program, started by its command; what the image sets in the
    environment stays. Two runs share nothing that one of them could delete under the other. PlanError when the stable
    image is one that a drill has made."""
    refuse_drills_own(stable)
    layer = make_layer({program.path: program.content}, note=f"flowdrill run {run_id}")
    edit = ConfigEdit(
        history=f"flowdrill {program.name}",
        entrypoint=program.command,
        cmd=(),
        labels=drill_labels(program.name, stable, run_id),
    )
    lines = (f"{program.path}: added, {len(program.content)} bytes", f"command: {' '.join(program.command)}")
    return beside_stable(image_with(stable, layer, edit), stable, program.name, lines)
