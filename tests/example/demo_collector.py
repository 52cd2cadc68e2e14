"""A collector that writes a file, and loses or doubles lines when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from celery_syslog import SyslogReceiver
from celery_syslog.receiver import Limits

__all__ = ["Tee"]


class Tee:
    """Writes what it receives as a collector's text file; ``copies(line)`` says how often each line."""

    def __init__(self, path: Path, copies: Callable[[str], int] = lambda line: 1) -> None:
        self.path = path
        self._copies = copies
        self._receiver = SyslogReceiver("unix://", limits=Limits())
        self._thread = threading.Thread(target=self._write)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._receiver.url

    def _write(self) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for message in self._receiver.follow():
                line = message.raw.decode().partition(">")[2]
                file.write(f"{line}\n" * self._copies(line))
                file.flush()

    def __enter__(self) -> Tee:
        self._receiver.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._receiver.close()
        self._thread.join()
