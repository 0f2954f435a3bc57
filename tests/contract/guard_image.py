"""An image with flowdrill in it, without a container builder: this environment's packages on a base with Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import flowdrill
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.oci.client import open_registry
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.layer import make_layer
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import image_with, stored_image

PLACE = "/opt/flowdrill"
_NOT_FOR_THE_GUARD = {"locust", "geventhttpclient", "uvicorn", "httptools", "aiohttp", "aiohttp-retry"}
_NEVER_IMPORTED = re.compile(r"kubernetes/(aio/|client/(models|api)/(?!__init__))|pygments/lexers/.*/|.*__pycache__/")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def push_guard_image(registry: str, base: str, repository: str) -> str:
    """Push it as `repository`:guard; return its reference by digest."""
    reference = parse_image_reference(base)
    with closing(open_registry(registry, plain_http=True)) as client:
        source, target = Repository(client, reference.repository), Repository(client, repository)
        edit = ConfigEdit("flowdrill", set_env={"PYTHONPATH": PLACE, "PYTHONUNBUFFERED": "1"})
        made = image_with(stored_image(source, reference, None), make_layer(dict(_files())), edit)
        for blob in made.manifest.layers[:-1]:
            target.take_blob(blob, source)
        for content in made.blobs:
            target.push_blob(content)
        target.put_manifest(made.manifest.document, made.manifest.media_type, "guard")
        return f"{registry}/{repository}@{made.manifest.digest}"


def _files() -> Iterator[tuple[str, bytes]]:
    package = Path(flowdrill.__file__).parent
    for path in package.rglob("*.py"):
        yield f"{PLACE}/flowdrill/{path.relative_to(package)}", path.read_bytes()
    for name in _needed("flowdrill"):
        for entry in distribution(name).files or ():
            if ".." not in entry.parts and not _NEVER_IMPORTED.match(str(entry)):
                yield f"{PLACE}/{entry}", Path(str(entry.locate())).read_bytes()


def _needed(name: str) -> set[str]:
    """Everything that a package needs to run, but for what the guard never starts."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for line in distribution(waiting.pop()).requires or ():
            named = _NAME.match(line)
            if named is None or "extra ==" in line or named[0].lower() in _NOT_FOR_THE_GUARD | found:
                continue
            try:
                distribution(named[0])
            except PackageNotFoundError:
                continue  # for another platform
            found.add(named[0].lower())
            waiting.append(named[0])
    return found
