"""The demo as a user runs it: every line is counted, faults are found, nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from demo_collector import Tee
from demo_process import Starter, finish
from support.waiting import free_port, wait_until


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_by_itself(start: Starter) -> None:
    """Without any service every expected line arrives once, is shown, and no file stays."""
    status, out, err = finish(start())
    assert (status, err) == (0, ""), (out, err)
    expected = int(re.search(r"Each of the (\d+) expected lines arrived exactly once", out)[1])
    assert expected > 80
    for text in ("CRITICAL [", "killed: last words", "signal 9 (SIGKILL)", "Grüße", "raised unexpected"):
        assert text in out
    assert "\x1b" not in out
    assert os.listdir(start.folder) == []


def test_rounds_as_json(start: Starter) -> None:
    """Two rounds expect twice the lines, but for the worker's one; the object says so."""
    status, out, err = finish(start("--tasks", "2", "--json"))
    assert (status, err) == (0, ""), (out, err)
    found = json.loads(out)
    assert found["ok"]
    assert found["expected"] == found["arrived"] == sum(row["arrived"] for row in found["rows"])
    assert found["expected"] % 2 == 1
    assert not found["missing"] + found["doubled"] + found["unexpected"]
    levels = {row["severity"]: row["arrived"] for row in found["rows"] if row["task"] == "levels"}
    assert levels == {"debug": 2, "info": 6, "warning": 2, "err": 2, "crit": 2}


def test_lost_by_a_setting(start: Starter) -> None:
    """A threshold in the settings loses lines: the status is 1 and each lost line can be read."""
    status, out, err = finish(start("--json", "--set", "syslog_level=WARNING"))
    assert (status, err) == (1, "")
    found = json.loads(out)
    assert not found["ok"]
    assert found["doubled"] == found["unexpected"] == []
    run = found["run"]
    assert f"{run}-1-levels  info  info: for the record" in found["missing"]
    assert not [text for text in found["missing"] if "  warning  " in text or "  err  " in text]
    assert Path(found["console"]).exists()


@pytest.mark.parametrize(
    ("copies", "fault"), [(0, "missing"), (2, "doubled")], ids=["one line lost", "one line twice"]
)
def test_fault_of_the_collector(start: Starter, tmp_path: Path, copies: int, fault: str) -> None:
    """One line that the collector lost, or wrote twice, among all of them is found and named."""
    with Tee(tmp_path / "syslog", lambda line: copies if "attempt 2 of 3" in line else 1) as tee:
        status, out, err = finish(start("--json", "--syslog", tee.url, "--log-file", str(tee.path)))
    assert (status, err) == (1, ""), out
    found = json.loads(out)
    assert found[fault] == [f"{found['run']}-1-retries  info  attempt 2 of 3"]
    assert found["arrived"] - found["expected"] == copies - 1


def test_collector_that_cannot_be_read(start: Starter, tmp_path: Path) -> None:
    """Without the collector's file nothing is claimed; the lines are there under the tag it names."""
    with Tee(tmp_path / "syslog") as tee:
        status, out, err = finish(start("--syslog", tee.url))
    assert (status, err) == (0, "")
    tag = re.search(r"grep (\S+) ", out)[1]
    assert tee.path.read_text().count(f"{tag}[") >= 86
    assert "arrived exactly once" not in out


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("when", ["the worker starts", "tasks run"])
def test_stopped(start: Starter, sign: signal.Signals, status: int, when: str) -> None:
    """Ctrl-C (and SIGTERM) stops the worker first; no traceback, no process and no file stays."""
    process = start()
    assert process.stdout is not None
    wanted = "worker  process" if when == "the worker starts" else "received"
    seen = ""
    while wanted not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    process.send_signal(sign)
    code, out, err = finish(process)
    assert (code, err) == (status, ""), out
    assert "Traceback (most" not in out.replace("#012Traceback", "")
    worker = int(re.search(r"worker  process (\d+)", seen)[1])
    wait_until(lambda: not alive(worker), "the worker to end")
    assert os.listdir(start.folder) == []


def test_worker_that_cannot_start(start: Starter) -> None:
    """What the worker said on its console is shown."""
    status, out, err = finish(start("--set", "imports=['no_such_module_at_all']"))
    assert (status, err) == (1, "")
    assert "the worker ended early" in out
    assert "no_such_module_at_all" in out


def test_in_time_or_not(start: Starter) -> None:
    """A run that takes longer than allowed ends with status 1 and says so."""
    status, out, _ = finish(start("--timeout", "0.01", "--quiet"))
    assert status == 1
    assert "in time" in out


def test_help(start: Starter) -> None:
    """The help names every option and the exit statuses."""
    status, out, _ = finish(start("--help"))
    assert status == 0
    for word in ("--broker", "--syslog", "--log-file", "--tasks", "--quiet", "--json", "--timeout", "130"):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--broker", "amqp://guest:secret@127.0.0.1:{port}//"], ["127.0.0.1:{port}", "rabbitmq"]),
        (["--broker", "ampq://guest:secret@127.0.0.1//"], ["ampq", "mean amqp"]),
        (["--syslog", "/no/such/socket"], ["/no/such/socket", "rsyslog"]),
        (["--syslog", "unix://{file}"], ["is not a socket"]),
        (["--syslog", "tpc://127.0.0.1"], ["tpc", "mean tcp"]),
        (["--log-file", "/tmp/x"], ["--syslog"]),
        (["--tasks", "0"], ["1 to 1000"]),
        (["--set", "syslog_level"], ["KEY=VALUE"]),
    ],
)
def test_mistakes(start: Starter, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    """A mistake gets one line that says what is wrong, without passwords, and status 2."""
    (tmp_path / "file").touch()
    names = {"port": free_port(), "file": tmp_path / "file"}
    status, out, err = finish(start(*(argument.format(**names) for argument in arguments)))
    assert (status, out) == (2, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith(("example_project: ", "python -m example_project: error: "))
    assert "Traceback" not in err
    assert "secret" not in err
    for word in words:
        assert word.format(**names) in last
