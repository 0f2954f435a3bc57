"""Which runs say that an image is stable."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.verification import Verified, verified_by
from flowdrill.model.events import End
from flowdrill.model.result import ImageFacts, Images, Verdict
from tests.unit.analysis.synthetic_run import STABLE_DIGEST, synthetic_run

RESULT = report_of(synthetic_run()).result


def test_a_passing_drill_verifies_the_image_it_rolled_back_to() -> None:
    reference = f"registry.test:5000/flows/greeting:1.0.0@{STABLE_DIGEST}"
    note = "passed drill edge-missing with scenario edge-missing"
    assert verified_by(RESULT) == Verified(STABLE_DIGEST, reference, RESULT.run.id, note)


def test_a_reference_without_a_tag_stays_without_one() -> None:
    pinned = ImageFacts(reference=f"registry.test/flow@{STABLE_DIGEST}", digest=STABLE_DIGEST)
    found = verified_by(RESULT.model_copy(update={"images": Images(stable=pinned)}))
    assert found is not None
    assert found.reference == f"registry.test/flow@{STABLE_DIGEST}"


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": Verdict.FAIL},
        {"verdict": Verdict.INCONCLUSIVE},
        {"end": End.NOT_BROKEN},  # a control that passes: nothing was rolled back
        {"end": None},
        {"images": Images()},
        {"images": Images(stable=ImageFacts(reference="[redacted]", digest=STABLE_DIGEST))},
        {"instants": RESULT.instants.model_copy(update={"rolled_back": None})},
    ],
)
def test_no_other_run_verifies_anything(changes: dict[str, Any]) -> None:
    assert verified_by(RESULT.model_copy(update=changes)) is None
