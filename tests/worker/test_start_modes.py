"""However a worker is started: each of a known set of lines comes once, uncoloured, with its task."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from celery.bin.worker import worker as worker_command
from support.celery_project import Project
from support.check import check, counted, emit_runs
from support.inbox import Inbox, settle
from support.known import OUTSIDE, token
from support.waiting import missing

MakeProject = Callable[..., Project]


class Mode(NamedTuple):
    """How the worker is started; ``{folder}`` in an argument is the project's folder."""

    arguments: tuple[str, ...]
    config: dict[str, Any] = {}
    options: dict[str, Any] = {}


HIJACK_OFF = {"worker_hijack_root_logger": False}
OWN_FILES = ("-c", "2", "-f", "{folder}/x%i.log")

MODES = {
    "prefork": Mode(("-c", "2")),
    "spawn": Mode(("-c", "2", "--pool-start-method", "spawn")),
    "solo": Mode(("-P", "solo")),
    "threads": Mode(("-P", "threads", "-c", "2")),
    "gevent": Mode(("-P", "gevent", "-c", "4")),
    "recycled children": Mode(("-c", "2", "--max-tasks-per-child", "1")),
    "a file per child": Mode(OWN_FILES),
    "a file per child but the first": Mode(("-c", "2", "-f", "{folder}/x%I.log")),
    "hijack off": Mode(("-c", "2"), HIJACK_OFF),
    "hijack off, user's own root handler": Mode(("-c", "2"), HIJACK_OFF, {"logging": "basic"}),
    "hijack off, a file per child": Mode(OWN_FILES, HIJACK_OFF),
    "hijack off, own root handler, a file per child": Mode(OWN_FILES, HIJACK_OFF, {"logging": "basic"}),
    "spawn, hijack off": Mode(("-c", "2", "--pool-start-method", "spawn"), HIJACK_OFF),
    "setup_logging connected": Mode(("-c", "2"), {}, {"logging": "dictConfig"}),
    "setup_logging connected, solo": Mode(("-P", "solo"), {}, {"logging": "dictConfig"}),
    "setup_logging connected, a file per child": Mode(OWN_FILES, {}, {"logging": "dictConfig"}),
    "everything on": Mode(("-c", "2", "-E", "-O", "fair", "--autoscale", "2,1"), {"worker_log_color": True}),
}
SMOKE = {"prefork", "solo", "threads"}


def _require(arguments: tuple[str, ...]) -> None:
    if "gevent" in arguments and importlib.util.find_spec("gevent") is None:
        missing("gevent is not installed")
    known = [option for parameter in worker_command.params for option in parameter.opts]
    if "--pool-start-method" in arguments and "--pool-start-method" not in known:
        pytest.skip("this Celery has no --pool-start-method (it came with 5.7)")


@pytest.mark.parametrize(
    "mode",
    [pytest.param(MODES[name], id=name, marks=[pytest.mark.smoke] * (name in SMOKE)) for name in MODES],
)
def test_each_line_once(mode: Mode, make_project: MakeProject, collector: Inbox) -> None:
    """Every line of three tasks, Celery's lines about them and the main process's own come once."""
    _require(mode.arguments)
    project = make_project({"syslog_url": collector.url, **mode.config}, **mode.options)
    arguments = [argument.format(folder=project.folder) for argument in mode.arguments]
    with project.worker(*arguments):
        emitted = emit_runs(project, "one", "two", "three")
        failed = project.send("fail", "four")
        assert project.outcome(failed)["state"] == "FAILURE"
        if "--max-tasks-per-child" in arguments:
            project.wait_children(2 + 4)
    lines = settle(collector)
    check(lines, emitted)
    raised = [line for line in lines if token("raised", "four") in line.text]
    assert [line.severity for line in raised] == [3]
    assert failed in raised[0].text
    assert "Traceback" in raised[0].text
    for kind, severity in OUTSIDE.items():
        found = [line.severity for line in lines if token(f"main-{kind}", project.boot) in line.text]
        assert found == [severity], f"{kind}: {found}"
    assert sum(line.text.endswith(" ready.") for line in lines) == 1
    if "--max-tasks-per-child" in arguments:
        assert len({run.pid for run in emitted}) == 3
    assert counted(lines, "celery_syslog") == 0, "the package's own troubles"
