"""Preflight's checks of what happens to images over time: tags that move, and the clean-up that comes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from flowdrill.analysis.retention import Archival, StoredVersion, next_cleaned_up
from flowdrill.analysis.rollback_images import LookedAt, NamedImage
from flowdrill.engine.image_ports import Registry
from flowdrill.engine.narrator import Narrator
from flowdrill.errors import RegistryAwayError, RegistryError
from flowdrill.model.image_health import Health
from flowdrill.model.ledger import Ledger
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.status import Status


@dataclass(frozen=True, slots=True)
class TagSeen:
    """A tag under which an image was verified, and the digest it names now."""

    image: NamedImage  # with tag and digest
    now: str | None  # None: there is no such tag, or it could not be found out
    problem: str = ""  # "" when the tag is where it was

    @property
    def tag(self) -> str:
        """repository:tag."""
        return f"{self.image.written.name}:{self.image.written.tag}"


def check_tags(verified: Sequence[NamedImage], registry: Registry, tell: Narrator) -> tuple[TagSeen, ...]:
    """`tags_have_not_moved`: the tags of the versions verified last name the same images. A rollback goes by digest,
    so that a tag elsewhere is a warning."""
    name, required = "tags_have_not_moved", "the tags of verified versions name the images that were verified"
    seen, unknown, away = [], [], dict[str, str]()
    for image in verified:
        if image.written.tag is None or image.written.digest is None:
            continue
        host = image.written.registry
        try:
            if host in away:
                raise RegistryAwayError(away[host], "")
            seen.append(_seen(image, registry.resolve(image.written.at_tag(image.written.tag))))
        except RegistryError as error:
            if isinstance(error, RegistryAwayError):
                away[host] = error.problem
            unknown.append(TagSeen(image, None, error.problem))
    moved = [one for one in seen if one.problem]
    status = Status.WARNING if moved else Status.UNKNOWN if unknown else Status.PASS
    texts = [f"{one.tag}: {one.problem}" for one in (*moved, *unknown)]
    if not texts:
        texts.append(f"{len(seen)} tags name what they named" if seen else "no verified version has a tag")
    remedy = "deploy and roll back by digest, and forbid the registry to overwrite and delete tags" if moved else ""
    if unknown and not moved:
        remedy = "look again when the registry answers, and log in to it (docker login)"
    tell.check(name, status, required=required, observed="; ".join((*texts, *_shared(seen))), detail=remedy)
    return (*seen, *unknown)


def check_next_clean_up(
    looked: Sequence[LookedAt], ledger: Ledger | None, policy: PolicyPlan, now: datetime, tell: Narrator,
    *, stable: Collection[str],
) -> Archival | None:  # fmt: skip
    """`next_clean_up`: which of the images that a rollback may want the retention rules give up first. `stable` are the
    digests of what runs now."""
    name, required = "next_clean_up", "the retention rules keep every image that a rollback may want"
    versions: dict[str, StoredVersion] = {}
    why: dict[str, str] = {}
    for one in looked:
        digest = one.health.reference.digest or one.image.reference.digest
        if digest is None or one.health.health is Health.GONE:
            continue
        before = versions.get(digest, StoredVersion(digest, None))
        tags = dict.fromkeys((*before.tags, *((one.image.written.tag,) if one.image.written.tag else ())))
        versions[digest] = StoredVersion(digest, one.health.created or before.created, tuple(tags))
        why.setdefault(digest, one.image.why)
    taken = next_cleaned_up(versions.values(), ledger, policy, now, stable)
    if taken is None:
        tell.check(name, Status.PASS, required=required, observed="they name none of these images")
        return None
    observed = f"the next clean-up would take {taken.name}, {why[taken.version.digest]}, "
    if not taken.due:
        observed += f"on {taken.on} ({taken.because})"
        tell.check(name, Status.PASS, required=required, observed=observed)
        return taken
    observed += f"which it may do since {taken.on} ({taken.because})"
    remedy = "verify it (`flowdrill ledger add`), exempt it from the clean-up, or do without a rollback to it"
    tell.check(name, Status.WARNING, required=required, observed=observed, detail=remedy)
    return taken


def _seen(image: NamedImage, now: str | None) -> TagSeen:
    if now is None:
        return TagSeen(image, None, f"the tag was deleted; it named {image.written.digest} ({image.why})")
    if now != image.written.digest:
        return TagSeen(image, now, f"the tag has moved to {now}; it named {image.written.digest} ({image.why})")
    return TagSeen(image, now)


def _shared(seen: Sequence[TagSeen]) -> tuple[str, ...]:
    """Say which tags are one image."""
    tags: defaultdict[str, list[str]] = defaultdict(list)
    for one in seen:
        if one.now is not None and one.tag not in tags[one.now]:
            tags[one.now].append(one.tag)
    return tuple(f"{' and '.join(names)} are one image ({digest})" for digest, names in tags.items() if len(names) > 1)
