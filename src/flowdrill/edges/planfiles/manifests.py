"""Reads Kubernetes manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flowdrill.edges.planfiles.yaml_lines import YamlText, plain_documents
from flowdrill.errors import PlanError


def read_manifests(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a YAML file, in order; PlanError when it is none, or an object has no kind or name."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", "embedded.manifests names a file beside the drill file") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not UTF-8 text (byte {error.start})", "mend the YAML there") from error
    objects = []
    for number, item in enumerate((one for one in plain_documents(YamlText(str(path), text)) if one is not None), 1):
        if not isinstance(item, dict) or not _is_object(item):
            raise PlanError(
                f"{path}: object {number} needs apiVersion, kind and metadata.name", "write it as for `kubectl apply`"
            )
        objects.append(item)
    return objects


def _is_object(item: dict[str, Any]) -> bool:
    meta = item.get("metadata")
    return isinstance(meta, dict) and all(
        isinstance(text, str) for text in (item.get("apiVersion"), item.get("kind"), meta.get("name"))
    )
