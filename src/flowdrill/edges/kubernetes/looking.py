"""Reading what may not be there and may not be readable: a look around goes on with whatever permissions there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api, Json, Query
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text

_PAGE, _MOST_PAGES = 500, 200
_OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Looked:
    """What there is of something, as far as one may know."""

    items: tuple[Json, ...] = ()
    problem: str = ""  # why it is not known; "" when it is
    served: bool = True  # False: the cluster does not have this API, so there is none

    @property
    def known(self) -> bool:
        """Whether `items` are all there are."""
        return not self.problem

    @property
    def first(self) -> Json | None:
        """The only one, where one was asked for."""
        return self.items[0] if self.items else None


def object_name(value: object) -> str | None:
    """Return `value` when it can name an object: what somebody wrote into a field goes into no path unseen."""
    return value if isinstance(value, str) and _OBJECT_NAME.fullmatch(value) else None


def looked_at(api: Api, path: str) -> Looked:
    """Return one object; none when it is not there, a problem when it must not be read."""
    try:
        return Looked((api.get(path),))
    except (ForbiddenError, AnswerError) as error:
        return _without(api, path, error)


def listed(api: Api, path: str, query: Query = (), *, page: int = _PAGE) -> Looked:
    """Return a whole list; none when the cluster does not serve it, a problem when it must not be read."""
    try:
        return Looked(tuple(paged(api, path, query, page=page)))
    except (ForbiddenError, AnswerError) as error:
        return _without(api, path, error)


def listed_in_any(api: Api, paths: Sequence[str], query: Query = ()) -> Looked:
    """Return the list of the first of `paths`, the same resource in several versions, that the cluster serves."""
    for path in paths:
        looked = listed(api, path, query)
        if looked.served:
            return looked
    return Looked(served=False)


def paged(api: Api, path: str, query: Query = (), *, page: int = _PAGE) -> Iterator[Json]:
    """Yield the items of a list of any length, `page` at a time. ClusterError when it has no end."""
    following = ""
    for _ in range(_MOST_PAGES):
        before, more = following, (("continue", following),) if following else ()
        answer = api.get(path, (*query, ("limit", str(page)), *more))
        yield from as_mappings(answer.get("items"))
        following = as_text(as_mapping(answer.get("metadata")).get("continue")) or ""
        if not following:
            return
        if following == before:
            break
    raise ClusterError(
        f"GET {path}: the list has no end: the API server has given {_MOST_PAGES} pages, or the same one again",
        "name a namespace, or ask who runs the cluster",
    )


def _without(api: Api, path: str, error: ClusterError) -> Looked:
    """What an answer means that is no success. An API server refuses whoever may not read an API before it says that
    there is no such API."""
    if isinstance(error, AnswerError) and error.status == 401:
        raise error
    if isinstance(error, AnswerError) and error.status == 404:
        return Looked(served=False)
    forbidden = isinstance(error, ForbiddenError) or (isinstance(error, AnswerError) and error.status == 403)
    if forbidden and not _is_served(api, path):
        return Looked(served=False)
    return Looked(problem=error.problem)


def _is_served(api: Api, path: str) -> bool:
    """Whether the cluster has the resource that `path` lists, by its discovery, which everybody may read."""
    _, root, *parts = path.split("/")
    if root != "apis":
        return True
    group, version, *below = parts
    resource = below[2] if below[0] == "namespaces" and len(below) > 2 else below[0]
    try:
        known = api.get(f"/apis/{group}/{version}")
    except AnswerError as error:
        return error.status != 404
    except ForbiddenError:
        return True
    return any(one.get("name") == resource for one in as_mappings(known.get("resources")))
