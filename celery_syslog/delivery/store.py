"""What is held until the collector takes it, oldest first: sent once already, on disk, in memory."""

from __future__ import annotations

from collections import deque

from ..settings import Settings
from .counters import ADOPTED, BUFFERED, DROPPED, ENTERED, LEFT, RESENT, SPOOL_ERRORS, SPOOLED, Counters
from .incident import Incident
from .segment import Segment
from .spool import Spool

__all__ = ["Store"]


class Store:
    """The records of one process that are not sent yet, in order; used under the delivery's lock.

    ``entered`` and ``gone`` number them while nothing is dropped: a record that entered as number n
    is no longer held when ``gone`` has reached n.
    """

    def __init__(self, settings: Settings, counters: Counters, incident: Incident) -> None:
        self._capacity = settings.buffer
        self._oldest = settings.overflow == "drop_oldest"
        self._counters = counters
        self._incident = incident
        self._first: deque[bytes] = deque()
        self._spool: Spool | None = None
        if settings.spool is not None:
            self._spool = Spool(settings.spool, settings.spool_size, self._oldest)
        self._queue: deque[bytes] = deque()
        #: Where on disk the records are that were taken from there and are not confirmed, by their id();
        #: None: in a dead process's file.
        self._places: dict[int, tuple[bytes, Segment | None, int]] = {}
        self._behind = 0  # left on disk by close()
        self.entered = 0
        self.gone = 0
        self.arrived = 0  # how many were confirmed

    def __len__(self) -> int:
        return len(self._first) + (len(self._spool) if self._spool else 0) + len(self._queue)

    @property
    def full(self) -> bool:
        """Whether the next record costs another one."""
        if self._spool is not None and not self._queue:
            return self._spool.full
        return len(self._queue) >= self._capacity

    @property
    def first(self) -> int:
        """How many records are held that were adopted or put back."""
        return len(self._first)

    @property
    def trouble(self) -> str:
        """What is wrong with the spool, once each time."""
        spool = self._spool
        if spool is None or not spool.trouble:
            return ""
        text, spool.trouble = spool.trouble, ""
        return f"spool {spool.directory}: {text}; records are kept in memory instead"

    def _count(self) -> None:
        row = self._counters.row
        row[BUFFERED] = len(self._first) + len(self._queue)
        row[SPOOLED] = self._behind + (len(self._spool) if self._spool else 0)

    def add(self, data: bytes) -> int:
        """Take a record in, whatever the bounds; returns its number."""
        self._queue.append(data)
        self.entered += 1
        row = self._counters.row
        row[ENTERED] += 1
        row[BUFFERED] += 1
        return self.entered

    def add_within(self, data: bytes) -> bool:
        """Take a record in to be kept, on disk if there is a spool; False when that takes more than this."""
        spool = self._spool
        if spool is None:
            if len(self._queue) >= self._capacity:
                return False
            self._queue.append(data)
        elif self._queue or not spool.append(data):
            return False
        self.entered += 1
        row = self._counters.row
        row[ENTERED] += 1
        row[BUFFERED if spool is None else SPOOLED] += 1
        if spool is not None and spool.dropped:
            self.keep()
        return True

    def adopt(self, records: list[bytes]) -> int:
        """Take in, before all others, what a dead process left; returns the last one's number."""
        self._first.extend(records)
        self._places.update((id(data), (data, None, 0)) for data in records)
        self.entered += len(records)
        row = self._counters.row
        row[ENTERED] += len(records)
        row[ADOPTED] += len(records)
        self._count()
        return self.entered

    def lose(self, damaged: int) -> None:
        """Count records that were found beyond reading in what a dead process left."""
        self.entered += damaged
        self._counters.row[ENTERED] += damaged
        self._incident.lose("spool", damaged)
        self._discarded("spool", damaged)

    def put_back(self, records: list[bytes]) -> None:
        """Hold again, before all others, records that were sent but may not have arrived."""
        # To the spool, if they can be the first there; else they would not survive a SIGKILL any more.
        disk = self._spool is not None and not self._first and not len(self._spool)
        (self._queue if disk else self._first).extendleft(reversed(records))
        self.gone -= len(records)
        self._counters.row[LEFT] -= len(records)
        self._counters.row[RESENT] += len(records)
        self._count()

    def secure(self, data: bytes) -> None:
        """Bring to disk a record that was sent and is not confirmed: a SIGKILL must not lose it."""
        spool = self._spool
        if spool is not None and not len(spool) and id(data) not in self._places and spool.append(data):
            self._places[id(data)] = (data, *spool.take())

    def tidy(self) -> None:
        """Leave nothing on disk when nothing is held or unconfirmed."""
        if self._spool is not None and not self._places:
            self._spool.tidy()

    def confirmed(self, data: bytes) -> None:
        """Let go, on disk too, of a record that the collector has confirmed."""
        self.arrived += 1
        _, segment, place = self._places.pop(id(data), (b"", None, 0))
        if segment is not None and self._spool is not None:
            self._spool.mark(segment, place)

    def pin(self) -> None:
        """Keep the oldest record from making room for others: a part of it is with the collector.

        Not with a spool, where it is safer; there it may be dropped and the connection with it.
        """
        if self._spool is None and not self._first and self._queue:
            self._first.append(self._queue.popleft())

    def head(self) -> bytes | None:
        """Return the oldest record, None when nothing is held."""
        if self._first:
            return self._first[0]
        if self._spool is not None and len(self._spool):
            data = self._spool.head()
            if self._spool.damaged:
                self._incident.lose("spool", self._spool.damaged)
                self._discarded("spool", self._spool.damaged)
                self._spool.damaged = 0
            if data is not None:
                return data
        return self._queue[0] if self._queue else None

    def _discarded(self, reason: str, count: int) -> None:
        self.gone += count
        self._counters.add(DROPPED[reason], count)
        self._count()

    def _pop(self, data: bytes | None = None) -> None:
        if self._first:
            gone = self._first.popleft()
            if data is None:
                self.confirmed(gone)
        elif self._spool is None or not len(self._spool):
            self._queue.popleft()
        elif data is None:
            self._spool.pop()
        else:
            self._places[id(data)] = (data, *self._spool.take())
        self._count()

    def pop(self, data: bytes | None = None) -> None:
        """Let go of the oldest record, which was sent.

        With ``data``, the record as ``head`` gave it, it stays on disk until it is ``confirmed``.
        """
        self._pop(data)
        if data is not None:
            self.secure(data)
        self.gone += 1
        self._counters.row[LEFT] += 1

    def discard(self, reason: str) -> None:
        """Let go of the oldest record, which cannot be sent."""
        self._pop()
        self._discarded(reason, 1)

    def keep(self) -> None:
        """Bring what is held to disk and within the bounds; what has to go is counted.

        What came after a record that the disk refused waits in memory behind it, so that the order stays.
        """
        dropped = self._to_disk()
        while len(self._queue) > self._capacity:
            if self._oldest:
                self._queue.popleft()
            else:
                self._queue.pop()
            dropped += 1
        if dropped:
            reason = self._incident.reason
            self._incident.lose(reason, dropped)
            self._discarded(reason, dropped)
        else:
            self._count()

    def _to_disk(self) -> int:
        spool = self._spool
        if spool is None:
            return 0
        while self._queue:
            if not spool.append(self._queue[0]):
                break
            self.confirmed(self._queue.popleft())  # one that was put back is there twice now
        self._counters.row[SPOOL_ERRORS] += spool.errors
        spool.errors = 0
        dropped, spool.dropped = spool.dropped, 0
        return dropped

    def forget(self) -> None:
        """Let go of files that are the parent's, in a forked child."""
        if self._spool is not None:
            self._spool.close()

    def close(self) -> int:
        """Leave to the disk what it takes and give up the rest; returns how many records that were."""
        held = [*self._first, *self._queue]
        self._first.clear()
        self._queue = deque(data for data in held if id(data) not in self._places)
        self._behind += len(held) - len(self._queue)  # still on disk: nobody has confirmed them
        dropped = self._to_disk() + len(self._queue)
        self._queue.clear()
        self._places.clear()
        if self._spool is not None:
            self._behind += len(self._spool)
            self._spool.tidy()
            self._spool.close()
        self.gone = self.entered
        self._count()
        return dropped
