"""An answer that is older than one before is not believed."""

from __future__ import annotations

import pytest

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.freshness import Freshness
from flowdrill.errors import ClusterAwayError


def workload(generation: int, uid: str = "one") -> Json:
    return {"metadata": {"uid": uid, "generation": generation}}


def test_an_answer_from_before_the_last_patch_is_refused_and_a_newer_one_is_taken() -> None:
    known = Freshness()
    known.refuse_older(workload(3))
    known.note(workload(4))
    with pytest.raises(ClusterAwayError, match="generation 3 after 4"):
        known.refuse_older(workload(3))
    known.refuse_older(workload(4))
    known.refuse_older(workload(6))
    with pytest.raises(ClusterAwayError, match="generation 5 after 6"):
        known.refuse_older(workload(5))


def test_another_workload_of_the_same_name_begins_anew() -> None:
    known = Freshness()
    known.note(workload(9))
    known.refuse_older(workload(1, uid="two"))
