"""``celery syslog check``: a healthy project passes, and each pitfall is named with its remedy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from support.command import run
from support.rsyslog import Rsyslog
from support.waiting import short_folder

from celery_syslog import SyslogReceiver
from celery_syslog.cli import pitfalls, probe
from celery_syslog.cli.findings import FAULT, NOTE, OK, WARNING, Finding
from celery_syslog.settings import settings_from

Add = Callable[[str], Path]


def checked(folder: Path, *options: str, **env: str) -> tuple[int, list[dict[str, str]]]:
    """Run it and return its status and findings."""
    done = run(folder, "-A", "proj", "syslog", "check", "--json", *options, **env)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def found(findings: list[dict[str, str]], about: str, level: str) -> dict[str, str]:
    """The finding about something; it must be there, once."""
    (one,) = [row for row in findings if row["about"] == about and row["level"] == level] or [{}]
    assert one, findings
    return one


@pytest.fixture
def receiver(folder: Path) -> Iterator[SyslogReceiver]:
    """A collector where the project sends."""
    with SyslogReceiver(f"unix://{folder}/log") as started:
        yield started


def test_all_is_well(folder: Path, receiver: SyslogReceiver) -> None:
    """With a collector that takes the test message: status 0, in words for a person."""
    done = run(folder, "-A", "proj", "syslog", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok       settings: all are right (set: syslog_url)" in done.stdout
    assert "ok       logging: every line of a worker reaches syslog: " in done.stdout
    (message,) = receiver.wait_for(1)
    token = message.msg.split("test message ")[1].split()[0]
    assert f"ok       unix://{folder}/log: has the test message {token}" in done.stdout
    assert "\x1b" not in done.stdout


def test_message_is_read_back_from_a_real_collector(project: Add) -> None:
    """rsyslog writes the test message to its file, and check finds it there; or says that it did not."""
    with Rsyslog() as rsyslog:
        folder = project(f"app.conf.syslog_url = {str(rsyslog.socket)!r}")
        (folder / "other").touch()
        status, findings = checked(folder, "--log", str(rsyslog.output))
        assert status == 0
        came = f"the test message came out in {rsyslog.output}"
        assert came in [row["text"] for row in findings]
        status, findings = checked(folder, "--log", str(folder / "other"), "--timeout", "0.3")
        assert status == 1
        assert "did not come out within 0.3 s" in found(findings, rsyslog.url, FAULT)["text"]


def test_nobody_there(folder: Path) -> None:
    """A socket that is missing is a fault, with what to do; --no-send leaves it alone."""
    status, findings = checked(folder)
    assert status == 1
    fault = found(findings, f"unix://{folder}/log", FAULT)
    assert fault["text"] == "No such file or directory"
    assert "start a syslog daemon" in fault["fix"]
    assert checked(folder, "--no-send")[0] == 0


def test_wrong_settings(project: Add) -> None:
    """Every wrong or unknown key is named, and nothing is sent."""
    folder = project("app.conf.syslog_timeout = -1\napp.conf.syslog_faclity = 'user'")
    status, findings = checked(folder)
    assert status == 1
    faults = [row for row in findings if row["level"] == FAULT]
    assert [row["about"] for row in faults] == ["syslog_timeout = -1"]
    assert "did you mean syslog_facility?" in found(findings, "settings", WARNING)["text"]


def test_not_installed(folder: Path) -> None:
    """An app that never calls install is told so; `auto` among the imports is enough."""
    (folder / "proj.py").write_text(
        f"from celery import Celery\napp = Celery('proj')\napp.conf.syslog_url = '{folder}/log'\n"
    )
    status, findings = checked(folder, "--no-send")
    assert status == 1
    assert "celery_syslog.install(app)" in found(findings, "install", FAULT)["fix"]
    with (folder / "proj.py").open("a") as file:
        file.write("app.conf.imports = ['celery_syslog.auto']\n")
    assert checked(folder, "--no-send")[0] == 0


def test_modules_that_do_not_import(project: Add) -> None:
    """What would end a worker at its start is found, not suffered."""
    folder = project("app.conf.imports = ['no_such_module']")
    status, findings = checked(folder, "--no-send")
    assert status == 1
    assert "no_such_module" in found(findings, "the app's modules", FAULT)["text"]


OLD_RECIPE = """
import logging.handlers
from celery.signals import after_setup_logger

@after_setup_logger.connect(weak=False)
def add(logger, **_):
    logger.addHandler(logging.handlers.SysLogHandler("FOLDER/log"))

logging.getLogger("billing").addHandler(logging.StreamHandler())
"""

DICT_CONFIG = """
import logging.config
from celery.app import trace
from celery.signals import setup_logging

@setup_logging.connect(weak=False)
def configure_it(**_):
    logging.config.dictConfig({"version": 1, "root": {"level": "WARNING"}})
"""

ROOT_HANDLER = """
import logging
logging.basicConfig()
app.conf.worker_hijack_root_logger = HIJACK
"""


def test_handlers_of_others(project: Add, receiver: SyslogReceiver) -> None:
    """A SysLogHandler that a signal receiver adds doubles every line, a console handler some of them."""
    folder = project(OLD_RECIPE)
    status, findings = checked(folder, "--strict")
    assert status == 1
    assert "lines arrive twice" in found(findings, "logger root", WARNING)["text"]
    assert "StreamHandler of its own" in found(findings, "logger billing", NOTE)["text"]


def test_setup_logging_receiver(project: Add) -> None:
    """A receiver that replaces Celery's logging is named, and what its dictConfig breaks."""
    status, findings = checked(project(DICT_CONFIG), "--no-send")
    assert status == 1
    assert "configure_it" in found(findings, "setup_logging", NOTE)["text"]
    assert "its level is WARNING" in found(findings, "root logger", WARNING)["text"]
    assert "disable_existing_loggers" in found(findings, "logger celery.app.trace", FAULT)["fix"]


@pytest.mark.parametrize(
    ("hijack", "about", "text"),
    [
        ("True", "root logger", "Celery takes StreamHandler off the root logger"),
        ("False", "worker_hijack_root_logger", "Celery adds no console or log file of its own"),
    ],
)
def test_handlers_on_the_root_logger(project: Add, hijack: str, about: str, text: str) -> None:
    """A handler that is there first is lost, or keeps Celery's out, by worker_hijack_root_logger."""
    status, findings = checked(project(ROOT_HANDLER.replace("HIJACK", hijack)), "--no-send")
    assert status == 0
    assert text in found(findings, about, NOTE)["text"]


# What follows depends on settings and machine alone and needs no process.


def pitfalls_of(conf: dict[str, Any] | None = None, **settings: Any) -> list[Finding]:
    """The pitfalls of some settings."""
    app = Celery(set_as_current=False)
    app.conf.update(conf or {})
    return list(pitfalls.pitfalls(settings_from(**settings), app.conf))


@pytest.mark.parametrize(
    ("settings", "level", "text"),
    [
        ({"url": "/dev/log", "protocol": "rfc5424"}, WARNING, "garble RFC 5424"),
        ({"url": "tcp://host"}, NOTE, "rsyslog takes 8192 by default"),
        ({"url": "tcp://host", "max_size": "32 KiB"}, WARNING, "32768 bytes: rsyslog takes 8192"),
        ({"url": "udp://host"}, NOTE, "travel in several packets"),
        ({"url": "udp://host", "max_size": 8000}, WARNING, "travel in several packets"),
        ({"url": "tls://host"}, NOTE, "no ca_certs"),
        (
            {"url": "tls://host", "use_ssl": {"cert_reqs": "CERT_NONE"}},
            WARNING,
            "anybody pass for the collector",
        ),
        ({"url": "tls://host", "use_ssl": {"ca_certs": "/no/such.pem"}}, FAULT, "/no/such.pem is not there"),
    ],
)
def test_pitfalls_of_settings(settings: dict[str, Any], level: str, text: str) -> None:
    """Each is found, at its level, with a remedy."""
    (one,) = [finding for finding in pitfalls_of(**settings) if text in finding.text]
    assert one.level == level
    assert one.fix


def test_settings_without_pitfalls() -> None:
    """What keeps to the limits is not complained about."""
    assert not [one for one in pitfalls_of(url="tcp://host", max_size=8192) if one.level != OK]
    assert not [one for one in pitfalls_of(url="udp://host", max_size=1400) if one.level != OK]


def test_short_datagram_queue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A kernel that keeps few datagrams is named once its collector is a datagram socket."""
    length = tmp_path / "max_dgram_qlen"
    monkeypatch.setattr(pitfalls, "_QUEUE", str(length))
    length.write_text("10\n")
    (one,) = pitfalls_of(url="/dev/log")
    assert (one.level, one.about) == (WARNING, "max_dgram_qlen")
    length.write_text("512\n")
    assert not pitfalls_of(url="/dev/log")


def test_log_files_by_child() -> None:
    """%i without Celery's hold on the root logger does not do what it says."""
    conf = {"worker_logfile": "/var/log/x%i.log", "worker_hijack_root_logger": False}
    assert "%i" in pitfalls_of(conf, url="memory://x")[0].text
    assert not pitfalls_of({**conf, "worker_hijack_root_logger": True}, url="memory://x")


def test_spool_directories() -> None:
    """One that can be written to, and one that cannot."""
    with short_folder() as folder:
        (one,) = pitfalls_of(url="memory://x", spool=str(folder / "new"))
        assert one.level == OK
        (folder / "file").touch()
        (one,) = pitfalls_of(url="memory://x", spool=str(folder / "file"))
        assert (one.level, "cannot write" in one.text) == (FAULT, True)


SPOOLING = """
import sys
from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from
settings = settings_from(url="/no/such/socket", spool=sys.argv[1])
delivery = Delivery(settings.url, settings)
delivery.send(b"<14>Jan  1 00:00:00 celery[1]: kept")
print("kept", flush=True)
sys.stdin.read()
"""


def test_spool_directory_of_two_projects() -> None:
    """Projects that share a spool are named while they run; what they leave is counted after."""
    with short_folder() as folder, ExitStack() as stack:
        for app in ("shop", "mail"):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SPOOLING, str(folder), "-A", app],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"kept\n"
        (one,) = pitfalls_of(url="memory://x", spool=str(folder))
        assert (one.level, "is used by mail and shop" in one.text) == (WARNING, True)
        stack.close()
        (one,) = pitfalls_of(url="memory://x", spool=str(folder))
        assert (one.level, one.text[:27]) == (NOTE, "2 records of dead processes")


@pytest.mark.parametrize(
    ("url", "error", "said"),
    [
        ("unix:///dev/log", FileNotFoundError(2, "No such file"), "mount the host's /dev/log"),
        ("unix:///dev/log", PermissionError(13, "Permission denied"), "permissions"),
        ("tcp://host", ConnectionRefusedError(111, "refused"), "start the collector"),
        ("tcp://host", socket.gaierror(-2, "Name or service not known"), "host name"),
        ("tls://host", OSError("certificate verify failed: unknown"), "ca_certs"),
        ("tls://host", TimeoutError(110, "no answer to the TLS handshake"), "tcp://"),
        ("tcp://host", TimeoutError(110, "timed out"), "firewall"),
    ],
)
def test_every_error_has_advice(url: str, error: OSError, said: str) -> None:
    """What to do depends on what went wrong."""
    assert said in probe.advice(settings_from(url=url).url[0], error)
