"""kombu's folder transport without its races, as ``folder://``: a broker that needs no service.

kombu opens a message's file before it writes it, and creates a table of bindings before it locks it, so
that a reader now and then finds an empty file and gives up. Here both appear whole.
"""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

__all__ = ["Transport", "register"]


def register() -> str:
    """Make kombu know the scheme; return the broker's URL."""
    TRANSPORT_ALIASES["folder"] = "support.folder:Transport"
    return "folder://"


class Channel(filesystem.Channel):
    """A channel whose files are renamed into place and whose tables have one lock around them."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        folder = Path(self.data_folder_out)
        part = folder / f".{uuid.uuid4()}"
        part.write_text(dumps(payload))
        part.replace(folder / f"{time.monotonic_ns() // 1000_000}_{uuid.uuid4()}.{queue}.msg")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(os.path.join(self.data_folder_out, ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                # Closing is not enough: a child forked meanwhile by another thread holds it open too.
                fcntl.flock(lock, fcntl.LOCK_UN)

    def get_table(self, *args: Any) -> Any:
        """Read a table that nobody is writing."""
        with self._locked():
            return super().get_table(*args)

    def _queue_bind(self, *args: Any) -> None:
        with self._locked():
            super()._queue_bind(*args)

    def _delete(self, *args: Any, **kwargs: Any) -> None:
        with self._locked():
            super()._delete(*args, **kwargs)


class Transport(filesystem.Transport):
    """A transport that lets a worker look at its signals several times a second."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None) -> Any:
        """Wait at most 0.2 s where kombu would wait for the whole ``timeout``."""
        return super().drain_events(connection, timeout and min(timeout, 0.2))
