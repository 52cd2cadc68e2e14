"""``celery syslog spool``: what dead processes left is listed, sent once, or deleted on demand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery
from click.testing import CliRunner, Result
from support.waiting import short_folder

from celery_syslog.cli import syslog
from celery_syslog.receiver import SyslogReceiver

LEAVE = """
import os, sys
from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from
settings = settings_from(url=sys.argv[1], spool=sys.argv[2])
delivery = Delivery(settings.url, settings)
for number in range(3):
    delivery.send(b"<14>Jan  1 00:00:00 celery[1]: left %d" % number)
os.kill(os.getpid(), 9)
"""

Run = Callable[..., Result]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for a socket and a spool."""
    with short_folder() as path:
        yield path


@pytest.fixture
def run(folder: Path) -> Run:
    """Run a spool command for an app whose collector is ``folder/log`` and spool ``folder/spool``."""

    def invoke(*arguments: str, confirm: str = "", **config: object) -> Result:
        app = Celery("proj", set_as_current=False)
        app.conf.update({"syslog_url": str(folder / "log"), "syslog_spool": str(folder / "spool"), **config})
        obj = SimpleNamespace(app=app)
        return CliRunner().invoke(syslog, ["spool", *arguments], obj=obj, input=confirm)

    return invoke


@pytest.fixture
def left(folder: Path) -> None:
    """Three records of a process that was killed while its collector was away."""
    command = [sys.executable, "-c", LEAVE, str(folder / "log"), str(folder / "spool")]
    assert subprocess.run(command, capture_output=True).returncode == -9


@pytest.mark.usefixtures("left")
def test_list_changes_nothing(run: Run) -> None:
    """The files are shown with what they hold, for people and for programs, as often as asked."""
    assert "left    3 records" in run("list").output
    (row,) = map(json.loads, run("list", "--json").output.splitlines())
    assert (row["records"], row["damaged"], row["in_use"]) == (3, 0, False)


@pytest.mark.usefixtures("left")
def test_flush_sends_each_record_once(run: Run, folder: Path) -> None:
    """With the collector back, everything is sent in order, and the spool is empty."""
    with SyslogReceiver(f"unix://{folder}/log") as receiver:
        result = run("flush")
        assert (result.exit_code, result.output) == (0, "3 records sent\n")
        assert [line.message for line in receiver.wait_for(3)] == ["left 0", "left 1", "left 2"]
        assert run("flush").output == "0 records sent\n"
        assert receiver.received == 3
    assert os.listdir(folder / "spool") == []


@pytest.mark.usefixtures("left")
def test_json_for_programs(run: Run, folder: Path) -> None:
    """flush and drop tell their counts as one object, also when something is left."""
    result = run("flush", "--json", "--timeout", "0.2")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"sent": 0, "left": 3, "damaged": 0}
    assert json.loads(run("drop", "--json", "--yes").stdout) == {"deleted": 3}


@pytest.mark.usefixtures("left")
def test_flush_without_a_collector_keeps_all(run: Run, folder: Path) -> None:
    """What cannot be sent stays on disk, and the exit status and one line say so."""
    result = run("flush", "--timeout", "0.2")
    assert result.exit_code == 1
    assert f"3 records are left: unix://{folder}/log" in result.output
    assert "left    3 records" in run("list").output


@pytest.mark.usefixtures("left")
def test_drop_asks_first(run: Run) -> None:
    """Only a yes deletes."""
    assert run("drop", confirm="n\n").exit_code == 1
    assert "left    3 records" in run("list").output
    assert "3 records deleted" in run("drop", confirm="y\n").output
    assert "nothing in" in run("list").output


@pytest.mark.parametrize("command", ["list", "flush", "drop"])
def test_no_spool_is_said(run: Run, command: str) -> None:
    """An app without a spool, or with wrong settings, gets one clear line and status 1."""
    result = run(command, confirm="y\n", syslog_spool=None)
    assert result.exit_code == 1
    assert "syslog_spool is not set" in result.output
    result = run(command, confirm="y\n", syslog_timeout="soon")
    assert result.exit_code == 1
    assert "syslog_timeout = 'soon'" in result.output


@pytest.mark.skipif(
    not [point for point in entry_points(group="celery.commands") if point.name == "syslog"],
    reason="the package is not installed, so the celery command does not know it",
)
def test_celery_knows_the_command(folder: Path) -> None:
    """The commands are there in the celery program, with help."""
    (folder / "proj.py").write_text("import celery\napp = celery.Celery('proj')\n")
    command = [sys.executable, "-m", "celery", "-A", "proj", "syslog", "spool"]
    shown = subprocess.run([*command, "--help"], cwd=folder, capture_output=True, text=True, check=True)
    assert "flush" in shown.stdout
    failed = subprocess.run([*command, "list"], cwd=folder, capture_output=True, text=True)
    assert failed.returncode == 1
    assert "syslog_spool is not set in the configuration of proj" in failed.stderr
