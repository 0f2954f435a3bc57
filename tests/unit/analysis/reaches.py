"""What was found out about a workload's versions, as the tests need it. Digests are named by a letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from flowdrill.analysis.reach import Permission, ReachFacts, SeenImage
from flowdrill.analysis.safety import Judged
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.status import Status
from flowdrill.model.surroundings import Revision

NAME = "registry.test/flows/greeting"


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


def image(
    letter: str, health: Health = Health.RETAINED, *, tags: tuple[str, ...] | None = None, day: int = 1
) -> SeenImage:
    reference = ImageReference("registry.test", "flows/greeting", None, digest(letter))
    problem = "" if health is Health.RETAINED else "its layer sha256:123 is not there"
    created = f"2026-11-{day:02d}T08:00:00Z"
    return SeenImage(
        ImageHealth(reference, Tier.COMPLETE, health, problem, created=created),
        (f"1.{day}.0",) if tags is None else tags,
    )


def entry(letter: str, number: int = 1, day: int = 1) -> LedgerEntry:
    when = f"2026-11-{day:02d}T09:00:00Z"
    return LedgerEntry(number, digest(letter), f"{NAME}:1.{day}.0", when, f"run-{number}", "", "", "")


def revision(letter: str, number: int, **changes: Any) -> Revision:
    made = Revision(
        name=f"replicaset/app-{number}",
        number=number,
        image=f"{NAME}@{digest(letter)}",
        created="2026-11-01T00:00:00Z",
        current=False,
        change_cause=None,
        differences=(),
    )
    return replace(made, **changes)


def facts(**changes: Any) -> ReachFacts:
    """Versions a (runs), b and c: all is well."""
    letters = "abc"
    made = ReachFacts(
        workload="deployment/app in namespace demo",
        now=datetime(2026, 11, 26, 10, tzinfo=UTC),
        current=digest("a"),
        current_image=f"{NAME}@{digest('a')}",
        revisions=(revision("a", 5, current=True), revision("b", 4), revision("c", 3)),
        digests={},
        ledger=Ledger("configmap/ledger", (entry("c", 1, 5), entry("b", 2, 9), entry("a", 3, 20))),
        images={digest(one): image(one, day=20 - 5 * place) for place, one in enumerate(letters)},
        permissions={digest(one): Permission(True, "the dry run was accepted") for one in letters},
        safety={digest(one): (Judged(Status.PASS, "lfx 1.13.0 has none"),) for one in letters},
        archived_on={digest("a"): None, digest("b"): None, digest("c"): date(2026, 12, 24)},
    )
    return replace(made, **changes)
