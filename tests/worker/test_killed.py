"""A child that dies without warning has lost nothing it logged, and its death is in syslog."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import pytest
from support.celery_project import Project
from support.check import check
from support.inbox import Inbox, settle
from support.known import token
from support.line import wait_for_line
from support.rabbitmq import RabbitMq
from support.rsyslog import Rsyslog

MakeProject = Callable[..., Project]

#: A machine that starves the collector for a quarter of a second is not what these tests are about: a record
#: that has to be kept in memory then dies with its process, unless there is a spool.
PATIENT = {"syslog_timeout": 30}

DEATH = re.compile(r"pid:(\d+) exited with 'signal 9 \(SIGKILL\)'")


def _killed(project: Project) -> list[list[str]]:
    return [line.split() for line in (project.folder / "killed").read_text().splitlines()]


def _kill_children(project: Project, source: Inbox | Rsyslog, count: int, concurrency: int) -> None:
    """Have ``count`` tasks kill their process; every death and the words before it come once.

    The worker is killed in the end: after so many deaths it now and then does not stop by itself (a
    child forked by the pool's thread inherits a lock of kombu's that the main thread held).
    """
    names = [f"{number:03}" for number in range(count)]
    with project.worker("-c", str(concurrency)) as worker:
        for name in names:
            project.send("die", name)
        for name in names:
            wait_for_line(source, token("last-words", name), timeout=120)
        wait_for_line(source, lambda line: bool(DEATH.search(line.text)), len(_killed(project)), timeout=120)
        worker.kill()
    killed = _killed(project)
    lines = settle(source)
    check(lines)
    words = re.compile(r"<last-words:(\d+)>")
    said = [[found[1], str(line.pid)] for line in lines if (found := words.search(line.text))]
    assert sorted(said) == sorted(killed)
    assert {name for name, _ in said} == set(names)
    deaths = Counter(found[1] for line in lines if (found := DEATH.search(line.text)))
    assert deaths == Counter(pid for _, pid in killed), "\n".join(line.text for line in lines[-100:])


@pytest.mark.long
def test_last_words(make_project: MakeProject, collector: Inbox) -> None:
    """The line logged just before SIGKILL arrives, 200 of 200, and so does the pool's about each."""
    project = make_project({"syslog_url": collector.url, **PATIENT})
    _kill_children(project, collector, 200, concurrency=25)


@pytest.mark.xdist_group("rabbitmq")
def test_on_real_services(make_project: MakeProject, rabbitmq: RabbitMq, rsyslog: Rsyslog) -> None:
    """The same with the asynchronous pool, which only a real broker gives, in rsyslog's file."""
    project = make_project({"syslog_url": rsyslog.url, **PATIENT}, broker=rabbitmq.url)
    _kill_children(project, rsyslog, 40, concurrency=8)
