"""Workers run by Celery's own testing tools inside one process, again and again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from support.celery_project import Project
from support.check import counted
from support.inbox import Inbox, settle
from support.known import EMIT, PRINTED, token
from support.process import environment

MakeProject = Callable[..., Project]


def test_start_worker(make_project: MakeProject, collector: Inbox) -> None:
    """Each of two workers in one process sends each line once; nothing is sent after ``uninstall``."""
    project = make_project({"syslog_url": collector.url})
    done = subprocess.run(
        [sys.executable, "-m", "support.in_process"],
        cwd=project.folder,
        env=environment(project.folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = settle(collector)
    for run in ("first", "second"):
        counts = {kind: counted(lines, token(kind, run)) for kind in EMIT if kind not in PRINTED}
        assert set(counts.values()) == {1}, counts
        task_id = (project.folder / f"{run}.id").read_text()
        assert counted(lines, f"{task_id}] succeeded") == 1
        for line in lines:
            if token("library-info", run) in line.text:
                assert task_id in line.text
    assert counted(lines, token("between", "x")) == 1
    assert counted(lines, token("after-uninstall", "x")) == 0
    assert counted(lines, token("print-after-uninstall", "x")) == 0
    assert token("print-after-uninstall", "x") in done.stdout
