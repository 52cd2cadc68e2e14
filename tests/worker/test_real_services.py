"""A worker on a real broker, logging to a real rsyslog: the same lines as with the embedded ones.

Only here the worker runs Celery's asynchronous prefork pool: a folder as the broker has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.celery_project import Project
from support.check import check, counted, emit_runs
from support.inbox import settle
from support.known import token
from support.line import wait_for_line
from support.rabbitmq import RabbitMq
from support.rsyslog import Rsyslog

MakeProject = Callable[..., Project]

pytestmark = pytest.mark.xdist_group("rabbitmq")


@pytest.fixture
def on_rabbitmq(make_project: MakeProject, rabbitmq: RabbitMq) -> Iterator[MakeProject]:
    """``make_project`` with RabbitMQ as the broker, each project with a queue of its own."""

    def make(config: dict[str, object], **options: object) -> Project:
        return make_project(config, broker=rabbitmq.url, **options)

    return make


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "2"),
        ("-c", "2", "-f", "{folder}/x%i.log"),
        ("-c", "2", "--max-tasks-per-child", "1"),
        ("-c", "2", "-B"),
    ],
    ids=["prefork", "a file per child", "recycled children", "with beat"],
)
def test_each_line_once(on_rabbitmq: MakeProject, rsyslog: Rsyslog, arguments: tuple[str, ...]) -> None:
    """Each line of the known set is in rsyslog's file once."""
    project = on_rabbitmq({"syslog_url": rsyslog.url}, schedule="scheduled")
    given = [argument.format(folder=project.folder) for argument in arguments]
    beat = ["-s", f"{project.folder}/schedule"] if "-B" in arguments else []
    with project.worker(*given, *beat):
        emitted = emit_runs(project, "one", "two", "three")
        failed = project.send("fail", "four")
        assert project.outcome(failed)["state"] == "FAILURE"
        if "--max-tasks-per-child" in arguments:
            project.wait_children(2 + 4)
        if beat:
            wait_for_line(rsyslog, token("print-unfinished", "scheduled"))
    lines = settle(rsyslog)
    check(lines, emitted)
    assert counted(lines, token("raised", "four")) == 1
    assert counted(lines, token("main-print", project.boot)) == 1
    assert counted(lines, token("beat-print", project.boot)) == (1 if beat else 0)
