"""Real workers that log over TCP and TLS to a real rsyslog: the same lines as over the local socket."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from support.celery_project import Project
from support.certificates import Certificates
from support.check import check, counted, emit_runs
from support.inbox import settle
from support.known import token
from support.line import wait_for_line
from support.rsyslog import Rsyslog
from support.tls_daemons import TlsRsyslog
from support.waiting import missing, wait_until

MakeProject = Callable[..., Project]

pytestmark = pytest.mark.xdist_group("rsyslog")

MODES = {
    "prefork": ("-c", "2"),
    "recycled children": ("-c", "2", "--max-tasks-per-child", "1"),
    "gevent": ("-P", "gevent", "-c", "4"),
}


def _run(project: Project, daemon: Rsyslog, arguments: tuple[str, ...]) -> None:
    with project.worker(*arguments):
        emitted = emit_runs(project, "one", "two", "three")
        failed = project.send("fail", "four")
        assert project.outcome(failed)["state"] == "FAILURE"

    def complete() -> bool:
        try:
            check(daemon.lines(), emitted)
        except AssertionError:
            return False
        return True

    # Each process has a connection of its own, so there is no last line to wait for.
    wait_until(complete, "the lines", detail=lambda: check(daemon.lines(), emitted))
    wait_for_line(daemon, token("raised", "four"))
    lines = settle(daemon)
    check(lines, emitted)
    assert counted(lines, token("raised", "four")) == 1


@pytest.mark.parametrize("arguments", MODES.values(), ids=MODES)
def test_tcp(make_project: MakeProject, rsyslog: Rsyslog, arguments: tuple[str, ...]) -> None:
    """Each line of the known set is there once, over TCP."""
    _require(arguments)
    project = make_project({"syslog_url": f"tcp://127.0.0.1:{rsyslog.tcp_port}"})
    _run(project, rsyslog, arguments)


@pytest.mark.parametrize("arguments", [MODES["prefork"], MODES["gevent"]], ids=["prefork", "gevent"])
def test_tls(make_project: MakeProject, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """The same over TLS, with certificates on both sides, under the settings Celery's users know."""
    _require(arguments)
    certificates = Certificates(tmp_path)
    with TlsRsyslog("gtls", certificates, clients=True) as daemon:
        use_ssl = certificates.settings(
            certfile=str(certificates.client), keyfile=str(certificates.client_key)
        )
        project = make_project({"syslog_url": daemon.tls_url, "syslog_use_ssl": use_ssl})
        _run(project, daemon, arguments)


def _require(arguments: tuple[str, ...]) -> None:
    if "gevent" in arguments and importlib.util.find_spec("gevent") is None:
        missing("gevent is not installed")
