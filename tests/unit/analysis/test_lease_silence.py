from __future__ import annotations

from flowdrill.analysis.lease_silence import LeaseSilence


def test_a_lease_is_silent_once_nothing_of_it_has_changed_for_the_limit() -> None:
    silence = LeaseSilence(20)
    assert [silence.seen("run", "t1", now) for now in (0, 19.9, 20)] == [False, False, True]


def test_every_renewal_and_every_new_holder_begin_anew() -> None:
    silence = LeaseSilence(20)
    assert not silence.seen("run", "t1", 0)
    assert not silence.seen("run", "t2", 19)
    assert not silence.seen("run/guard", "t2", 38)
    assert not silence.seen("run/guard", "t2", 57)
    assert silence.seen("run/guard", "t2", 58)


def test_a_watcher_that_stood_still_believes_the_renewal_that_it_then_sees() -> None:
    silence = LeaseSilence(20)
    silence.seen("run", "t1", 0)
    assert not silence.seen("run", "t2", 1000)


def test_after_an_unanswered_look_one_look_more_is_needed_and_no_more_however_many_there_are() -> None:
    silence = LeaseSilence(20)
    silence.seen("run", "t1", 0)
    silence.unanswered()
    assert not silence.seen("run", "t1", 30)
    silence.unanswered()
    assert silence.seen("run", "t1", 33)
    assert not silence.seen("run", "t2", 36)
    assert silence.seen("run", "t2", 56), "doubts end with a renewal"
