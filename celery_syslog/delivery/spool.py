"""The spool of one process: what could not be sent, on disk, where a SIGKILL does not reach it."""

from __future__ import annotations

import errno
import os
import time
from collections import deque
from time import monotonic

from .segment import Segment
from .spoolfile import OVERHEAD

__all__ = ["SUFFIX", "Spool"]

#: What the names of spool files end with.
SUFFIX = ".spool"

#: Seconds before a directory that refused a write is tried again.
_RETRY = 5.0

#: The spool's bound is kept by whole files, so each has at most this part of it.
_PARTS = 64


class Spool:
    """A queue of records in files of one directory, which other processes may share.

    Each process has files of its own. All files together stay within ``bound`` bytes, give or take
    one file (a 64th of it, 16 KiB at least) for each process. With ``drop_oldest`` the oldest file of
    this process makes room for new records. Nothing here raises: what the disk refuses stays with
    the caller. ``dropped`` and ``damaged`` count the records that made room and those that could not
    be read back, ``errors`` the refusals of the disk, of which ``trouble`` is the last; the caller sets
    them back.
    """

    def __init__(self, directory: str, bound: int, drop_oldest: bool) -> None:
        self.directory = directory
        self.dropped = 0
        self.damaged = 0
        self.errors = 0
        self.trouble = ""
        self._bound = bound
        self._part = max(bound // _PARTS, 16384)
        self._drop_oldest = drop_oldest
        self._segments: deque[Segment] = deque()
        self._emptied: set[Segment] = set()  # with records on their way, and none that are not
        self._made = 0
        self._number = 0
        self._count = 0
        self._retry_at = 0.0
        self.full = False  # the bound is reached

    def __len__(self) -> int:
        return self._count

    def append(self, data: bytes) -> bool:
        """Write a record; False when the disk or the bound does not allow it now."""
        if self._retry_at and monotonic() < self._retry_at:
            return False
        try:
            segment = self._segment(OVERHEAD + len(data))
            if segment is None:
                return False
            segment.append(data, self._number)
        except OSError as error:
            self._retry_at = monotonic() + _RETRY
            self.errors += 1
            self.trouble = error.strerror or str(error)
            return False
        self._retry_at = 0.0
        self._number += 1
        self._count += 1
        return True

    def _segment(self, need: int) -> Segment | None:
        """Return the file a record of ``need`` bytes goes to, None when there is no room for it."""
        if self._segments and self._segments[-1].size + need <= self._part:
            return self._segments[-1]
        os.makedirs(self.directory, 0o700, exist_ok=True)
        self.full = False
        while _size(self.directory) + max(need, self._part) > self._bound:
            self.full = True
            if not self._drop_oldest or not self._segments:
                return None
            oldest = self._segments.popleft()
            self.dropped += len(oldest)
            self._count -= len(oldest)
            oldest.remove()
        self._segments.append(self._create())
        return self._segments[-1]

    def _create(self) -> Segment:
        for _ in range(3):
            self._made += 1
            name = f"{time.time_ns():019}-{os.getpid()}-{self._made}{SUFFIX}"
            try:
                return Segment.create(os.path.join(self.directory, name))
            except FileExistsError:
                continue  # looked at by somebody just when it was new
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))

    def head(self) -> bytes | None:
        """Return the oldest record; those that cannot be read back are counted and skipped."""
        while self._count:
            data = self._oldest().head()
            if data is not None:
                return data
            self.damaged += 1
            self.pop()
        return None

    def _oldest(self) -> Segment:
        """Return the file with the oldest record that was not taken; there is one."""
        while not len(self._segments[0]):
            emptied = self._segments.popleft()
            if emptied.done:
                emptied.remove()
            else:
                self._emptied.add(emptied)
        return self._segments[0]

    def pop(self) -> None:
        """Let go of the oldest record."""
        self.mark(*self.take())
        self.tidy()

    def take(self) -> tuple[Segment, int]:
        """Go on to the next record; the one before stays on disk until ``mark`` gets what is returned."""
        oldest = self._oldest()
        self._count -= 1
        return oldest, oldest.take()

    def mark(self, segment: Segment, place: int) -> None:
        """Let go of a record that was taken; its file goes with the last one, or when all is ``tidy``."""
        segment.mark(place)
        if segment.done and segment in self._emptied:
            self._emptied.remove(segment)
            segment.remove()
            self.full = False

    def tidy(self) -> None:
        """Remove a file that is kept only for records to come."""
        if self._segments and self._segments[0].done:
            self._segments.popleft().remove()
            self.full = False

    def close(self) -> None:
        """Leave the files to whoever comes next."""
        for segment in (*self._segments, *self._emptied):
            segment.close()
        self._segments.clear()
        self._emptied.clear()
        self._count = 0


def _size(directory: str) -> int:
    total = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                try:
                    total += entry.stat().st_size
                except FileNotFoundError:
                    pass  # sent and removed by its owner just now
    return total
