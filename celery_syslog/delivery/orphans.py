"""Spool files whose process is gone: found, listed, and sent by whoever takes them over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from ..transports.descriptor import identity, lift, release
from .segment import lock
from .spool import SUFFIX
from .spoolfile import STATE, Entry, scan

__all__ = ["Orphan", "SpoolFile", "any_orphan", "orphans", "spool_files"]

#: A file larger than this is no spool file of ours.
_LARGEST = 1 << 30


class SpoolFile(NamedTuple):
    """What a spool file holds: records still to be sent, their bytes, and how many cannot be read."""

    path: str
    records: int
    size: int
    damaged: int
    in_use: bool  # its process is alive


class Orphan:
    """A spool file taken over from a dead process, and locked.

    ``records`` are those still to be sent, ``damaged`` is how many are beyond reading.
    """

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd
        self._identity = identity(fd)
        found = list(scan(_content(fd)))
        self.damaged = sum(item for item in found if not isinstance(item, Entry))
        self._entries = [item for item in found if isinstance(item, Entry) and not item.sent]
        self._done = 0

    @property
    def records(self) -> list[bytes]:
        """The messages still to be sent, oldest first."""
        return [entry.data for entry in self._entries[self._done :]]

    def take(self, count: int) -> list[bytes]:
        """Return up to ``count`` of the messages, oldest first."""
        return [entry.data for entry in self._entries[self._done : self._done + count]]

    def sent(self, count: int) -> None:
        """Mark the oldest ``count`` messages as sent; the file goes with the last one."""
        offset, value = STATE
        for entry in self._entries[self._done : self._done + count]:
            try:
                if identity(self._fd) == self._identity:
                    os.pwrite(self._fd, value, entry.start + offset)
            except OSError:
                pass  # whoever comes next sends it again
        self._done += count
        if self._done >= len(self._entries):
            self.remove()

    def remove(self) -> None:
        """Delete the file, and with it what was not sent; never raises."""
        try:
            os.unlink(self.path)
        except OSError:
            pass
        self.release()

    def release(self) -> None:
        """Leave the file to the next one; never raises."""
        release(self._fd, self._identity)


def orphans(directory: str) -> Iterator[Orphan]:
    """Yield the files in a spool directory that no living process holds, oldest first, each locked.

    What cannot be opened is left out. A caller that stops early releases what it has.
    """
    for path in _paths(directory):
        orphan = _take(path)
        if orphan is not None:
            yield orphan


def any_orphan(directory: str) -> bool:
    """Tell whether there is a file to take over; cheap enough for a log call."""
    for path in _paths(directory):
        fd = _claim(path)
        if fd is not None:
            os.close(fd)
            return True
    return False


def _paths(directory: str) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))
    except OSError:
        return []
    return [os.path.join(directory, name) for name in names]


def _take(path: str) -> Orphan | None:
    fd = _claim(path)
    if fd is None:
        return None
    try:
        return Orphan(path, fd)
    except OSError:
        os.close(fd)
        return None


def _claim(path: str) -> int | None:
    try:
        fd = lift(os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0)))
    except OSError:
        return None
    try:
        if lock(fd):
            return fd
    except OSError:
        pass
    os.close(fd)
    return None


def _content(fd: int) -> bytes:
    size = min(os.fstat(fd).st_size, _LARGEST)
    parts, position = [], 0
    while position < size:
        part = os.pread(fd, size - position, position)
        if not part:
            break
        parts.append(part)
        position += len(part)
    return b"".join(parts)


def spool_files(directory: str) -> list[SpoolFile]:
    """Return what the files of a spool directory hold, oldest first; changes nothing."""
    found = []
    for path in _paths(directory):
        try:
            with open(path, "rb", buffering=0) as file:
                content = _content(file.fileno())
                in_use = not lock(file.fileno())
        except OSError:
            continue
        items = list(scan(content))
        pending = [item for item in items if isinstance(item, Entry) and not item.sent]
        damaged = sum(item for item in items if not isinstance(item, Entry))
        size = sum(len(entry.data) for entry in pending)
        found.append(SpoolFile(path, len(pending), size, damaged, in_use))
    return found
