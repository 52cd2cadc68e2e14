"""What happens under the delivery's lock: records enter the store, and the oldest go down the line."""

from __future__ import annotations

import _thread
import errno
import sys
from collections.abc import Callable
from time import monotonic

from .. import trouble
from ..address import Address
from ..settings import Settings
from .counters import DIRECT, DROPPED, LEFT, STALLS, Counters
from .incident import DRAINING, HEALTHY, Incident, Patience
from .line import Line
from .news import News
from .store import Store

__all__ = ["BATCH", "BLOCKED", "BROKEN", "EMPTY", "MORE", "Engine"]

# What came of an attempt to send what is held.
EMPTY, MORE, BLOCKED, BROKEN = "empty", "more", "blocked", "broken"

#: Records sent before others are let at the lock.
BATCH = 64

#: Records a log call helps to send while the store is drained. Without that help a thread that logs in
#: a tight loop would outrun the recovery thread, which has to wait for the interpreter at every send.
HELP = 16

_gil: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)


class Engine:
    """Line, store and state of one process, consistent whenever the lock is free.

    A log call may be interrupted anywhere by a signal handler or a finalizer that logs, and by an
    exception that such a handler raises. So the lock can be taken again by its own thread, nothing
    waits while it is held (which also keeps greenlets from meeting there), and a call that finds its
    own thread ``busy`` only leaves its record.
    """

    def __init__(self, addresses: tuple[Address, ...], settings: Settings, counters: Counters) -> None:
        # The plain one also under gevent: nobody switches greenlets while holding it.
        self.lock = _thread.RLock()
        self.busy = False
        self.counters = counters
        self.line = Line(addresses, settings, counters)
        self.incident = Incident()
        self.store = Store(settings, counters, self.incident)
        self.patience = Patience(settings.timeout)
        #: The way past all this while it is not needed: a datagram transport's ``send``.
        self.direct: Callable[[bytes], int] | None = None
        #: The same for streams, whose frames need the lock: nothing is held and all is well.
        self.clear = False
        #: Number of the address that was given up for now: it stalled, or broke while being caught up with.
        self.avoid = -1
        self._left = 0  # number of the last record that an interrupting call left
        self.news = News(self.incident)

    def enter(self, data: bytes) -> int:
        """Take a record in and do what a log call does then.

        Returns the number of the record that still has to be waited for, 0 when there is none.
        """
        with self.lock:
            if self.clear and self._send_now(data):
                return self._left if len(self.store) else 0
            self.hold()
            number = self.store.add(data)
            if self.busy:
                self._left = number  # the call that was interrupted looks after it
                return 0
            self.advance()
            return number

    def _send_now(self, data: bytes) -> bool:
        """Send a record past the store; False when that did not work and it has to go through it."""
        self.clear = False  # for an interrupting call
        self.busy = True
        try:
            sent = self.line.push(data)
        except OSError:
            return False
        finally:
            self.busy = False
        if sent:
            counters = self.counters
            counters.row[DIRECT] = counters.direct = counters.direct + 1
            if len(self.store):
                self.advance()
            else:
                self.clear = True
        return sent

    def hold(self) -> None:
        """Let every record go through the store from now on; lock held."""
        self.direct = None
        self.clear = False

    def adopt(self, records: list[bytes]) -> None:
        """Take in what a dead process left, and begin to send it."""
        with self.lock:
            self.hold()
            self.store.adopt(records)
            self.advance()

    def unsent(self, number: int) -> bool:
        """Tell whether a log call still has to wait for its record, or for one left to it."""
        return self.incident.state == HEALTHY and self.store.gone < max(number, self._left)

    def crowded(self) -> bool:
        """Tell whether a log call should wait for room: the store is full and nobody is below us."""
        if self.incident.state == HEALTHY or not self.store.full:
            return False
        with self.lock:
            return not self.busy

    def press_on(self, writable: bool) -> None:
        """Send after a wait, which may have ended a stall."""
        with self.lock:
            if writable:
                self.incident.writable()
            self.advance()

    def advance(self) -> str:
        """Send what a log call may send in the present state, and keep the rest; lock held."""
        state = self.incident.state
        if state == HEALTHY:
            return self.pump(self.store.entered)
        paced = self.line.transport is not None and self.line.transport.pace
        return self.pump(HELP if state == DRAINING and not paced else 0)

    def pump(self, limit: int) -> str:
        """Send up to ``limit`` held records, oldest first, without waiting; lock held."""
        if self.busy:
            return MORE
        self.busy = True
        try:
            outcome = self._pump(limit)
            if self.incident.state != HEALTHY:
                self.store.keep()
            return outcome
        finally:
            self.busy = False

    def _pump(self, limit: int) -> str:
        for _ in range(limit):
            data = self.store.head()
            if data is None:
                break
            outcome = self._push(data)
            if outcome == BLOCKED:
                self.incident.blocked()
                if self.line.transport is not None and self.line.transport.framing:
                    self.store.pin()
            if outcome:
                return outcome
        if self.store.head() is not None:
            return MORE
        self.settle()
        return EMPTY

    def settle(self) -> None:
        """Let records go straight to the kernel again if all is well; nothing held, lock held."""
        transport = self.line.transport
        if self.incident.state != HEALTHY or transport is None:
            return
        # Without the interpreter's lock the counts of the direct way would need one of their own.
        if transport.framing is None and _gil():
            self.direct = transport.send
        else:
            self.clear = True

    def _push(self, data: bytes) -> str:
        """Send the oldest record; returns "" when it is gone, else what is in the way."""
        failure: OSError | None = None
        for _ in range(2):
            try:
                if self.line.transport is None and not self.line.reopen():
                    # A connection over a network is made by the recovery thread, and most that end are
                    # there again at once: only one that keeps ending is worth a word.
                    failure = failure if self.incident.state == DRAINING else None
                    break
                if not self.line.push(data):
                    return BLOCKED
                self.store.pop()
                return ""
            except OSError as error:
                if error.errno == errno.EMSGSIZE and self.line.transport is not None:
                    return self._push_cut(data)
                failure = error
                if self.line.transport is None:
                    break
                # A restarted daemon is there again at once: the record goes to the new one.
                self.lose_line()
                data = self.store.head() or data  # what it may have lost comes first
        return self._broken(failure)

    def _push_cut(self, data: bytes) -> str:
        try:
            sent = self.line.push_cut(data)
        except OSError as error:
            self.lose_line()
            return self._broken(error)
        if sent is False:
            return BLOCKED
        if sent:
            self.store.pop()
        else:
            self.store.discard("too_long")
            self.news.note(
                self.line.address, "a message is too long for the kernel", f"{len(data)} bytes were dropped"
            )
        return ""

    def _broken(self, error: OSError | None) -> str:
        self.hold()
        if self.incident.state == DRAINING:
            self.avoid = self.line.index
        self.incident.down(monotonic())
        if error is not None:
            self.news.failure(self.line.address, error)
        return BROKEN

    def settled(self) -> bool:
        """Look whether the connection holds and the collector has confirmed what it confirms."""
        with self.lock:
            transport = self.line.transport
            if self.busy or transport is None:
                return not self.busy
            clear, self.clear, self.busy = self.clear, False, True  # for an interrupting call
            try:
                return transport.settle(0.0)
            except OSError as error:
                clear = False
                self.lose_line()
                self._broken(error if self.incident.state == DRAINING else None)
                return False
            finally:
                self.busy = False
                self.clear = clear and not len(self.store)

    def lose_line(self, polite: bool = False) -> None:
        """Let go of a connection, broken or not; what it may have lost is held again. Lock held."""
        self.hold()
        again = self.line.drop(polite)
        if again:
            self.store.put_back(again)

    def stall(self) -> None:
        """The collector takes nothing more: from now on records are only kept."""
        with self.lock:
            if self._stalled():
                self.counters.add(STALLS)
                self.news.note(
                    self.line.address, "the collector does not read", "records are kept until it does"
                )

    def interrupted(self) -> None:
        """A log call ended by an exception: leave what it could not send to recovery."""
        with self.lock:
            if len(self.store):
                self._stalled()

    def _stalled(self) -> bool:
        if self.incident.state != HEALTHY:
            return False
        self.hold()
        self.incident.stall(monotonic())
        self.pump(0)
        return True

    def close(self) -> dict[str, int]:
        """End the connection and give up what is held in memory; returns all losses not yet reported."""
        with self.lock:
            self.lose_line(polite=True)
            lost = self.store.close()
            if lost:
                self.counters.add(DROPPED["closed"], lost)
                self.incident.lose("closed", lost)
            self.incident.over()
            return self.incident.take_dropped()

    def forget(self) -> None:
        """Let go of what is the parent's, in a forked child; only to be thrown away after that."""
        self.hold()
        self.line.forget()
        self.store.forget()

    def say(self) -> None:
        """Write on stderr what there is to be told; not under the lock, stderr may be slow."""
        self.news.say()
        objection = self.store.trouble
        if objection:
            trouble.tell("spool", objection)

    def delivered(self) -> int:
        """How many records the kernel has taken."""
        row = self.counters.row
        return row[DIRECT] + row[LEFT]
