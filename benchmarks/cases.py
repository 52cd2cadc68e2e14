"""A case: something whose log calls are counted, in a process of its own."""

from __future__ import annotations

import logging
import mmap
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Case", "Place", "Run", "logs"]

#: Makes so many log calls.
Run = Callable[[int], None]


class Place:
    """What a case finds around it: a folder, the collectors' URLs by scheme, and a clock.

    The unix socket is the process's own. A child reads it as a daemon would: asleep until a message wakes it,
    so a send includes that. What it has not read is taken between bursts that the socket has room for, so
    no figure depends on how soon the system lets the child run. ``reader`` is a socket only read elsewhere.
    """

    def __init__(self, folder: Path, urls: dict[str, str], length: int) -> None:
        self.folder = folder
        self.length = length
        self.reader = urls["unix"].removeprefix("unix://")
        self.path = str(folder / f"log-{os.getpid()}")
        self.urls = {**urls, "unix": f"unix://{self.path}", "journald": f"journald://{self.path}"}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 500_000))
        self.socket.bind(self.path)
        self._parent = os.getpid()
        self._read_by_child = mmap.mmap(-1, 8)
        self._child = os.fork()
        if not self._child:
            self._be_the_child()
        self._taken = 0
        self.spent = [0, 0]
        self._started = (0, 0)

    def _be_the_child(self) -> None:
        for number in range(3):
            os.close(number)
        taken = memoryview(self._read_by_child).cast("Q")
        while os.getppid() == self._parent:
            try:
                taken[0] += len(self.socket.recv(65536))
            except BlockingIOError:
                pass  # half a second is over: is anybody still there?
        os._exit(0)

    def drain(self) -> None:
        """Empty the socket."""
        try:
            while True:
                self._taken += len(self.socket.recv(65536, socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass

    @property
    def taken(self) -> int:
        """Bytes read so far."""
        return self._taken + int.from_bytes(self._read_by_child[:], sys.byteorder)

    def begin(self) -> None:
        """Begin to measure; a case may do so again when it has prepared something."""
        self._started = (time.process_time_ns(), time.perf_counter_ns())

    def end(self) -> None:
        """Add what was spent since ``begin``."""
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        self.spent[0] += cpu - self._started[0]
        self.spent[1] += wall - self._started[1]


@dataclass(frozen=True)
class Case:
    """One line of the table.

    ``prepare`` makes the runner, in the case's own process; ``calls`` is the part of the usual number of
    calls it gets, and ``burst`` how many of them are made before the unix socket is emptied; ``versus`` names
    the case its ratio is to, the floor of its road and length if empty; ``goal`` is the ratio aimed at;
    ``missing`` says why it cannot run here.
    """

    name: str
    group: str
    prepare: Callable[[Place], Run]
    road: str = "unix"
    calls: float = 1.0
    versus: str = ""
    goal: float | None = None
    burst: int = 8
    missing: str = ""


def logs(make: Callable[[Place], logging.Handler], task: bool = False, kwargs: Any = None) -> Any:
    """Return what prepares ``Logger.info`` with two arguments into one handler."""

    def prepare(place: Place) -> Run:
        logger = logging.Logger("shop.tasks", logging.INFO)
        logger.addHandler(make(place))
        if task:
            from celery_syslog import context
            from celery_syslog.worker.tasks import current_task

            from .task import enter_task

            enter_task()
            context.set_task_provider(current_task)
        options = kwargs or {}

        def run(count: int) -> None:
            log = logger.info
            for number in range(count):
                log("adding %s and %s", number, 2, **options)

        return run

    return prepare
