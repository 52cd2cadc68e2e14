"""The real ``celery`` command: run to its end, or in the background, or on a terminal of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .process import celery, environment
from .waiting import DEADLINE, wait_until

__all__ = ["COLUMNS", "Running", "run", "start"]

#: Width of the terminal.
COLUMNS = 110


def _settings(folder: Path, extra: dict[str, str]) -> dict[str, Any]:
    env = {**environment(folder), "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), **extra}
    return {"cwd": folder, "env": env, "stdin": subprocess.DEVNULL}


def run(
    folder: Path, *arguments: str, text: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a celery command in a folder to its end, with ``text`` as its input."""
    settings = _settings(folder, env)
    if text is not None:
        del settings["stdin"]
    command = [*celery(), *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=DEADLINE, **settings)


class Running:
    """A command that goes on: what it printed so far, and how it ends."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], tty: bool, env: dict[str, str]) -> None:
        self.out = self.err = ""
        master, slave = pty.openpty() if tty else os.pipe()
        self.process = subprocess.Popen(
            [*celery(), *arguments],
            stdout=slave,
            stderr=slave if tty else subprocess.PIPE,
            start_new_session=True,
            **_settings(folder, env),
        )
        os.close(slave)
        self._readers = [threading.Thread(target=self._read, args=(master, "out"), daemon=True)]
        if self.process.stderr is not None:
            descriptor = os.dup(self.process.stderr.fileno())
            self._readers.append(threading.Thread(target=self._read, args=(descriptor, "err"), daemon=True))
        for reader in self._readers:
            reader.start()

    def _read(self, descriptor: int, name: str) -> None:
        with contextlib.suppress(OSError):  # EIO: the terminal's other side is closed
            while data := os.read(descriptor, 65536):
                setattr(self, name, getattr(self, name) + data.decode(errors="replace"))
        os.close(descriptor)

    def wait_text(self, text: str) -> None:
        """Wait until it printed a text."""

        def there() -> bool:
            ended = self.process.poll() is not None
            if ended:
                self._join()
            found = text in self.out + self.err
            assert found or not ended, f"it ended without {text!r}: {self.out}{self.err}"
            return found

        wait_until(there, repr(text), detail=lambda: self.out + self.err)

    def end(self, number: int | None = None) -> int:
        """Send it a signal, if given, and return its exit status."""
        if number is not None:
            os.kill(self.process.pid, number)
        status = self.process.wait(DEADLINE)
        self._join()
        return status

    def _join(self) -> None:
        for reader in self._readers:
            reader.join(DEADLINE)


@contextlib.contextmanager
def start(folder: Path, *arguments: str, tty: bool = False, **env: str) -> Iterator[Running]:
    """Start a celery command in a folder; it is killed at the end if it still runs."""
    running = Running(folder, arguments, tty, env)
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.process.pid, signal.SIGKILL)
        running.end()
        if running.process.stderr is not None:
            running.process.stderr.close()
