"""flowdrill's look at many images: `python -m image_stage.looking REFERENCES CA` prints what it found, as JSON.

A process of its own, so that its start counts and its peak memory is nothing but its own.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

from proof.processes import peak_megabytes

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.model.image_health import Health, Tier
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.oci.client import open_registry


def no_file(name: str) -> bytes:
    """No scenario's files are needed to look."""
    raise FileNotFoundError(name)


def main(listed: str, authority: str) -> None:
    references = [parse_image_reference(line) for line in Path(listed).read_text().splitlines()]
    images = ImageRegistry(partial(open_registry, ca_file=authority), no_file)
    began = time.monotonic()
    found = images.examine(references, Tier.EXISTS)
    took = time.monotonic() - began
    images.close()
    retained = sum(one.health is Health.RETAINED for one in found)
    print(json.dumps({"retained": retained, "seconds": took, "peak_megabytes": peak_megabytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
