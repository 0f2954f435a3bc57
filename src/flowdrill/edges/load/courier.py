"""The harness's end of a load in the cluster: fetches what the master's pod has for it, over one connection after the
other, and asks what that pod's clock shows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from flowdrill.engine.ports import Clock
from flowdrill.errors import ClusterError
from flowdrill.model.parcel import PARCELS, ClockAnswer, Message, Said, Unpacking, clock_answer, ending, unpacked_file

_RECEIVE_SECONDS = 0.05
_AGAIN_SECONDS = 0.5
_ASKS_FIRST, _ASK_FIRST_SECONDS, _ASK_SECONDS = 20, 0.05, 1.0


class Connection(Protocol):
    """Bytes to and from the pod. Every method raises ClusterError when it is broken."""

    def receive(self, limit_seconds: float) -> bytes:
        """Return what has come, b"" when nothing did."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of it."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Receiver(Protocol):
    """Who gets what the pod sends, in order, in the courier's thread."""

    def frames(self, data: bytes) -> None:
        """Bytes that Locust wrote."""
        ...

    def file(self, name: str, content: bytes) -> None:
        """A file of the load's."""
        ...

    def clock_told(self, asked_ns: int, answer: ClockAnswer, heard_ns: int) -> None:
        """A question about the pod's clock was asked and answered, at these instants of this host's."""
        ...

    def lost(self, parcels: int) -> None:
        """So many parcels were given up by the pod: the connection was away for too long."""
        ...

    def told(self, text: str) -> None:
        """The connection broke, or is there again."""
        ...

    def ended(self, exit_code: int | None, words: str) -> None:
        """The load has ended (an exit code), or nothing more is heard of it."""
        ...


class Courier:
    """Runs in a thread of its own from `start` until the load has ended, nothing is heard of it any more, or
    `abandon`."""

    def __init__(
        self,
        run_id: str,
        connect: Callable[[], Connection],
        gone: Callable[[], str | None],
        receiver: Receiver,
        clock: Clock,
        *,
        silence_seconds: float,
    ) -> None:
        """`gone` returns why the pod will never answer again, None when it may. After `silence_seconds` without a word
        the pod ends the load by itself, so that nothing is waited for any longer than that."""
        self._run_id, self._connect, self._gone, self._receiver = run_id, connect, gone, receiver
        self._clock, self._silence_seconds = clock, silence_seconds
        self._dead_seconds = silence_seconds / 3  # a connection that says nothing is made anew while there is time
        self._heard = time.monotonic()  # when anything was
        self._next = 0  # the parcel that is wanted
        self._asked: dict[int, int] = {}  # question -> when it left
        self._asks = 0
        self._stopping, self._abandoned = threading.Event(), threading.Event()
        self._over = self._met = False  # met: before anything was heard the pod may not listen yet
        self._thread = threading.Thread(target=self._run, name="load courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._heard = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Have the pod end the load; `ended` tells that it did."""
        self._stopping.set()

    def join(self, limit_seconds: float) -> bool:
        """Return whether the thread has ended within the limit."""
        self._thread.join(limit_seconds)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Listen to nothing more."""
        self._abandoned.set()
        self._thread.join()

    def _run(self) -> None:
        broke = ""
        while not self._over and not self._abandoned.is_set():
            try:
                connection = self._connect()
            except ClusterError as error:
                broke = broke or error.problem
            else:
                if broke and self._met:
                    self._receiver.told("the connection to the load's master is there again")
                broke = ""
                try:
                    self._speak(connection)
                except (ClusterError, ValueError) as error:
                    broke = error.problem if isinstance(error, ClusterError) else f"not understood: {error}"
                    if self._met:
                        self._receiver.told(f"the connection to the load's master broke: {broke}")
                finally:
                    connection.close()
            if self._over or self._abandoned.is_set():
                return
            why = self._never_again()
            if why is not None or time.monotonic() - self._heard > self._silence_seconds:
                since = f"no connection to the load's master for {self._silence_seconds:g} s"
                self._receiver.ended(None, why or f"{since}, after which it ends the load by itself: {broke}")
                return
            self._abandoned.wait(_AGAIN_SECONDS)

    def _never_again(self) -> str | None:
        try:
            return self._gone()
        except ClusterError:
            return None  # who cannot be asked has said nothing

    def _speak(self, connection: Connection) -> None:
        """Listen until the load has ended; ClusterError when the connection breaks, ValueError on nonsense."""
        unpacking, self._asked = Unpacking(), {}
        connection.send(Message(Said.HELLO, self._next, self._run_id.encode()).pack())
        began = asks_at = time.monotonic()
        told_to_stop, had = False, self._next
        while not self._over and not self._abandoned.is_set():
            if time.monotonic() >= asks_at:
                self._ask(connection)
                asks_at = time.monotonic() + (_ASK_FIRST_SECONDS if self._asks < _ASKS_FIRST else _ASK_SECONDS)
            if self._stopping.is_set() and not told_to_stop:
                connection.send(Message(Said.STOP, 0).pack())
                told_to_stop = True
            data = connection.receive(_RECEIVE_SECONDS)
            arrived_ns = self._clock.now_ns()
            for message in unpacking.add(data):
                self._take(message, arrived_ns)
            if data:
                self._heard, self._met = time.monotonic(), True
            elif time.monotonic() - max(self._heard, began) > self._dead_seconds:
                raise ClusterError(f"no answer for {self._dead_seconds:g} s", "it is made anew")
            if self._next > had:
                had = self._next
                self._confirm(connection, had)

    def _confirm(self, connection: Connection, have: int) -> None:
        try:
            connection.send(Message(Said.HAVE, have).pack())
        except ClusterError:
            if not self._over:  # the pod may end as soon as everything has come
                raise

    def _ask(self, connection: Connection) -> None:
        self._asks += 1
        self._asked[self._asks] = self._clock.now_ns()
        connection.send(Message(Said.ASK, self._asks).pack())

    def _take(self, message: Message, arrived_ns: int) -> None:
        if message.said is Said.CLOCK:
            asked_ns = self._asked.pop(message.number, None)
            answer = clock_answer(message.content)
            if asked_ns is not None:
                self._receiver.clock_told(asked_ns, answer, arrived_ns)
        elif message.said in PARCELS and message.number >= self._next:
            if message.number > self._next:
                self._receiver.lost(message.number - self._next)
            self._next = message.number + 1
            self._deliver(message)

    def _deliver(self, parcel: Message) -> None:
        if parcel.said is Said.FRAMES:
            self._receiver.frames(parcel.content)
        elif parcel.said is Said.FILE:
            self._receiver.file(*unpacked_file(parcel.content))
        else:
            end = ending(parcel.content)
            self._over = True
            self._receiver.ended(end.exit_code, end.words)
