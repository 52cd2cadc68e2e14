"""The settings that decide what is captured and where else it goes; the ways of giving them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.celery_project import Project
from support.check import check, counted, emit_runs
from support.inbox import Inbox, settle
from support.known import EMIT, HERMIT, PRINTED, token
from support.line import wait_for_line

MakeProject = Callable[..., Project]


def test_colour_stays_on_the_terminal(make_project: MakeProject, collector: Inbox) -> None:
    """With colours wanted and a terminal to show them, syslog has none of it."""
    project = make_project({"syslog_url": collector.url, "worker_log_color": True})
    with project.worker("-c", "1", tty=True) as worker:
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted)
    assert "\x1b[" in worker.console, "the terminal was expected to be coloured"
    assert token("task-error", "one") in worker.console


def test_console_beside_syslog(make_project: MakeProject, collector: Inbox) -> None:
    """By default every line is on the console too."""
    project = make_project({"syslog_url": collector.url})
    with project.worker("-c", "1") as worker:
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted)
    missing = [kind for kind in EMIT if token(kind, "one") not in worker.console]
    assert not missing


@pytest.mark.parametrize("arguments", [(), ("-f", "{folder}/worker.log"), ("-f", "{folder}/x%i.log")])
def test_console_off(make_project: MakeProject, collector: Inbox, arguments: tuple[str, ...]) -> None:
    """``syslog_console = False``: syslog has every line, Celery's own console or file has none."""
    project = make_project({"syslog_url": collector.url, "syslog_console": False})
    given = [argument.format(folder=project.folder) for argument in arguments]
    with project.worker("-c", "1", *given) as worker:
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted)
    files = "".join(file.read_text() for file in project.folder.glob("*.log"))
    shown = [kind for kind in EMIT if token(kind, "one") in worker.console + files]
    assert shown == list(HERMIT), "only a handler of the user's own still writes"


def test_celery_does_not_redirect(make_project: MakeProject, collector: Inbox) -> None:
    """``worker_redirect_stdouts = False`` is followed: print goes to stdout only."""
    project = make_project({"syslog_url": collector.url, "worker_redirect_stdouts": False})
    with project.worker("-c", "1") as worker:
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted, without=PRINTED)
    assert all(token(kind, "one") in worker.console for kind in PRINTED)


def test_we_redirect_though_celery_does_not(make_project: MakeProject, collector: Inbox) -> None:
    """``syslog_redirect_stdouts = True`` wins over ``worker_redirect_stdouts = False``."""
    config = {"worker_redirect_stdouts": False, "syslog_redirect_stdouts": True}
    project = make_project({"syslog_url": collector.url, **config})
    with project.worker("-c", "1"):
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted)


def test_we_do_not_redirect(make_project: MakeProject, collector: Inbox) -> None:
    """``syslog_redirect_stdouts = False``: Celery's console shows print, syslog does not."""
    project = make_project({"syslog_url": collector.url, "syslog_redirect_stdouts": False})
    with project.worker("-c", "1") as worker:
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted, without=PRINTED)
    assert all(token(kind, "one") in worker.console for kind in PRINTED - {"print-pieces"})


@pytest.mark.parametrize(
    ("install", "style"),
    [
        *((way, style) for way in ("call", "auto") for style in ("plain", "upper", "django")),
        ("both", "plain"),
    ],
)
def test_ways_to_configure(make_project: MakeProject, collector: Inbox, install: str, style: str) -> None:
    """In code or through ``imports``; lower case, upper case or under Django's namespace."""
    config = {"syslog_url": collector.url, "syslog_ident": "site-{app}-{program}"}
    project = make_project(config, install=install, style=style)
    with project.worker("-P", "solo"):
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted, ident="site-proj-worker")


def test_overrides_win(make_project: MakeProject, collector: Inbox) -> None:
    """What ``install`` is given in code wins over the configuration."""
    config = {"syslog_url": "unix:///nowhere", "syslog_ident": "wrong"}
    project = make_project(config, overrides={"url": collector.url, "ident": "right"})
    with project.worker("-P", "solo"):
        emitted = emit_runs(project, "one")
    check(settle(collector), emitted, ident="right")


def test_formats(make_project: MakeProject, collector: Inbox) -> None:
    """Both formats take any %-style format; the task's one knows the task whichever logger spoke."""
    config = {
        "syslog_format": "plain|%(levelname)s|%(name)s|%(message)s",
        "syslog_task_format": "task|%(task_name)s|%(task_id)s|%(levelname)s|%(message)s",
        "syslog_facility": "local3",
    }
    project = make_project({"syslog_url": collector.url, **config})
    with project.worker("-c", "1"):
        run = emit_runs(project, "one")[0]
    lines = settle(collector)
    for kind in ("task-info", "library-info", "celery-logger", "hermit"):
        wanted = f"task|proj.emit|{run.task_id}|INFO|{token(kind, 'one')}"
        assert [line.text for line in lines if token(kind, "one") in line.text] == [wanted]
    main = [line for line in lines if token("main-log", project.boot) in line.text]
    assert [line.text for line in main] == [f"plain|INFO|thirdparty|{token('main-log', project.boot)}"]
    assert {line.facility for line in lines} == {19}


FAULTY: dict[str, Any] = {
    "syslog_url": "upd://localhost",
    "syslog_facility": "locl0",
    "syslog_format": "%(nonsense",
    "syslog_timeout": "soon",
    "syslog_overflow": "drop_all",
    "syslog_ident": "{nobody}",
    "syslog_facilty": "user",
}


@pytest.mark.smoke
def test_bad_settings(make_project: MakeProject) -> None:
    """One report on stderr names every fault; the worker starts and logs to its console."""
    project = make_project(FAULTY)
    with project.worker("-c", "2") as worker:
        emitted = emit_runs(project, "one", "two")
    report = worker.err.read_text()
    for key in FAULTY:
        assert len(re.findall(rf"^  .*\b{key}(:| =|;)", report, re.MULTILINE)) == 1, (
            f"{key}:\n{report[:3000]}"
        )
    assert "did you mean" in report
    assert report.count("celery-syslog:") == 1
    shown = [kind for kind in EMIT if token(kind, "one") not in worker.console]
    assert shown == ["print-pieces"], "Celery's own redirection takes pieces apart, all else is there"
    assert len(emitted) == 2


def test_bad_settings_of_a_daemon(make_project: MakeProject) -> None:
    """A daemon has no stderr: the report is in its log file, once."""
    project = make_project(FAULTY)
    log = project.folder / "worker.log"
    files = ("--pidfile", f"{project.folder}/worker.pid", "--logfile", str(log))
    with project.worker("-D", "-c", "2", *files):
        emit_runs(project, "one", "two")
    assert log.read_text().count("syslog_facility =") == 1
    assert token("library-info", "one") in log.read_text()


def test_level(make_project: MakeProject, collector: Inbox) -> None:
    """``syslog_level`` is our handler's threshold only."""
    project = make_project({"syslog_url": collector.url, "syslog_level": "ERROR"})
    with project.worker("-c", "1") as worker:
        emit_runs(project, "one")
        wait_for_line(collector, token("library-critical", "one"))
    lines = settle(collector)
    assert {line.severity for line in lines} == {2, 3}
    assert counted(lines, token("task-error", "one")) == 1
    assert token("library-info", "one") in worker.console
