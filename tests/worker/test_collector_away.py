"""A collector that is absent at the start or goes away in between: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.celery_project import Project
from support.check import check, counted, emit_runs
from support.inbox import Inbox, settle
from support.known import EMIT, token
from support.line import wait_for_line
from support.rsyslog import Rsyslog
from support.waiting import short_folder

MakeProject = Callable[..., Project]

#: The line of a run that is sent last.
LAST = "print-unfinished"


def test_absent_at_start(make_project: MakeProject) -> None:
    """The worker starts, says once that there is no collector, and sends what it kept when one comes."""
    with short_folder() as folder:
        url = f"unix://{folder}/log"
        project = make_project({"syslog_url": url})
        with project.worker("-c", "2") as worker:
            early = emit_runs(project, "early", "early too")
            with Inbox(url) as collector:
                for run in early:
                    wait_for_line(collector, token(LAST, run.run))
                wait_for_line(collector, " ready.")
                late = emit_runs(project, "late")
                worker.stop()
                lines = settle(collector)
        check(lines, [*early, *late])
        told = [line for line in worker.err.read_text().splitlines() if line.startswith("celery-syslog:")]
        assert told, "nothing was said about the missing collector"
        assert all(str(Path(folder, "log")) in line for line in told)
        assert "Traceback" not in "\n".join(told)
        shown = [kind for kind in EMIT if token(kind, "early") in worker.console]
        assert shown == list(EMIT), "the console has everything meanwhile"


@pytest.mark.parametrize("crashed", [False, True], ids=["stopped", "killed"])
def test_restarted(make_project: MakeProject, collector: Inbox, crashed: bool) -> None:
    """Lines from before, during and after the outage come once each."""
    project = make_project({"syslog_url": collector.url})
    with project.worker("-c", "2"):
        before = emit_runs(project, "before", "before too")
        settle(collector)
        if crashed:
            collector.receiver.kill()
        else:
            collector.receiver.stop()
        during = emit_runs(project, "during", "during too")
        collector.receiver.start()
        for run in during:
            wait_for_line(collector, token(LAST, run.run))
        after = emit_runs(project, "after", "after too")
    check(settle(collector), [*before, *during, *after])


def test_stalled(make_project: MakeProject, collector: Inbox) -> None:
    """A collector that stops reading holds up no task, and gets every line when it reads on."""
    project = make_project({"syslog_url": collector.url})
    with project.worker("-c", "2"):
        before = emit_runs(project, "before")
        settle(collector)
        collector.receiver.pause()
        during = emit_runs(project, *(f"during {number}" for number in range(10)))
        collector.receiver.resume()
        for run in during:
            wait_for_line(collector, token(LAST, run.run))
    check(settle(collector), [*before, *during])


def test_rsyslog_killed(make_project: MakeProject, rsyslog: Rsyslog) -> None:
    """The same with rsyslogd: killed, started again, and in between nothing listens."""
    project = make_project({"syslog_url": rsyslog.url})
    with project.worker("-c", "2"):
        before = emit_runs(project, "before")
        settle(rsyslog)
        rsyslog.kill()
        during = emit_runs(project, "during", "during too")
        rsyslog.start()
        for run in during:
            wait_for_line(rsyslog, token(LAST, run.run))
        after = emit_runs(project, "after")
    lines = settle(rsyslog)
    check(lines, [*before, *during, *after])
    assert counted(lines, " ready.") == 1
