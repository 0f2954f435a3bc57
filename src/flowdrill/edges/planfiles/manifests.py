"""Reads Kubernetes manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from flowdrill.errors import PlanError


def read_manifests(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a YAML file, in order; PlanError when it is none, or an object has no kind or name."""
    try:
        documents = [item for item in yaml.safe_load_all(path.read_text("utf-8")) if item is not None]
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}", "embedded.manifests names a file beside the drill file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: {' '.join(str(error).split())}", "mend the YAML there") from error
    for number, item in enumerate(documents, 1):
        if not _is_object(item):
            raise PlanError(
                f"{path}: object {number} needs apiVersion, kind and metadata.name", "write it as for `kubectl apply`"
            )
    return documents


def _is_object(item: Any) -> bool:
    meta = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(meta, dict) and all(
        isinstance(text, str) for text in (item.get("apiVersion"), item.get("kind"), meta.get("name"))
    )
