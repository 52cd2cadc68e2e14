"""The demo on real brokers and a real collector, and what the workers' events tell meanwhile."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from demo_process import ROOT, Starter, finish
from kombu import Connection
from support.rabbitmq import RabbitMq
from support.redis import Redis
from support.rsyslog import Rsyslog
from support.waiting import DEADLINE, free_port, wait_until


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A private Redis."""
    with Redis() as server:
        yield server


def test_rabbitmq_and_rsyslog(start: Starter, rabbitmq: RabbitMq, rsyslog: Rsyslog) -> None:
    """Each expected line comes to rsyslog once, with its severity, from tasks sent over RabbitMQ.

    One task's result comes back over the broker, the events of all tasks can be followed, and no queue
    stays.
    """
    viewer = start("--broker", rabbitmq.url, module="example_project.events")
    assert viewer.stdout is not None
    assert "guest:**@" in viewer.stdout.readline()  # from here on it misses nothing
    status, out, err = finish(
        start("--json", "--broker", rabbitmq.url, "--syslog", rsyslog.url, "--log-file", str(rsyslog.output))
    )
    assert (status, err) == (0, ""), out
    found = json.loads(out)
    assert found["expected"] == found["arrived"] > 80
    assert [row["arrived"] for row in found["rows"] if row["task"] == "asked"] == [3]
    tag = f"example-{found['run']}"
    assert {line.ident for line in rsyslog.lines()} == {tag}
    assert len({line.pid for line in rsyslog.lines()}) >= 4, "the main process, two children, a new one"

    run = f"{found['run']}-1-"
    ends = {f"{run}{job}": "succeeded" for job in ("asked", "retries", "chord.sum", "chain.3", "group.1")}
    ends[f"{run}raises"] = "failed"
    told: list[tuple[str, str]] = []
    while not set(ends.items()) <= set(told):
        line = viewer.stdout.readline()
        assert line, "it ended by itself"
        _, state, task, *_ = line.split()
        told.append((task.partition("[")[2].rstrip("]"), state))
    viewer.send_signal(signal.SIGINT)
    status, _, err = finish(viewer)
    assert (status, err) == (0, "")
    # Who sent a task may be heard before its worker, or after it and then too late.
    counted = Counter(state for task, state in told if task == f"{run}retries" and state != "sent")
    assert counted == {"received": 3, "started": 3, "retried": 2, "succeeded": 1}
    with Connection(rabbitmq.url) as connection, pytest.raises(connection.channel_errors):
        connection.channel().queue_declare(tag, passive=True)


def test_redis(start: Starter, redis: Redis) -> None:
    """The same over Redis, with the live table on a terminal; only Kombu's own notes stay in Redis."""
    terminal = OnTerminal("example_project.events", "--broker", redis.url)
    try:
        terminal.wait_for("Ctrl-C ends it")
        status, out, err = finish(start("--json", "--broker", redis.url))
        assert (status, err) == (0, ""), out
        found = json.loads(out)
        assert found["ok"]
        wanted = {"asked": ["1", "."], "add": ["9", "."], "retries": ["1", "."], "raises": [".", "1"]}
        seen = terminal.last_table
        wait_until(
            lambda: all(seen().get(name) == ends for name, ends in wanted.items()),
            "all ends",
            detail=terminal.read,
        )
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(DEADLINE) == 0
    finally:
        text = terminal.close()
    assert "Traceback" not in text
    assert found["run"] not in redis.ask("KEYS *")


class OnTerminal:
    """A module of the example on a terminal of its own, wide enough, without colours."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self._text = b""
        size = {"COLUMNS": "120", "LINES": "40", "TERM": "xterm", "NO_COLOR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**os.environ, **size, "PYTHONIOENCODING": "utf-8"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        os.set_blocking(self._master, False)

    def read(self) -> str:
        """Return everything written so far."""
        try:
            while data := os.read(self._master, 65536):
                self._text += data
        except OSError:  # nothing at the moment, or (EIO) nothing ever again
            pass
        return self._text.decode("utf-8", "replace").replace("\r\n", "\n")

    def wait_for(self, text: str) -> None:
        """Wait until a text has been written."""
        wait_until(lambda: text in self.read(), repr(text), detail=self.read)

    def last_table(self) -> dict[str, list[str]]:
        """Return how many tasks of each name ended well and failed, as drawn last."""
        lines = self.read().rpartition("\x1b[J")[2].splitlines()
        return {
            words[0].removeprefix("example_project.tasks."): words[-2:]
            for words in map(str.split, lines)
            if words
        }

    def close(self) -> str:
        """End it if it still runs, and return everything it wrote."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        text = self.read()
        os.close(self._master)
        return text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--broker"]),
        (["--broker", "filesystem://localhost/"], ["amqp:// or redis://"]),
        (["--broker", "amqp://guest:secret@127.0.0.1:{port}//"], ["guest:**@127.0.0.1:{port}", "rabbitmq"]),
        (["--broker", "redis://:secret@127.0.0.1:{port}/0"], [":**@127.0.0.1:{port}", "redis-server"]),
    ],
)
def test_events_mistakes(start: Starter, arguments: list[str], words: list[str]) -> None:
    """A mistake gets one line that says what is wrong, without passwords, and status 2."""
    port = str(free_port())
    process = start(*(word.format(port=port) for word in arguments), module="example_project.events")
    status, out, err = finish(process)
    assert (status, out) == (2, "")
    assert "Traceback" not in err + out
    assert "secret" not in err
    for word in words:
        assert word.format(port=port) in err.strip().splitlines()[-1]
