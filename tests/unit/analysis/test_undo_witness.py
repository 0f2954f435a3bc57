"""What speaks for an undo that was found on a cluster, beside itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdrill.analysis.undo_witness import is_about, unwitnessed_because
from flowdrill.model.drill import Target
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.undo import Undo

DIGEST, OWN, OTHER = ("sha256:" + letter * 64 for letter in "abc")
IMAGE = f"registry.test/flows@{DIGEST}"
UNDO = Undo("run-1", "deployment/app", "demo", "flow", IMAGE, None, "h", pinned=IMAGE, digests=(DIGEST,))
KEPT: dict[str, Any] = {"name": "flow", "image": IMAGE, "env": [{"name": "A", "value": "1"}]}


def made(reference: str) -> BrokenImage:
    return BrokenImage(parse_image_reference(reference), parse_image_reference(IMAGE), (), 1, ())


def ledger(digest: str = DIGEST) -> Ledger:
    entry = LedgerEntry(1, digest, IMAGE, "2026-01-01T00:00:00Z", "run-0", "", "", "")
    return Ledger("a file", (entry,))


def test_a_kept_revision_or_the_ledger_speaks_for_the_image() -> None:
    assert unwitnessed_because(UNDO, [KEPT], None) is None
    assert unwitnessed_because(UNDO, [], ledger()) is None
    assert "no kept revision" in str(unwitnessed_because(UNDO, [], None))
    assert "no kept revision" in str(unwitnessed_because(UNDO, [{**KEPT, "image": "other"}], ledger(OTHER)))


def test_a_ledger_does_not_speak_for_what_a_tag_has_now() -> None:
    tagged = replace(UNDO, image="registry.test/flows:1.0.0")
    assert "no kept revision" in str(unwitnessed_because(tagged, [KEPT], ledger()))
    assert unwitnessed_because(tagged, [{**KEPT, "image": tagged.image}], None) is None


def test_fields_are_believed_only_as_a_revision_has_them() -> None:
    same = replace(UNDO, fields={"env": KEPT["env"], "command": None})
    assert unwitnessed_because(same, [KEPT], None) is None
    other = replace(UNDO, fields={"command": ["sh", "-c", "id"]})
    assert "have other values of command" in str(unwitnessed_because(other, [KEPT], ledger()))
    assert "no kept revision" in str(unwitnessed_because(other, [], ledger()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beside": {"configmap/flows": {"data": {}}}}, "values of configmap/flows"),
        ({"recovery": made(f"registry.test/flows:drill-x-{OWN[7:19]}@{OWN}")}, "an image that puts data back"),
    ],
)
def test_nothing_speaks_for_what_is_beside_the_workload(changes: dict[str, Any], words: str) -> None:
    assert words in str(unwitnessed_because(replace(UNDO, **changes), [KEPT], ledger()))


@pytest.mark.parametrize(
    ("reference", "own"),
    [
        (f"registry.test/flows:drill-edge-missing-{OWN[7:19]}@{OWN}", True),
        (f"registry.test/flows:drill-edge-missing-{OWN[7:19]}@{OTHER}", False),
        (f"registry.test/other:drill-edge-missing-{OWN[7:19]}@{OWN}", False),
        (f"registry.test/flows:1.0.0@{OWN}", False),
        (f"registry.test/flows@{OWN}", False),
        (f"registry.test/flows:drill-edge-missing-{OWN[7:19]}", False),
    ],
)
def test_no_image_is_deleted_that_does_not_look_like_a_drills(reference: str, own: bool) -> None:
    for name in ("broken", "provider_image"):
        doubt = unwitnessed_because(replace(UNDO, **{name: made(reference)}), [KEPT], None)
        assert (doubt is None) is own
        assert own or "does not look like a drill's image" in str(doubt)


def test_an_undo_is_about_one_run_on_one_workload() -> None:
    target = Target(namespace="demo", workload="deployment/app")
    assert is_about(UNDO, target, "run-1")
    assert not is_about(UNDO, target, "run-2")
    assert not is_about(replace(UNDO, namespace="other"), target, "run-1")
    assert not is_about(replace(UNDO, workload="statefulset/app"), target, "run-1")
