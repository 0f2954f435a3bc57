"""What the kernel of this host says of its UTC clock: `adjtimex` in reading mode, which needs no right."""

from __future__ import annotations

import ctypes
import sys

from flowdrill.model.audit_facts import ClockDiscipline

_UNSYNCHRONISED, _NANOSECONDS = 0x40, 0x2000  # STA_UNSYNC, STA_NANO
_ERROR_STATE = 5  # TIME_ERROR


class _Timex(ctypes.Structure):
    """The begin of Linux' `struct timex`; what follows is not looked at, and has room."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: nothing is set
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("max_error_us", ctypes.c_long),
        ("estimated_error_us", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 512),
    )


def clock_discipline() -> ClockDiscipline | None:
    """Return what the kernel says; None where it says nothing: another system, or a sandbox that does not let it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    seen = _Timex()
    state = adjtimex(ctypes.byref(seen))
    if state < 0:
        return None
    return ClockDiscipline(
        synchronised=state != _ERROR_STATE and not seen.status & _UNSYNCHRONISED,
        offset_seconds=seen.offset / (1e9 if seen.status & _NANOSECONDS else 1e6),
        max_error_seconds=seen.max_error_us / 1e6,
    )
