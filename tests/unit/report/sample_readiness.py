"""What preflight could have seen of the way back: all is well but little things, and all means harm."""

from __future__ import annotations

from dataclasses import replace

from flowdrill.analysis.reach import reach_of
from flowdrill.model.image_health import Health, Tier
from flowdrill.model.readiness import AccessRow, ImageRow, Readiness, RevisionRow
from tests.unit.analysis.reaches import facts
from tests.unit.report.sample_parts import HOSTILE, STABLE

ON_CALL = "system:serviceaccount:shop:on-call"
_GRANTED = 'RoleBinding "on-call/shop" of Role "on-call" to ServiceAccount "on-call/shop"'


def _access(verb: str, resource: str, *, allowed: bool | None, wanted: bool = True, why: str = "") -> AccessRow:
    granted = _GRANTED if allowed else why
    return AccessRow(
        who=ON_CALL, verb=verb, resource=resource, where="namespace/shop", name="", wanted=wanted, allowed=allowed,
        granted_by=granted, needed_for="to set the image",
    )  # fmt: skip


def _image(digest: str, role: str, health: Health, problem: str = "") -> ImageRow:
    return ImageRow(
        digest=digest, reference=f"registry.example/flow@{digest}", roles=(role,), health=health, tier=Tier.COMPLETE,
        problem=problem, created="2026-03-01T10:00:00Z", size_bytes=412_345_678, platforms=("linux/amd64",),
    )  # fmt: skip


def good() -> Readiness:
    gone = _image("sha256:" + "77aa" * 16, "verified", Health.GONE, "the registry has no such manifest")
    return Readiness(
        responder=ON_CALL,
        access=(
            _access("patch", "deployments.apps", allowed=True),
            _access("list", "replicasets.apps", allowed=None, why="the review was refused"),
            _access("get", "secrets", allowed=True, wanted=False),
        ),
        images=(_image(STABLE, "stable", Health.RETAINED), gone),
        revisions=(
            RevisionRow(name="replicaset/flow-6b9", number=7, image="registry.example/flow:1.1.0", current=True,
                        created="2026-03-10T10:00:00Z", change_cause="1.1.0", differences=()),
            RevisionRow(name="replicaset/flow-5c1", number=6, image="registry.example/flow:1.0.0", current=False,
                        created="2026-03-02T10:00:00Z", change_cause=None,
                        differences=('env LANGFLOW_AUTO_LOGIN: "true" -> not set',)),
        ),
        reach=reach_of(facts()),
        ledger_head="sha256:" + "1234" * 16,
    )  # fmt: skip


def harm() -> Readiness:
    """The same with text that means harm wherever somebody else writes."""
    sample = good()
    reach = sample.reach
    assert reach is not None
    access = [row.model_copy(update={"who": HOSTILE, "granted_by": HOSTILE, "name": HOSTILE}) for row in sample.access]
    texts = {"digest": HOSTILE, "reference": HOSTILE, "problem": HOSTILE}
    images = [row.model_copy(update=texts) for row in sample.images]
    revisions = [
        row.model_copy(update={"name": HOSTILE, "image": HOSTILE, "change_cause": HOSTILE, "differences": (HOSTILE,)})
        for row in sample.revisions
    ]
    rows = tuple(
        replace(row, reference=HOSTILE, tags=(HOSTILE,), differences=(HOSTILE,),
                findings=tuple(replace(one, words=HOSTILE) for one in row.findings))
        for row in reach.rows
    )  # fmt: skip
    return sample.model_copy(
        update={
            "responder": HOSTILE, "access": tuple(access), "images": tuple(images), "revisions": tuple(revisions),
            "reach": replace(reach, workload=HOSTILE, rows=rows),
        }
    )  # fmt: skip
