"""What every process has done with its records, in memory that a process shares with those it forks."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["REASONS", "Counters"]

#: Why a record was dropped; ``too_long``: refused by the kernel even when cut; ``spool``: damaged on disk.
REASONS = ("stalled", "down", "too_long", "spool", "closed")

# The fields of a row. DIRECT: sent without ever being held; ENTERED: came to be held, if only for the
# length of a call; LEFT: sent of those, less those to be sent again, so it may be below 0. BUFFERED and
# SPOOLED are how many are held right now. RESENT: sent again because they may not have arrived.
PID, DIRECT, BYTES, ENTERED, LEFT, BUFFERED, SPOOLED = range(7)
RECONNECTS, STALLS, FAILOVERS, CUT, ADOPTED, SPOOL_ERRORS, RESENT = range(7, 14)
DROPPED = {reason: 14 + index for index, reason in enumerate(REASONS)}
_WIDTH = 14 + len(REASONS)
_ROWS = 512


class Counters:
    """The counts of one delivery, a row for each process.

    Made before a fork, the rows of the children are readable here: each child takes one of its own,
    keyed by its pid, and only its owner ever writes to it. The row of a dead process goes to a new
    one after a few hundred forks; what it held lives on as the row's past.
    """

    __slots__ = ("_table", "bytes", "direct", "row")

    def __init__(self) -> None:
        # Of this process, kept outside the row because that is quicker for the way without lock.
        self.direct = 0  # in the row at once
        self.bytes = 0  # in the row now and then
        self._table = memoryview(mmap.mmap(-1, _ROWS * _WIDTH * 2 * 8)).cast("q")
        self.row = self._claim()

    def renew(self) -> None:
        """Take a row of its own; for a forked child."""
        self.direct = self.bytes = 0
        self.row = self._claim()

    def publish(self) -> None:
        """Let relatives see the bytes too; the other counts they see at once."""
        self.row[BYTES] = self.bytes

    def _claim(self) -> memoryview:
        pid = os.getpid()
        for step in range(_ROWS):
            start = (pid + step) % _ROWS * _WIDTH * 2
            row = self._table[start : start + _WIDTH]
            if row[PID] and row[PID] != pid and _alive(row[PID]):
                continue
            past = self._table[start + _WIDTH : start + _WIDTH * 2]
            for field in range(DIRECT, _WIDTH):
                past[field] += row[field]
                row[field] = 0
            row[PID] = pid
            return row
        return memoryview(bytearray(_WIDTH * 8)).cast("q")  # more live processes than rows

    def add(self, field: int, count: int = 1) -> None:
        """Add to a field of this process, from under the delivery's lock."""
        self.row[field] += count

    def snapshot(self) -> dict[str, Any]:
        """Return the counts of this process: emitted = sent + buffered + spooled + all dropped."""
        self.publish()
        return _named(self.row)

    def processes(self) -> list[dict[str, Any]]:
        """Return the counts of this process and its relatives, each with ``pid`` and ``alive``.

        The last entry, with pid 0, sums up the processes whose row has been given to another.
        """
        self.publish()
        found, past = [], [0] * _WIDTH
        for start in range(0, _ROWS * _WIDTH * 2, _WIDTH * 2):
            pid = self._table[start]
            if pid:
                row = self._table[start : start + _WIDTH]
                found.append({"pid": pid, "alive": _alive(pid), **_named(row)})
                for field in range(DIRECT, _WIDTH):
                    past[field] += self._table[start + _WIDTH + field]
        return [*found, {"pid": 0, "alive": False, **_named(past)}]


def _named(row: Sequence[int] | memoryview) -> dict[str, Any]:
    return {
        "emitted": row[DIRECT] + row[ENTERED],
        "sent": row[DIRECT] + row[LEFT],
        "buffered": row[BUFFERED],
        "spooled": row[SPOOLED],
        "dropped": {reason: row[field] for reason, field in DROPPED.items() if row[field]},
        "reconnects": row[RECONNECTS],
        "stalls": row[STALLS],
        "failovers": row[FAILOVERS],
        "bytes": row[BYTES],
        "cut": row[CUT],
        "adopted": row[ADOPTED],
        "spool_errors": row[SPOOL_ERRORS],
        "resent": row[RESENT],
    }


def _alive(pid: int) -> bool:
    if sys.platform == "win32":  # there is no fork, so no row but our own; and kill(pid, 0) kills
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
