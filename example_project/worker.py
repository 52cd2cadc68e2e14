"""The worker, a real one, in a process of its own; its console goes to a file."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

__all__ = ["Worker", "WorkerFailed"]

_ROOT = Path(__file__).resolve().parent.parent


class WorkerFailed(Exception):
    """The worker did not start or ended early; the text says how."""


class Worker:
    """``celery -A example_project worker``, started on entry and stopped warmly on exit."""

    def __init__(
        self,
        folder: Path,
        app: str = "example_project",
        options: Sequence[str] = ("--hostname", "example@%h", "--pool", "prefork", "--without-heartbeat"),
    ) -> None:
        self.log = folder / "worker.log"
        self._app = app
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The worker's main process; 0 before it was started."""
        return self._process.pid if self._process else 0

    def __enter__(self) -> "Worker":
        command = [sys.executable, "-m", "celery", "-A", self._app, "worker"]
        # INFO is what Celery's own lines about tasks need. Gossip and mingle are for several workers.
        command += ["--loglevel", "INFO", *self._options]
        command += ["--without-gossip", "--without-mingle"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                # Ctrl-C goes to the whole foreground group; the worker is to hear of it from us, once.
                start_new_session=True,
            )
        return self

    def check(self) -> None:
        """Raise WorkerFailed if the worker is gone."""
        if self._process is not None and self._process.poll() is not None:
            raise WorkerFailed(f"the worker ended early, with exit status {self._process.returncode}")

    def ready(self) -> bool:
        """Tell whether the worker has said on its console that it is ready for tasks."""
        return b" ready." in self.log.read_bytes()

    def stop(self) -> None:
        """Stop warmly: running tasks finish. Not waiting longer than 15 s, then less and less kindly."""
        process = self._process
        if process is None:
            return
        for sign, seconds in ((signal.SIGTERM, 15), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if process.poll() is None:
                process.send_signal(sign)
            try:
                process.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        except KeyboardInterrupt:
            # Impatience: a pool child dies with its parent.
            os.kill(self.pid, signal.SIGKILL)
            raise


def _environment() -> dict[str, str]:
    """Our own, from wherever we were started: the project must be found."""
    path = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
