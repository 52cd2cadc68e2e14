"""pytest-celery's ``celery_setup`` over processes of this machine: its interface, and a test of ours."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.celery_project import Project
from support.waiting import DEADLINE, program

pytest.importorskip("pytest_celery")

from pytest_celery import CeleryTestBroker, CeleryTestSetup, add
from pytest_docker_tools.exceptions import ContainerFailed

from celery_syslog import SyslogReceiver

pytest_plugins = ["celery_syslog.local_nodes"]

pytestmark = pytest.mark.xdist_group("local_nodes")


@pytest.fixture(scope="session")
def local_nodes() -> bool:
    """Processes, also where Docker runs: its image would hold a released celery-syslog, not this one."""
    program("rabbitmq-server", "/usr/lib/rabbitmq/bin")
    return True


@pytest.fixture
def of_ours(
    make_project: Callable[..., Project], celery_broker: CeleryTestBroker, worker_syslog_url: str
) -> Project:
    """The project of the other worker tests, on the setup's broker."""
    return make_project({"syslog_url": worker_syslog_url}, broker=celery_broker.config()["host_url"])


class TestOurProject:
    """A worker that runs a project of its own instead of pytest-celery's tasks."""

    @pytest.fixture
    def default_worker_env(self, default_worker_env: dict[str, str], of_ours: Project) -> dict[str, str]:
        """Let the worker find the project."""
        path = os.pathsep.join([str(of_ours.folder), str(Path(__file__).parents[1])])
        return {**default_worker_env, "PYTHONPATH": path}

    @pytest.fixture
    def default_worker_command(self) -> list[str]:
        """Run the project."""
        return ["celery", "-A", "support.project", "worker", "-l", "INFO", "-c", "4"]

    def test_soft_limits(self, celery_setup: CeleryTestSetup, syslog_receiver: SyslogReceiver) -> None:
        """No soft limit is swallowed with the timers of the asynchronous pool, which need a real broker."""
        sent = {
            celery_setup.app.send_task("proj.loop", (how, "x", 15.0), soft_time_limit=0.5, time_limit=60): how
            for how in ("log", "print", "library", "slow") * 6
        }
        ends = Counter((how, result.get(timeout=DEADLINE)) for result, how in sent.items())
        assert ends == {(how, "caught"): 6 for how in ("log", "print", "library", "slow")}
        assert syslog_receiver.received > len(sent)


def test_worker_and_broker_are_processes(
    celery_setup: CeleryTestSetup, syslog_receiver: SyslogReceiver
) -> None:
    """Nodes are ready, answer, tell their logs and processes, and what the worker logs is received."""
    assert celery_setup.ready(ping=True)
    worker: Any = celery_setup.worker
    result = add.delay(2, 3)
    assert result.get(timeout=DEADLINE) == 5
    ended = syslog_receiver.wait_for(lambda line: line.event == "succeeded" and line.task_id == result.id, 60)
    assert (ended.ident, ended.param("worker")) == ("celery", worker.hostname())
    worker.assert_log_exists(f"[{result.id}] succeeded")
    answers = celery_setup.app.control.ping(destination=[worker.hostname()], timeout=DEADLINE)
    assert answers == [{worker.hostname(): {"ok": "pong"}}]
    pids = {one["pid"] for one in worker.get_running_processes_info(["pid", "cmdline"])}
    assert {worker.container.attrs["State"]["Pid"], ended.pid} <= pids
    assert os.getpid() not in pids


def test_nodes_are_killed_and_restarted(
    celery_setup: CeleryTestSetup, syslog_receiver: SyslogReceiver
) -> None:
    """Killed, both are gone; restarted, the broker has its port again, and the worker finds it."""
    worker, broker = celery_setup.worker, celery_setup.broker
    assert worker is not None
    assert broker is not None
    before = broker.config()["host_url"]
    syslog_receiver.wait_for(lambda line: line.message.endswith("ready."), 60)
    worker.kill()
    syslog_receiver.clear()
    assert worker.container.status == "exited"
    with pytest.raises(ContainerFailed, match="has ended"):
        worker.ready()
    broker.kill()
    broker.restart()
    worker.restart()
    assert celery_setup.ready(ping=True)
    assert broker.config()["host_url"] == before
    syslog_receiver.wait_for(lambda line: line.message.endswith("ready."), 60)
