"""``celery inspect syslog``: what each process of a worker did with its lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from support.celery_project import Project
from support.check import emit_runs
from support.inbox import Inbox, settle
from support.process import environment
from support.waiting import wait_until

MakeProject = Callable[..., Project]


def inspect(project: Project) -> dict[str, Any]:
    """The worker's reply to the command as a user gives it; {} when there is none yet."""
    command = ["-m", "celery", "-A", "support.project", "inspect", "--json", "--timeout", "10", "syslog"]
    result = subprocess.run(
        [sys.executable, *command],
        cwd=project.folder,
        env=environment(project.folder),
        capture_output=True,
        text=True,
    )
    if result.returncode:
        return {}
    (reply,) = json.loads(result.stdout).values()
    return dict(reply)


def test_counters_of_every_process(make_project: MakeProject, collector: Inbox) -> None:
    """Main process and children are listed, and their counts are what the collector received."""
    project = make_project({"syslog_url": collector.url})
    with project.worker("-c", "2"):
        emit_runs(project, "one", "two", "three")

        def counted() -> bool:
            """Counts are published once a second, and the inspection makes lines of its own."""
            reply = inspect(project)
            if not reply:
                return False
            received = Counter(line.pid for line in settle(collector))
            rows = {row["pid"]: row for row in reply["processes"]}
            assert reply["address"] == collector.url
            assert set(received) <= set(rows)
            assert all(row["emitted"] == row["sent"] and not row["dropped"] for row in rows.values())
            return all(rows[pid]["sent"] == count for pid, count in received.items())

        wait_until(counted, "the counts of the processes that received tasks")


def test_a_worker_without_syslog_says_so(make_project: MakeProject) -> None:
    """Where the settings are wrong there is nothing to count, and the reply says why."""
    project = make_project({"syslog_url": "nonsense"})
    with project.worker("-c", "1"):
        reply = wait_until(lambda: inspect(project), "a reply")
    assert "nothing is sent to syslog" in reply["error"]
