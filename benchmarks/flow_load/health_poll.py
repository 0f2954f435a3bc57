"""Krkn's health check, by its rule: a GET, two seconds of sleep, and again; anything but 200 is down.

krkn/utils/HealthChecker.py (krkn-chaos/krkn, commit 1344e79): `interval` is 2 by default, a request may take 3 s, its
time is noted when its answer is there. There a downtime begins with the second failing poll, as the first one only ends
the record of the good time before; here it begins with the first one, which is kinder by a whole interval.
"""

from __future__ import annotations

import http.client
import threading
import time
from typing import Self
from urllib.parse import urlsplit

from flow_load.outages import Check

INTERVAL_SECONDS = 2.0
_TIMEOUT_SECONDS = 3.0


class HealthPoll:
    """Polls in a thread from its beginning to its end; `checks` are what it has seen."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url).netloc
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self.checks: list[Check] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _poll(self) -> None:
        while not self._ended.is_set():
            good = self._answers()
            self.checks.append(Check(time.monotonic_ns(), good))
            self._ended.wait(INTERVAL_SECONDS)

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._address, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
