"""A process that takes datagrams as fast as it can and forgets them, so that only senders are measured."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event

__all__ = ["collector"]


def _read(path: str, ready: Event) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        ready.set()
        while True:
            sock.recv(65536)


@contextmanager
def collector(path: str) -> Iterator[None]:
    """Read a unix datagram socket in a process of its own until the block ends."""
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=_read, args=(path, ready), daemon=True)
    process.start()
    ready.wait()
    try:
        yield
    finally:
        process.terminate()
        process.join()
