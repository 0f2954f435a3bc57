"""Looking up the object by which a release's owner says how it reconciles."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.looking import Looked, listed_in_any, object_name
from flowdrill.model.surroundings import Opponent

WRITES_BACK = "it writes back what is declared"


@dataclass(frozen=True, slots=True)
class ReleaseOwners:
    """Who owns the release, and what could not be found out about them."""

    opponents: tuple[Opponent, ...] = ()
    unknown: tuple[str, ...] = ()


def owners_named(
    api: Api, group: str, versions: tuple[str, ...], resource: str, namespace: str | None, name: object
) -> Looked:
    """Return the objects with that name, in the namespace or (None) in all: a list, which tells "not there" from "not
    served". A name that can be no object's is not looked up: not served."""
    called, space = object_name(name), object_name(namespace)
    if called is None or (namespace is not None and space is None):
        return Looked(served=False)
    within = resource if space is None else f"namespaces/{space}/{resource}"
    paths = [f"/apis/{group}/{version}/{within}" for version in versions]
    return listed_in_any(api, paths, (("fieldSelector", f"metadata.name={called}"),))
