"""The delivery itself: inline while all is well, through the store when it is not."""

from __future__ import annotations

import _thread
import os
import weakref
from time import monotonic

from .. import trouble
from ..address import Address
from ..settings import Settings
from ..transports import CannotWait, pause
from .counters import DIRECT, Counters
from .engine import Engine, Held
from .incident import DRAINING, STALLED
from .recovery import OnRecovered, Recovery

__all__ = ["Delivery"]

#: Longest single wait, in seconds.
_SLICE = 0.05
#: Seconds to pause when the socket claims to be writable and is not.
_SPIN = 0.001
#: Seconds between two looks at whether the descriptor is still ours.
_CHECK = 1.0


class Delivery:
    """Takes finished messages, never blocks for long, and loses none without counting it.

    ``addresses`` in failover order, () for the local socket; nothing is opened before the first
    ``send``. One connection, store and recovery thread per process: a forked child starts afresh.
    """

    def __init__(self, addresses: tuple[Address, ...], settings: Settings) -> None:
        #: Makes the record about losses from (dropped by reason, seconds); None: stderr tells it.
        self.on_recovered: OnRecovered | None = None
        self.counters = Counters()
        self._addresses = addresses
        self._settings = settings
        self._begin()
        _deliveries.add(self)

    def _begin(self) -> None:
        self._engine = Engine(self._addresses, self._settings, self.counters)
        self._recovery = Recovery(self._engine, self._settings, self._losses)
        self._check_at = 0.0
        self._inline_at = 0.0
        self._waiting: set[int] = set()  # threads inside a wait
        self._gave_up = -1  # how many records there had been when a flush ran out of time
        self._gave_up_at = 0.0

    def _losses(self, dropped: dict[str, int], seconds: float) -> bytes | None:
        return self.on_recovered(dropped, seconds) if self.on_recovered else None

    def send(self, data: bytes) -> None:
        """Deliver one finished, unframed message: now if possible, else as soon as it is.

        Takes at most ``syslog_timeout`` seconds, and microseconds once the collector is known to be
        in trouble. Raises no OSError; what a signal handler raises meanwhile passes through.
        """
        direct = self._engine.direct
        if direct is None:
            if not (self._engine.attended and self._engine.keep(data)):
                self._send_held(data)
            return
        try:
            taken = direct(data)
        except OSError as error:
            self._send_held(data, error)
            return
        # No lock: CPython switches threads and runs signal handlers only at calls and jumps, so no
        # line here can lose a count. A build without the interpreter's lock never gets here.
        counters = self.counters
        counters.bytes += taken
        counters.row[DIRECT] = counters.direct = counters.direct + 1
        if monotonic() > self._check_at:
            self._check()

    def _check(self) -> None:
        self._check_at = monotonic() + _CHECK
        self.counters.publish()
        with self._engine.lock:
            transport = self._engine.line.transport
            if transport is not None and not transport.genuine():
                self._engine.lose_line()

    def _send_held(self, data: bytes, failure: OSError | None = None) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"a message is bytes, not {type(data).__name__}")
        engine = self._engine
        if _thread.get_ident() in self._waiting:
            # A signal handler or finalizer logs while its thread waits, which goes on to wait for this
            # record too. Were every one of them to wait by itself, a storm would exhaust the stack.
            engine.leave(failure.number if isinstance(failure, Held) else engine.enter(data))
            return
        try:
            if isinstance(failure, Held):
                number = failure.number
            else:
                try:
                    if engine.crowded():
                        self._wait_for_room()
                finally:
                    number = engine.enter(data)
            if number:
                self._wait(number)
        except BaseException:
            # Raised by a signal handler: the record may stay behind, and recovery has to send it.
            engine.interrupted()
            self._recover()
            raise
        if number:
            self._recover()
            engine.say()
        if monotonic() > self._check_at:
            self._check()

    def _wait(self, number: int) -> None:
        """Wait until the record is sent, as long as there is patience; then it is an incident."""
        engine = self._engine
        end = monotonic() + self._settings.timeout
        while engine.unsent(number):
            if not self._wait_once(end):
                engine.stall()
                return

    def _wait_for_room(self) -> None:
        """Wait until a full store is empty, if the collector takes records and so earns patience.

        Without this a loop that logs would outrun the recovery and drop records for ever.
        """
        engine = self._engine
        end = monotonic() + self._settings.timeout
        while len(engine.store) and engine.incident.state in (STALLED, DRAINING) and self._wait_once(end):
            pass

    def _wait_once(self, end: float) -> bool:
        """Wait a little for the collector and send; False when patience or time is used up."""
        engine = self._engine
        delivered = engine.delivered()
        engine.patience.refill(delivered)
        start = monotonic()
        left = min(engine.patience.left, end - start)
        if left <= 0:
            return False
        transport = engine.line.transport
        thread = _thread.get_ident()
        try:
            self._waiting.add(thread)
            engine.press_on(transport is None or transport.writable(min(left, _SLICE)))
            if engine.delivered() == delivered and monotonic() - start < _SPIN:
                pause(_SPIN)  # writable, but not for us: others are quicker, or it is ENOBUFS
        except CannotWait:
            return False
        finally:
            self._waiting.discard(thread)
        engine.patience.spend(start, monotonic())
        return True

    def _recover(self) -> None:
        """Have somebody bring back what is in trouble: the recovery thread, or else log calls."""
        if not self._recovery.needed() or self._recovery.start():
            return
        if monotonic() > self._inline_at:
            self._inline_at = monotonic() + _SLICE
            self._recovery.attempt(0.0)

    def flush(self, timeout: float | None = None) -> bool:
        """Send what is held, within ``timeout`` seconds (None: ``syslog_flush_timeout``).

        Returns whether everything has been sent. With 0 it tries once, without waiting.
        """
        end = monotonic() + (self._settings.flush_timeout if timeout is None else timeout)
        engine = self._engine
        while len(engine.store) or not engine.settled():
            left = max(0.0, end - monotonic())
            try:
                if len(engine.store):
                    self._recovery.attempt(left)
                else:
                    pause(min(left, _SPIN))
            except CannotWait:
                left = 0.0
            if not left:
                break
        if not len(engine.store) and engine.settled():
            return True
        if timeout is None or timeout >= self._settings.flush_timeout:
            self._gave_up, self._gave_up_at = engine.store.entered, monotonic()
        return False

    @property
    def hopeless(self) -> bool:
        """Whether a flush used up its ``syslog_flush_timeout`` a moment ago and nothing was logged since.

        At its end a process flushes more than once: a worker, then logging.shutdown(), which also closes.
        """
        return self._gave_up == self._engine.store.entered and monotonic() - self._gave_up_at < _CHECK

    def close(self, timeout: float | None = None) -> None:
        """Flush, then end the connection; what is held in memory only is lost and counted.

        A later ``send`` opens everything again.
        """
        self.flush(0.0 if self.hopeless else timeout)
        lost = self._engine.close()
        self._recovery.stop()
        if lost:
            counts = ", ".join(f"{count} {reason}" for reason, count in lost.items())
            trouble.tell("closed", f"{self._engine.line.address}: records were lost: {counts}")

    def abandon_connection(self) -> None:
        """Let go of the connection without a word to the collector; the next ``send`` opens another."""
        with self._engine.lock:
            self._engine.lose_line()

    def _forked(self) -> None:
        """Start afresh in a forked child: connection, records, locks and thread are the parent's."""
        self._engine.forget()
        self._recovery.forget()
        self.counters.renew()
        self._begin()


_deliveries: weakref.WeakSet[Delivery] = weakref.WeakSet()


def _in_child() -> None:
    for delivery in list(_deliveries):
        delivery._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
