"""``celery syslog send`` and ``settings``, run as a user runs them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.command import run, start
from support.waiting import wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.cli import syslog
from celery_syslog.receiver import Limits
from celery_syslog.transports import TRANSPORTS


def test_send_is_taken_and_says_so(folder: Path) -> None:
    """Facility, severity, ident, event and fields arrive; the status is 0."""
    with SyslogReceiver(f"unix://{folder}/log") as receiver:
        sent = run(
            folder,
            *("-A", "proj", "syslog", "send", "--facility", "local3", "--severity", "notice"),
            *("--ident", "deploy", "two", "words"),
        )
        assert (sent.returncode, sent.stderr) == (0, "")
        assert sent.stdout.startswith(f"unix://{folder}/log has it (")
        (message,) = receiver.wait_for(1)
    assert (message.facility_name, message.severity_name, message.ident) == ("local3", "notice", "deploy")
    assert message.msg.endswith("two words")


def test_send_carries_event_and_fields(project: Callable[[str], Path]) -> None:
    """In a structured format the event and the fields are there."""
    folder = project("app.conf.syslog_format = 'json'")
    with SyslogReceiver(f"unix://{folder}/log") as receiver:
        options = ("--event", "deploy", "--field", "version=4.2", "--field", "by=ann")
        assert run(folder, "-A", "proj", "syslog", "send", *options, "hi").returncode == 0
        (message,) = receiver.wait_for(1)
    assert (message.event, message.fields["version"], message.fields["by"]) == ("deploy", "4.2", "ann")


def test_send_needs_no_app_with_a_url(folder: Path) -> None:
    """--url is enough, and --json tells a program."""
    with SyslogReceiver(f"unix://{folder}/log") as receiver:
        sent = run(folder, "syslog", "send", "--json", "--url", f"{folder}/log", "hi")
        receiver.wait_for(1)
    told = json.loads(sent.stdout)
    assert (told["sent"], told["url"], told["messages"]) == (True, f"unix://{folder}/log", 1)


def test_send_that_nobody_takes(project: Callable[[str], Path]) -> None:
    """Status 1, and one line with each address, its reason and what to do."""
    folder = project("app.conf.syslog_url = ['FOLDER/log', 'FOLDER/other']")
    failed = run(folder, "-A", "proj", "syslog", "send", "hi")
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert line.startswith(f"Error: unix://{folder}/log: No such file or directory (start a syslog daemon")
    assert f"unix://{folder}/other: " in line
    failed = run(folder, "-A", "proj", "syslog", "send", "--json", "hi")
    assert json.loads(failed.stdout)["sent"] is False


def test_send_fails_over(project: Callable[[str], Path]) -> None:
    """The second address is asked when the first does not answer."""
    folder = project("app.conf.syslog_url = ['FOLDER/log', 'FOLDER/other']")
    with SyslogReceiver(f"unix://{folder}/other") as receiver:
        sent = run(folder, "-A", "proj", "syslog", "send", "hi")
        receiver.wait_for(1)
    assert f"unix://{folder}/other has it" in sent.stdout


#: Of the network's schemes, those that this version has a transport for.
NETWORK = [scheme for scheme in ("udp", "tcp") if scheme in TRANSPORTS]


@pytest.mark.parametrize("scheme", NETWORK)
def test_network(scheme: str) -> None:
    """It is taken by a collector that listens, and not where nobody does."""
    with SyslogReceiver(f"{scheme}://127.0.0.1:0") as receiver:
        sent = CliRunner().invoke(syslog, ["send", "--url", receiver.url, "hi"])
        assert (sent.exit_code, f"{receiver.url} has it" in sent.output) == (0, True)
        receiver.wait_for(1)
    failed = CliRunner().invoke(syslog, ["send", "--url", receiver.url, "hi"])
    assert failed.exit_code == 1
    assert "(start the collector, or correct host and port" in failed.output


@pytest.mark.skipif("tcp" not in TRANSPORTS, reason="no transport for tcp:// yet")
def test_collector_that_hangs_up() -> None:
    """A connection that is closed as soon as it is made took nothing, whatever the kernel says."""
    with SyslogReceiver("tcp://127.0.0.1:0", limits=Limits(connections=0)) as receiver:
        failed = CliRunner().invoke(syslog, ["send", "--url", receiver.url, "hi"])
    assert failed.exit_code == 1
    assert "another protocol (TLS?) or an access list" in failed.output


def test_ctrl_c_is_a_clean_end(folder: Path) -> None:
    """Interrupted while a stalled collector keeps it waiting: status 130, no traceback."""
    with (
        SyslogReceiver(f"unix://{folder}/log") as receiver,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full,
    ):
        receiver.pause()
        full.setblocking(False)
        full.connect(f"{folder}/log")
        with contextlib.suppress(BlockingIOError):
            while True:
                full.send(b"<14>x")
        with start(folder, "-A", "proj", "syslog", "send", "--timeout", "60", "hi") as sending:
            wait_until(lambda: holds_socket(sending.process.pid), "it to be connected")
            assert sending.end(signal.SIGINT) == 130
        assert "Traceback" not in sending.err


def holds_socket(pid: int) -> bool:
    """Tell whether a process has a socket open."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(link).startswith("socket:"):
                return True
    return False


SETTINGS = """
app.conf.syslog_facility = "local0"
app.conf.syslog_fields = {"token": "s3cret"}
app.conf.syslog_faclity = 1
install(app, ident="{app}-{program}")
"""


def test_settings_tell_value_and_source(project: Callable[[str], Path]) -> None:
    """Each setting has its value, as it would be written, and where it is from; secrets are masked."""
    folder = project(SETTINGS)
    shown = run(folder, "-A", "proj", "syslog", "settings")
    assert shown.returncode == 0
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()}
    assert rows["syslog_facility"] == ["local0", "syslog_facility"]
    assert rows["syslog_ident"] == ["{app}-{program}", "install(ident=…)"]
    assert rows["syslog_timeout"] == ["0.25", "default"]
    assert "s3cret" not in shown.stdout
    assert "syslog_faclity; did you mean syslog_facility?" in shown.stderr


def test_settings_json_and_changed(project: Callable[[str], Path]) -> None:
    """--changed leaves out defaults; --json gives an object a line."""
    folder = project(SETTINGS)
    shown = run(folder, "-A", "proj", "syslog", "settings", "--json", "--changed")
    rows = {row["key"]: row["value"] for row in map(json.loads, shown.stdout.splitlines())}
    assert rows == {
        "syslog_url": [f"unix://{folder}/log"],
        "syslog_facility": "local0",
        "syslog_ident": "{app}-{program}",
        "syslog_fields": {"token": "***"},
    }


def test_wrong_settings_are_named(project: Callable[[str], Path]) -> None:
    """Every mistake is told at once, with status 1."""
    folder = project("app.conf.syslog_timeout = -1\napp.conf.syslog_facility = 'locl0'")
    shown = run(folder, "-A", "proj", "syslog", "settings")
    assert shown.returncode == 1
    assert "syslog_timeout = -1: allowed is seconds" in shown.stderr
    assert "did you mean local0?" in shown.stderr
