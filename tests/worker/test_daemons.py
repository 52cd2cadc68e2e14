"""Beat in its three forms, daemons and the SIGHUP restart: each line once as well."""

from __future__ import annotations

import signal
from collections.abc import Callable

from support.celery_project import Project
from support.check import check, counted, emit_runs
from support.inbox import Inbox, settle
from support.known import OUTSIDE, token
from support.line import Line, wait_for_line

MakeProject = Callable[..., Project]


def _check_beat(lines: list[Line], project: Project, *, embedded: bool = False) -> None:
    for kind, severity in OUTSIDE.items():
        if embedded and kind == "unfinished":
            continue  # the worker ends an embedded beat by SIGTERM, and nothing runs after that
        found = [line.severity for line in lines if token(f"beat-{kind}", project.boot) in line.text]
        assert found == [severity], f"{kind}: {found}"
    assert counted(lines, "beat: Starting") == 1
    assert counted(lines, token("beat-entry", project.boot)) == 1


def test_worker_with_beat(make_project: MakeProject, collector: Inbox) -> None:
    """In ``worker -B`` the Beat process's lines, and those of the task it sends, come once."""
    project = make_project({"syslog_url": collector.url}, schedule="scheduled")
    with project.worker("-c", "1", "-B", "-s", f"{project.folder}/schedule"):
        last = wait_for_line(collector, token("print-unfinished", "scheduled"))
        emitted = emit_runs(project, "sent")
    lines = settle(collector)
    check(lines, emitted)
    _check_beat(lines, project, embedded=True)
    beat = [line.pid for line in lines if token("beat-log", project.boot) in line.text]
    assert beat != [last[0].pid], "the lines of beat were expected from a process of its own"
    assert counted(lines, token("task-info", "scheduled")) == 1


def test_beat(make_project: MakeProject, collector: Inbox) -> None:
    """A beat of its own: its lines come once."""
    project = make_project({"syslog_url": collector.url}, schedule="scheduled")
    with project.beat():
        wait_for_line(collector, token("beat-entry", project.boot))
        project.wait_asleep()
    lines = settle(collector)
    check(lines)
    _check_beat(lines, project)


def test_detached_beat(make_project: MakeProject, collector: Inbox) -> None:
    """``beat --detach``, which closes what was open at import: its lines come once."""
    project = make_project({"syslog_url": collector.url}, schedule="scheduled")
    files = ("--pidfile", f"{project.folder}/beat.pid", "--logfile", f"{project.folder}/beat.log")
    with project.beat("--detach", *files):
        wait_for_line(collector, token("beat-entry", project.boot))
        project.wait_asleep()
    lines = settle(collector)
    check(lines)
    _check_beat(lines, project)


def test_detached_worker(make_project: MakeProject, collector: Inbox) -> None:
    """``worker -D``: the daemon's lines come once."""
    project = make_project({"syslog_url": collector.url})
    files = ("--pidfile", f"{project.folder}/worker.pid", "--logfile", f"{project.folder}/worker.log")
    with project.worker("-D", "-c", "2", *files) as worker:
        emitted = emit_runs(project, "one", "two")
        assert worker.process is not None
        assert worker.process.wait() == 0, "the command that made the daemon"
    lines = settle(collector)
    check(lines, emitted)
    for kind in OUTSIDE:
        assert counted(lines, token(f"main-{kind}", project.boot)) == 1


def test_restart_by_sighup(make_project: MakeProject, collector: Inbox) -> None:
    """A worker that starts itself again sends the lines from before and after, each once."""
    project = make_project({"syslog_url": collector.url})
    with project.worker("-c", "2") as worker:
        before = emit_runs(project, "before")
        project.wait_idle(1)
        worker.signal(signal.SIGHUP)
        worker.wait_ready(times=2)
        after = emit_runs(project, "after")
    lines = settle(collector)
    check(lines, [*before, *after])
    for kind in OUTSIDE:
        assert counted(lines, token(f"main-{kind}", project.boot)) == 2
    assert sum(line.text.endswith(" ready.") for line in lines) == 2
