"""One program run in the foreground as a private instance, stopped by its own process id."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from .waiting import short_folder, wait_until

__all__ = ["Daemon", "read_lines"]

D = TypeVar("D", bound="Daemon")


class Daemon:
    """A context manager: started and ready inside, stopped and cleaned up after.

    Subclasses say how it is started (``command``) and when it is ready (``ready``).
    """

    name = "daemon"

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(short_folder())
        self.log = self.folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """Return the command line."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return what is added to the environment."""
        return {}

    def ready(self) -> bool:
        """Tell whether it takes messages."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env={**os.environ, **self.environment()},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._ready_or_dead, f"{self.name} to start", detail=self.told)

    def _ready_or_dead(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}: {self.told()}"
        return self.ready()

    def told(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait; kill it if it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL): nothing is flushed, its sockets' files stay."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)  # its own group: a wrapper script's child too
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Stop it and start it again on the same sockets and ports."""
        self.stop()
        self.start()

    def __enter__(self: D) -> D:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        self._stack.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_lines(path: Path) -> list[bytes]:
    """Return the whole lines of a file that is still being written."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []
