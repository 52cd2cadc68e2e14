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
from .incident import DRAINING, HEALTHY, STALLED, Incident, Patience
from .line import Line
from .news import News
from .store import Store

__all__ = ["BATCH", "BLOCKED", "BROKEN", "EMPTY", "MORE", "Engine", "Held"]

# What came of an attempt to send what is held.
EMPTY, MORE, BLOCKED, BROKEN = "empty", "more", "blocked", "broken"

#: Records sent before others are let at the lock.
BATCH = 64

#: Records a log call helps to send while the store is drained. Without that help a thread that logs in
#: a tight loop would outrun the recovery thread, which has to wait for the interpreter at every send.
HELP = 16

_gil: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)


class Held(OSError):
    """A record could not go straight to the kernel and is held; ``number`` is the one to wait for, or 0."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


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
        self.line.confirmed = self.store.confirmed
        self.patience = Patience(settings.timeout)
        #: The way past the store, open while nothing is held and all is well; it returns how many bytes
        #: it took. A datagram transport's ``send``, or ``_send_frame``, as a frame needs the lock.
        self.direct: Callable[[bytes], int] | None = None
        #: The recovery thread is there, and hears what a collector confirms while nobody logs.
        self.attended = False
        self._confirms = False  # the collector confirms what goes by ``_send_frame``
        #: Number of the address that was given up for now: it stalled, or broke while being caught up with.
        self.avoid = -1
        self._left = 0  # number of the last record that an interrupting call left
        self.news = News(self.incident)

    def enter(self, data: bytes) -> int:
        """Take a record in and do what a log call does then.

        Returns the number of the record that still has to be waited for, 0 when there is none.
        """
        with self.lock:
            return self._enter(data)

    def _enter(self, data: bytes) -> int:
        self.direct = None
        number = self.store.add(data)
        if self.busy:
            self._left = number  # the call that was interrupted looks after it
            return 0
        self.advance()
        return number

    def leave(self, number: int) -> None:
        """Have the call that waits in the caller's thread, and was interrupted, wait for this record too."""
        with self.lock:
            self._left = max(self._left, number)

    def _send_frame(self, data: bytes) -> int:
        """Send a record past the store, as long as all is well; returns 0, the line counts the bytes.

        Raises Held when it has to go through the store after all, and was taken in.
        """
        with self.lock:
            if self.busy or self.direct is None:
                raise Held(self._enter(data))
            self.busy = True
            try:
                sent = self.line.push(data)
            except OSError:
                sent = False
            finally:
                self.busy = False
            if not sent:
                raise Held(self._enter(data))
            if self._confirms:
                self.store.secure(data)
            if len(self.store):  # left by an interrupting call
                self.advance()
            return 0

    def keep(self, data: bytes) -> bool:
        """Take in a record that can only be kept; False when a log call may have more to do."""
        with self.lock:
            state = self.incident.state
            if self.busy or state in (HEALTHY, DRAINING) or type(data) is not bytes:
                return False
            if not self.store.add_within(data):
                if state == STALLED:
                    return False
                self.store.add(data)
                self.store.keep()
            return True

    def adopt(self, records: list[bytes]) -> None:
        """Take in what a dead process left, and begin to send it."""
        with self.lock:
            self.direct = None
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
        self._confirms = transport.confirms
        if self._confirms and not self.attended:
            return
        # Without the interpreter's lock the counts of the direct way would need one of their own.
        if _gil():
            self.direct = transport.send if transport.framing is None else self._send_frame

    def _push(self, data: bytes) -> str:
        """Send the oldest record; returns "" when it is gone, else what is in the way."""
        failure: OSError | None = None
        for _ in range(2):
            try:
                if self.line.transport is None and not self.line.reopen():
                    # A connection over a network is made by the recovery thread, and most that end are
                    # there again at once: only one that keeps ending is worth a word.
                    failure = self._worth_telling(failure)
                    break
                if not self.line.push(data):
                    return BLOCKED
                self.store.pop(data if self.line.confirms else None)
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

    def _worth_telling(self, error: OSError | None) -> OSError | None:
        """Return an error that came while catching up, or one in the collector's own words."""
        spoken = error is not None and error.errno is None
        return error if spoken or self.incident.state == DRAINING else None

    def _broken(self, error: OSError | None) -> str:
        self.direct = None
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
            self.busy = True
            try:
                return transport.settle(0.0)
            except OSError as error:
                self.lose_line()
                self._broken(self._worth_telling(error))
                return False
            finally:
                self.busy = False

    def lose_line(self, polite: bool = False) -> None:
        """Let go of a connection, broken or not; what it may have lost is held again. Lock held."""
        self.direct = None
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
        self.direct = None
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
        self.direct = None
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
