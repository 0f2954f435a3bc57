"""Signals that stop a command: the first one is raised, so that it cleans up; later ones do not disturb it."""

from __future__ import annotations

import signal

import pytest

from flowdrill.edges.host.signals import StoppedBySignal, end_by_signals, signals_raised


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_raised_and_later_ones_wait_for_the_cleaning_up(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned = False

    def stopped() -> None:
        nonlocal cleaned
        with signals_raised():
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)
                cleaned = True

    with pytest.raises(StoppedBySignal) as caught:
        stopped()
    assert caught.value.signal == number.name
    assert cleaned
    assert signal.getsignal(number) == before


def test_the_first_process_of_a_container_ends_by_signals_that_the_kernel_would_keep_from_it() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        end_by_signals(2)
        assert {number: signal.getsignal(number) for number in before} == before
        end_by_signals(1)
        for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with pytest.raises(SystemExit) as ended:
                signal.raise_signal(number)
            assert ended.value.code == code
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
