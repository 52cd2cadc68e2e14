"""A process of this machine in the place of a Docker container."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal as signals
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["ExecResult", "LocalProcess"]

#: What would change how a worker logs, if something in the test process had set it.
_DROPPED = ("CELERY_LOG_", "_MP_FORK_", "NO_COLOR")


class ExecResult(NamedTuple):
    """What a command run beside the process gave, as docker-py has it."""

    exit_code: int
    output: bytes


class LocalProcess:
    """What docker-py calls a container, as far as pytest-celery uses one: here a process and its group.

    ``command`` is run in ``folder`` with ``env`` added to this process's environment; ``celery`` and
    ``python`` as its first word are those of the running interpreter, and ``%h`` anywhere is the node's
    own host name. What it writes to stdout and stderr is its log, kept over restarts.
    """

    def __init__(self, name: str, command: Sequence[str], env: Mapping[str, str], folder: Path) -> None:
        self.id = uuid.uuid4().hex
        self.name = f"{name}-{self.id[:8]}"
        self.command = [word.replace("%h", self.id[:12]) for word in command]
        self.env = dict(env)
        self.folder = folder
        self._log = folder / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = 0  # where in the log the last start is

    @property
    def attrs(self) -> dict[str, Any]:
        """No network of its own, no published ports; host name and environment."""
        return {
            "NetworkSettings": {"Networks": {}, "Ports": {}},
            "HostConfig": {"PortBindings": {}},
            "Config": {"Hostname": self.id[:12], "Env": [f"{k}={v}" for k, v in self.env.items()]},
            "State": {"Status": self.status, "Pid": self.pid},
        }

    @property
    def pid(self) -> int:
        """The process id, 0 before the first start."""
        return self._process.pid if self._process is not None else 0

    @property
    def status(self) -> str:
        """``created``, ``running`` or ``exited``."""
        if self._process is None:
            return "created"
        return "running" if self._process.poll() is None else "exited"

    def start(self) -> None:
        """Start it, without waiting until it is ready; no effect while it runs."""
        if self.status == "running":
            return
        self._begun = len(self.logs())
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _with_interpreter(self.command),
                env=self._environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(_DROPPED)}
        return {**kept, **self.env, "NODE_SESSION": str(self.pid)}

    def reload(self) -> None:
        """Do nothing: ``status`` and ``attrs`` are never old."""

    def logs(self) -> bytes:
        """Return everything it has written."""
        return self._log.read_bytes() if self._log.exists() else b""

    def fresh_logs(self) -> str:
        """Return what it has written since its last start."""
        return self.logs()[self._begun :].decode(errors="replace")

    def kill(self, signal: str | int | None = None) -> None:
        """Send a signal to the process; SIGKILL, the default, to its whole group, and see it end."""
        process = self._process
        if process is None:
            return
        number = getattr(signals, signal) if isinstance(signal, str) else signal or signals.SIGKILL
        if number != signals.SIGKILL:
            process.send_signal(number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait()

    def stop(self, timeout: float = 10) -> None:
        """Ask it to end (SIGTERM); what is left of its group after ``timeout`` seconds is killed."""
        if self._process is None:
            return
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        self.kill()

    def restart(self, timeout: float = 10) -> None:
        """Stop it and start it again, on the same ports and files."""
        self.stop(timeout)
        self.start()

    def exec_run(self, command: str | Sequence[str], **_: object) -> ExecResult:
        """Run a command in the same folder with the same environment, and wait for it."""
        words = shlex.split(command) if isinstance(command, str) else list(command)
        done = subprocess.run(
            _with_interpreter(words), cwd=self.folder, env=self._environment(), stdout=-1, stderr=-2
        )
        return ExecResult(done.returncode, done.stdout)


def _with_interpreter(command: Sequence[str]) -> list[str]:
    """Run Celery and Python with this interpreter, whatever PATH says."""
    own = {"celery": [sys.executable, "-m", "celery"], "python": [sys.executable]}
    return [*own.get(command[0], command[:1]), *command[1:]]
