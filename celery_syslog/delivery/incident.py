"""When a log call waits, when it stops waiting, and how recovery goes: pure decisions on a given clock.

healthy --stall()--> stalled --writable()--> draining --over()--> healthy
   |                    ^------blocked()--------'
   '------down()-----> down ---connected()--> draining
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["DOWN", "DRAINING", "HEALTHY", "STALLED", "Backoff", "Incident", "Patience"]

HEALTHY = "healthy"  # records go straight to the kernel
STALLED = "stalled"  # connected, but the collector does not read: records are only kept
DOWN = "down"  # no connection: records are only kept
DRAINING = "draining"  # it takes records again: oldest first, new ones behind

#: Seconds of waiting that every delivered record earns back, see Patience.
EARNED = 0.005


class Patience:
    """How long log calls may wait for a collector that is busy: ``limit`` seconds, earned back by progress.

    A burst to a collector that keeps up with at least 200 records a second only ever waits; one that
    takes longer per record, or stops, uses the patience up and becomes an incident. Waits of several
    threads at the same time count once.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.left = limit
        self._delivered = 0
        self._until = float("-inf")

    def refill(self, delivered: int) -> None:
        """Earn for the records delivered since the last call; ``delivered`` is the running total."""
        self.left = min(self.limit, self.left + EARNED * (delivered - self._delivered))
        self._delivered = delivered

    def spend(self, start: float, now: float) -> None:
        """Take the time waited from ``start`` to ``now``, without what another thread has paid for."""
        self.left -= max(0.0, now - max(start, self._until))
        self._until = now

    def restore(self) -> None:
        """Start afresh after an incident."""
        self.left = self.limit


def _random() -> float:
    return int.from_bytes(os.urandom(2), "big") / 65536  # the random module is slow to load


class Backoff:
    """Delays between attempts: doubling from ``first`` to ``last`` seconds, less up to half at random."""

    def __init__(self, first: float, last: float, jitter: Callable[[], float] = _random) -> None:
        self._first = first
        self._last = last
        self._next = first
        self._jitter = jitter

    def delay(self) -> float:
        """Return the seconds to wait before the next attempt."""
        delay = self._next
        self._next = min(self._last, delay * 2)
        return delay * (0.5 + 0.5 * self._jitter())

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._next = self._first


class Incident:
    """The state of one connection, and what the present incident has cost so far."""

    def __init__(self) -> None:
        self.state = HEALTHY
        self.reason = ""
        self.since = 0.0
        self.told = ""  # what was wrong when it was last told
        self.dropped: dict[str, int] = {}

    def stall(self, now: float) -> bool:
        """The collector stopped reading; True when that is news."""
        return self._trouble(STALLED, now)

    def down(self, now: float) -> bool:
        """The connection is gone or could not be made; True when that is news."""
        return self._trouble(DOWN, now)

    def _trouble(self, state: str, now: float) -> bool:
        news = self.state != state and self.reason != state
        if self.state == HEALTHY:
            self.since = now
        self.state = self.reason = state
        return news

    def writable(self) -> None:
        """A stalled collector reads again."""
        if self.state == STALLED:
            self.state = DRAINING

    def connected(self) -> None:
        """There is a connection again; healthy before the first trouble, so that stays."""
        if self.state != HEALTHY:
            self.state = DRAINING

    def blocked(self) -> None:
        """The collector stopped again before everything was sent: still the same incident."""
        if self.state == DRAINING:
            self.state = STALLED

    def lose(self, reason: str, count: int) -> None:
        """Remember records lost, for the report at the end."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    def take_dropped(self) -> dict[str, int]:
        """Return what was dropped by reason, and start counting afresh."""
        dropped, self.dropped = self.dropped, {}
        return dropped

    def over(self) -> None:
        """Everything kept was sent."""
        self.state = HEALTHY
        self.reason = ""
        self.told = ""
