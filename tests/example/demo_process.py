"""The demo as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "Starter", "finish"]

ROOT = Path(__file__).resolve().parents[2]

#: Seconds in which a demo ends; far above what any takes.
SECONDS = 150


class Starter:
    """Starts ``python -m example_project`` or a ``module`` of it; ``folder`` is where it keeps its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def __call__(self, *arguments: str, module: str = "example_project") -> subprocess.Popen[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("EXAMPLE_")}
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**kept, "TMPDIR": str(self.folder), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End every demo that still runs, and with it its worker."""
        for process in self._started:
            if process.poll() is None:
                process.terminate()
                process.communicate(timeout=SECONDS)
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr."""
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err
