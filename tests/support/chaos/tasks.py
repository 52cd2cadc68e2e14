"""A task for the project of the worker tests that logs some lines and then ends its process, or not."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

from celery import shared_task

__all__ = ["LINES", "end", "line"]

#: Lines each run writes.
LINES = 20


def line(run: str, number: int) -> str:
    """Return the text of one line of a run."""
    return f"<end {run} {number}>"


@shared_task(name="proj.end")
def end(run: str, how: str, folder: str) -> None:
    """Write the lines, note that they are written, and end as ``how`` says."""
    log = logging.getLogger("chaos")
    for number in range(LINES):
        log.info("%s", line(run, number))
    Path(folder, f"logged-{run}").touch()
    if how == "SystemExit":
        raise SystemExit(3)
    if how == "os._exit":
        os._exit(4)
    if how in ("SIGKILL", "SIGSEGV"):
        os.kill(os.getpid(), getattr(signal, how))
    if how == "sleep":
        time.sleep(8)  # a cold shutdown waits for it
