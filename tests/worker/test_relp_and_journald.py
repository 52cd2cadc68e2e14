"""A real worker that logs over RELP, and one that logs to the journal: the known set of lines, each once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.celery_project import Project
from support.check import check, emit_runs
from support.journald import Journald
from support.known import EMIT, token
from support.line import wait_for_line
from support.relp import RelpRsyslog

MakeProject = Callable[..., Project]


@pytest.mark.xdist_group("rsyslog")
def test_relp(make_project: MakeProject) -> None:
    """Each line is in rsyslog's file once, and rsyslogd is killed on the way."""
    with RelpRsyslog() as daemon:
        project = make_project({"syslog_url": daemon.relp_url})
        with project.worker("-c", "2"):
            emitted = emit_runs(project, "one", "two")
            # What is written and not yet acknowledged would come twice.
            wait_for_line(daemon, "succeeded in", 2)
            daemon.kill()
            emitted += emit_runs(project, "three")
            daemon.start()
            emitted += emit_runs(project, "four")
        # Every process has waited for its acknowledgements when it ended, and acknowledged is written.
        check(daemon.lines(), emitted)


@pytest.mark.xdist_group("journald")
def test_journald(make_project: MakeProject) -> None:
    """``journalctl CELERY_TASK_ID=`` finds a task's lines, with priority, task, and place in the code."""
    with Journald() as daemon:
        project = make_project({"syslog_url": f"journald://{daemon.socket}"})
        with project.worker("-c", "2"):
            emitted = emit_runs(project, "one", "two")
        check(daemon.lines(), emitted)
        for run in emitted:
            entries = daemon.messages(f"CELERY_TASK_ID={run.task_id}")
            for kind, expected in EMIT.items():
                if not expected.in_task:
                    continue
                (entry,) = (entry for entry in entries if token(kind, run.run) in entry["MESSAGE"])
                assert entry["PRIORITY"] == str(expected.severity)
                assert entry["CELERY_TASK_NAME"].endswith("emit")
                assert entry["_PID"] == entry["SYSLOG_PID"] == str(run.pid)
                assert all(entry[field] for field in ("CODE_FILE", "CODE_LINE", "CODE_FUNC", "LOGGER")), entry
            events = {entry.get("CELERY_EVENT") for entry in entries}
            assert {"received", "succeeded"} <= events
