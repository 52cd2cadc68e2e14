"""A worker or beat started as a user starts it, in a process group of its own."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

import celery_syslog

from .waiting import DEADLINE, wait_until

__all__ = ["CeleryProcess", "celery", "environment"]

_TESTS = Path(__file__).parent.parent
_PACKAGE = Path(celery_syslog.__file__).parent.parent
# What would change how a worker logs, if a test of this process had set it: Celery's logging tells its
# children by the environment.
_DROPPED = ("CELERY_", "NO_COLOR", "PYTHONWARNINGS", "_MP_FORK_")


def celery() -> list[str]:
    """Return the celery command: the script, because SIGHUP starts sys.argv[0] again as a file."""
    script = Path(sys.executable).with_name("celery")
    return [str(script)] if script.exists() else [sys.executable, "-m", "celery"]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a process that uses the project in ``folder``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    path = os.pathsep.join(map(str, (folder, _TESTS, _PACKAGE)))
    # A pool's child ends by os._exit, without what Python still holds back of a stdout that is a file.
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def _runs(pid: int) -> bool:
    """Tell whether a process lives; one that is dead but not yet reaped does not."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()
    return status.rpartition(")")[2].split()[0] not in "ZX"


class CeleryProcess:
    """A context manager: ready inside, stopped as ``kill PID`` does after.

    ``marker`` is the file in which the project notes the process ids that became ready.
    """

    def __init__(self, folder: Path, *arguments: str, marker: str = "ready", tty: bool = False) -> None:
        self.folder = folder
        self.command = [*celery(), "-A", "support.project", *arguments]
        self.marker = folder / marker
        self.out, self.err = folder / "out", folder / "err"
        self.tty = tty
        self.process: subprocess.Popen[bytes] | None = None
        self._copier: threading.Thread | None = None
        self._before = len(self._marks())

    def _marks(self) -> list[int]:
        return [int(line) for line in self.marker.read_text().split()] if self.marker.exists() else []

    @property
    def pid(self) -> int:
        """The process that became ready last: the daemon where one was made."""
        return self._marks()[-1]

    @property
    def console(self) -> str:
        """Everything written to stdout and stderr."""
        files = (self.out, self.err)
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def start(self) -> None:
        """Start it without waiting."""
        stdio = {"stdin": subprocess.DEVNULL, "cwd": self.folder, "env": environment(self.folder)}
        with self.out.open("ab") as out, self.err.open("ab") as err:
            if not self.tty:
                self.process = subprocess.Popen(
                    self.command, stdout=out, stderr=err, start_new_session=True, **stdio
                )
                return
            master, slave = pty.openpty()
            self.process = subprocess.Popen(
                self.command, stdout=slave, stderr=slave, start_new_session=True, **stdio
            )
            os.close(slave)
            self._copier = threading.Thread(target=self._copy, args=(master,), daemon=True)
            self._copier.start()

    def _copy(self, master: int) -> None:
        with self.out.open("ab", buffering=0) as out, contextlib.suppress(OSError):
            while data := os.read(master, 65536):  # Linux raises EIO when the last writer is gone
                out.write(data)
        os.close(master)

    def wait_ready(self, times: int = 1) -> None:
        """Wait until it became ready (``times`` in all: a restart counts)."""

        def ready() -> bool:
            done = self.process is not None and self.process.poll()
            assert not done, f"it ended with {done}:\n{self.console[-4000:]}"
            return len(self._marks()) >= self._before + times

        wait_until(
            ready, f"{' '.join(self.command[1:])} to become ready", detail=lambda: self.console[-4000:]
        )

    def signal(self, number: int) -> None:
        """Send a signal to the process that became ready."""
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Stop it warm (SIGTERM); return its exit status, 0 for a daemon, which has another parent."""
        assert self.process is not None
        pid = self.pid
        self.signal(signal.SIGTERM)
        try:
            wait_until(lambda: self._ended(pid), f"process {pid} to end")
        except AssertionError:
            self.kill()
            raise AssertionError(f"it did not stop:\n{self.console[-4000:]}") from None
        return self._end()

    def _ended(self, pid: int) -> bool:
        if self.process is not None:
            self.process.poll()  # reap it
        return not _runs(pid)

    def _end(self) -> int:
        assert self.process is not None
        status = self.process.wait(DEADLINE)
        if self._copier is not None:
            self._copier.join(DEADLINE)
        self.process = None
        return status

    def kill(self) -> None:
        """End everything that was started here, by process id and own process group."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in self._marks()[self._before :]:
            if pid != self.process.pid and _runs(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # a pool's children go with their parent
        self._end()

    def __enter__(self) -> CeleryProcess:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is None:
            return
        if kind is not None:
            self.kill()
        else:
            assert self.stop() == 0, self.console[-4000:]
