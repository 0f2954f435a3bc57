"""`guard.json`: where a run's cluster is, for whoever puts things back in another process. It holds no secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from flowdrill.durable_file import replace_durably
from flowdrill.errors import RunFolderError

POST = "guard.json"
_WORKLOAD = "the workload: --context, --namespace, --workload"


@dataclass(frozen=True, slots=True)
class Post:
    """Where a run's cluster is."""

    context: str
    kubeconfig: str | None  # absolute; several are joined by `:`
    near: str  # the drill file's folder
    ephemeral: bool = False  # an embedded cluster that ends with the harness
    registry_switch: str | None = None  # of an embedded cluster


_POST: TypeAdapter[Post] = TypeAdapter(Post)


def write_post(folder: Path, post: Post) -> None:
    """Write it down; RunFolderError when it cannot be."""
    try:
        replace_durably(folder / POST, (json.dumps(asdict(post), indent=2) + "\n").encode())
    except OSError as error:
        raise RunFolderError(f"{folder / POST}: {error.strerror}", "make room; nothing was broken") from error


def read_post(folder: Path) -> Post:
    """Return it; RunFolderError when it is not there or is damaged."""
    try:
        return _POST.validate_json((folder / POST).read_bytes())
    except OSError as error:
        raise RunFolderError(f"{folder / POST}: {error.strerror}", f"name a run folder, or {_WORKLOAD}") from error
    except ValidationError as error:
        raise RunFolderError(f"{folder / POST}: is damaged", f"name {_WORKLOAD}") from error
