"""Descriptors that cannot be mistaken for somebody else's: moved out of the way and known by inode.

Programs close descriptors they do not own (Celery's beat closes all but a few), and the kernel gives a
number away again at once, always the lowest free one. So ours are moved to a number far above what a
process uses, and their inode is compared before anything is closed.
"""

from __future__ import annotations

import os

try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    resource = None  # type: ignore[assignment]

__all__ = ["identity", "lift", "release", "reserve"]

# The kernel's table of descriptors is as long as the highest number: this is 32 KiB of it.
_HIGHEST = 4096


def _limit() -> int:
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], _HIGHEST)
    return limit if limit > 0 else _HIGHEST  # RLIM_INFINITY is negative on some platforms


def reserve() -> None:
    """Have the kernel make its table long enough for ``lift`` now; never raises.

    While a process has one thread, that takes microseconds; later the kernel waits, some 15 ms, until no
    other thread can be looking at the old table.
    """
    if fcntl is None:
        return
    try:
        fd = os.open(os.devnull, os.O_RDONLY)
        try:
            os.close(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _limit() * 7 // 8))
        finally:
            os.close(fd)
    except OSError:
        pass


def lift(fd: int) -> int:
    """Move a descriptor to a high number and return that; the old number is closed.

    Returns ``fd`` itself where the platform or the limit on open files allows no better.
    """
    if fcntl is None:
        return fd
    limit = _limit()
    # A random start keeps two connections of a process from getting each other's number.
    start = limit * 3 // 4 + int.from_bytes(os.urandom(2), "big") % max(1, limit // 8)
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, start)
    except OSError:
        return fd
    os.close(fd)
    return high


def identity(fd: int) -> tuple[int, int] | None:
    """Return device and inode of an open descriptor, None for a number that is not open."""
    try:
        status = os.fstat(fd)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def release(fd: int, known: tuple[int, int] | None) -> None:
    """Close a descriptor if it is still the one that ``identity`` saw; never raises."""
    if known is not None and identity(fd) == known:
        try:
            os.close(fd)
        except OSError:
            pass
