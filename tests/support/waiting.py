"""Waiting on a condition, short private folders, free ports and services that may be missing."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

__all__ = ["DEADLINE", "free_port", "missing", "program", "short_folder", "unread_datagrams", "wait_until"]

#: Seconds after which a condition that does not come true is a failure; far above what any takes.
DEADLINE = 60.0

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], what: str, *, timeout: float = DEADLINE, detail: Callable[[], object] = str
) -> T:
    """Return the first true value of ``condition``; ``detail`` is shown when none comes."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}. {detail()}")
        time.sleep(0.01)
    return value


@contextmanager
def short_folder() -> Iterator[Path]:
    """Yield a private folder whose path leaves room for a unix socket's name (108 bytes in all)."""
    folder = Path(tempfile.mkdtemp(prefix="cs-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """Return a port of the loopback address that nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(reason: str) -> NoReturn:
    """Skip the test; or fail it where every service is required to be there."""
    if os.environ.get("CELERY_SYSLOG_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{reason}, and CELERY_SYSLOG_REQUIRE_SERVICES=1 forbids to skip")
    pytest.skip(reason)


def program(name: str, *places: str) -> str:
    """Return the path of a daemon's program, sought on PATH, in /usr/sbin and in ``places``."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *places])
    return shutil.which(name, path=path) or missing(f"{name} is not installed")


def unread_datagrams(port: int) -> int:
    """Return how many bytes lie unread in the UDP socket bound to a port, whosever it is (Linux)."""
    with open("/proc/net/udp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{port:04X}"))
