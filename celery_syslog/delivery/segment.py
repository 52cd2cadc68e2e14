"""One spool file of this process: written at its end, read from its beginning, locked while it is ours."""

from __future__ import annotations

import errno
import os
from array import array

from ..transports.descriptor import identity, lift, release
from .spoolfile import HEADER, OVERHEAD, STATE, pack, unpack

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Segment", "lock"]

_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0)


def lock(fd: int) -> bool:
    """Lock a spool file for this process; False when another one has it, or it was removed meanwhile.

    The kernel lifts the lock when the process ends, however it does.
    """
    if fcntl is None:
        raise OSError(errno.ENOSYS, "the spool needs file locks, which this platform lacks")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(fd).st_nlink > 0


class Segment:
    """A file of records, oldest first; ``len()`` is how many are not taken yet."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self.size = 0
        self._fd = fd
        self._identity = identity(fd)
        self._lengths = array("I")  # of every record in the file
        self._taken = 0  # how many of them are on their way, or done with
        self._read = 0  # where the first of the others begins
        self._sent = 0  # how many are done with

    @classmethod
    def create(cls, path: str) -> Segment:
        """Make a new file; raises OSError, FileExistsError when there is one already."""
        fd = lift(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
        segment = cls(path, fd)
        try:
            if not lock(fd):
                raise FileExistsError(errno.EEXIST, "taken for one that was left behind")
            segment._write(HEADER)
        except BaseException:
            segment.remove()
            raise
        segment._read = segment.size
        return segment

    def __len__(self) -> int:
        return len(self._lengths) - self._taken

    @property
    def done(self) -> bool:
        """Whether every record in it was sent."""
        return self._sent >= len(self._lengths)

    def _check(self) -> None:
        """Make sure that the descriptor is ours, and get another one if somebody closed it."""
        if identity(self._fd) == self._identity:
            return
        fd = lift(os.open(self.path, _FLAGS))
        if identity(fd) != self._identity or not lock(fd):
            os.close(fd)
            raise OSError(errno.EBADF, "the file was taken over")
        self._fd = fd

    def _write(self, data: bytes) -> None:
        self._check()
        written = os.pwrite(self._fd, data, self.size)
        if written < len(data):
            os.ftruncate(self._fd, self.size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.size += written

    def append(self, data: bytes, number: int) -> None:
        """Write a record; raises OSError, and then the file is as it was before."""
        self._write(pack(data, number))
        self._lengths.append(len(data))

    def head(self) -> bytes | None:
        """Return the oldest record that was not sent, None when it cannot be read back."""
        try:
            self._check()
            found = unpack(os.pread(self._fd, OVERHEAD + self._lengths[self._taken], self._read))
        except OSError:
            return None
        return found.data if found else None

    def take(self) -> int:
        """Go on to the next record and return where the one before is, for ``mark``."""
        place = self._read
        self._read += OVERHEAD + self._lengths[self._taken]
        self._taken += 1
        return place

    def mark(self, place: int) -> None:
        """Mark a record that was taken as sent."""
        offset, value = STATE
        try:
            self._check()
            os.pwrite(self._fd, value, place + offset)
        except OSError:
            pass  # it may be sent twice if this process is killed
        self._sent += 1

    def close(self) -> None:
        """Leave the file, with its records, to whoever comes next; never raises."""
        release(self._fd, self._identity)

    def remove(self) -> None:
        """Delete the file; never raises."""
        try:
            os.unlink(self.path)
        except OSError:
            pass
        self.close()
