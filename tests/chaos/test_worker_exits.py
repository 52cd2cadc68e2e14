"""Worker processes that end in every way while there is no collector: what was logged arrives later.

The spool keeps what a process could not send, however it ends, and the next worker sends it.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.celery_project import Project
from support.chaos.tasks import LINES, line
from support.inbox import Inbox
from support.process import CeleryProcess
from support.waiting import short_folder, wait_until

MakeProject = Callable[..., Project]

_LINE = re.compile(r"<end .*? \d+>")


def hard_limit(project: Project, folder: Path, worker: CeleryProcess) -> None:
    """A task killed at its hard time limit."""
    project.send("end", "run", "sleep", str(folder), time_limit=1)
    wait_until(
        lambda: "Hard time limit" in worker.console, "the limit", detail=lambda: worker.console[-2000:]
    )


def by_itself(how: str) -> Callable[[Project, Path, CeleryProcess], None]:
    """A task that ends its process."""

    def run(project: Project, folder: Path, worker: CeleryProcess) -> None:
        project.send("end", "run", how, str(folder))
        logged(folder)

    return run


def by_signal(name: str) -> Callable[[Project, Path, CeleryProcess], None]:
    """A worker that gets a signal while its task runs."""

    def run(project: Project, folder: Path, worker: CeleryProcess) -> None:
        project.send("end", "run", "return" if name == "SIGTERM" else "sleep", str(folder))
        logged(folder)
        worker.signal(getattr(signal, name))
        assert worker.process is not None
        worker.process.wait(60)

    return run


def logged(folder: Path) -> None:
    """Wait until the task has written its lines."""
    wait_until((folder / "logged-run").exists, "the task's lines")


WAYS = {
    "max tasks": by_itself("return"),  # the worker runs with --max-tasks-per-child 1
    "SystemExit": by_itself("SystemExit"),
    "os._exit": by_itself("os._exit"),
    "SIGKILL": by_itself("SIGKILL"),
    "SIGSEGV": by_itself("SIGSEGV"),
    "hard limit": hard_limit,
    "warm, SIGTERM": by_signal("SIGTERM"),
    "cold, SIGQUIT": by_signal("SIGQUIT"),
    "main killed": by_signal("SIGKILL"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_logged_arrives(way: str, make_project: MakeProject) -> None:
    """Every line of the task comes once, after the process that wrote it is gone."""
    with short_folder() as folder:
        settings = {"syslog_url": f"unix://{folder}/log", "syslog_spool": str(folder / "spool")}
        settings |= {"syslog_flush_timeout": 0.2}  # nobody answers: no need to wait long
        project = make_project({**settings, "imports": ["support.chaos.tasks"]})
        first = project.worker("-c", "1", "--max-tasks-per-child", "1")
        first.start()
        try:
            first.wait_ready()
            WAYS[way](project, folder, first)
        finally:
            first.kill()
        with Inbox(f"unix://{folder}/log") as collector, project.worker("-c", "1"):
            wanted = [line("run", number) for number in range(LINES)]
            wait_until(lambda: len(found(collector)) >= LINES, "the lines", detail=lambda: found(collector))
            wait_until(lambda: not list((folder / "spool").iterdir()), "the spool to be empty")
            assert found(collector) == Counter(wanted)


def found(collector: Inbox) -> Counter[str]:
    """Return how often each of the task's lines came."""
    texts = (_LINE.search(received.text) for received in collector.lines())
    return Counter(match[0] for match in texts if match)
