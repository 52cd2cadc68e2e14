"""What events say about tasks, whatever order they come in; and how that is shown."""

from __future__ import annotations

import io
import os
import time
from collections import Counter

import pytest
from test_show import Terminal

from example_project.board import Board, Change
from example_project.live import LAST, Live


def event(kind: str, task: str = "t1", **fields: object) -> dict[str, object]:
    return {"type": kind, "uuid": task, "hostname": "w1", "timestamp": 1.5, **fields}


def test_a_task_of_one_life() -> None:
    """Each event moves the task on; its name is remembered, its worker is whoever spoke last."""
    board = Board()
    life = [
        event("task-sent", name="add", hostname="gen1"),
        event("task-received", name="add"),
        event("task-started"),
        event("task-succeeded", runtime=0.25),
    ]
    changes = [board.take(one) for one in life]
    assert [change.state for change in changes if change] == ["sent", "received", "started", "succeeded"]
    assert changes[-1] == Change(1.5, "succeeded", "add", "t1", "w1", 0.25)
    assert board.counts() == {"add": Counter(succeeded=1)}
    assert board.workers == {"w1"}, "whoever sends tasks is no worker"


def test_sent_may_come_late() -> None:
    """The sender's event comes by another way than the worker's, and sets no task back."""
    board = Board()
    board.take(event("task-received", name="add"))
    assert board.take(event("task-sent", name="add")) is None
    assert board.counts() == {"add": Counter(received=1)}


def test_joined_late() -> None:
    """A task whose beginning was not seen has no name, and counts all the same."""
    board = Board()
    board.take(event("task-failed"))
    assert board.counts() == {"?": Counter(failed=1)}


def test_retry() -> None:
    """A task that is received again, after a retry, is on its way again."""
    board = Board()
    for kind in ("received", "started", "retried", "received"):
        board.take(event(f"task-{kind}", name="add"))
    assert board.counts() == {"add": Counter(received=1)}


def test_workers() -> None:
    """Workers come and go."""
    board = Board()
    for worker in ("w1", "w2"):
        assert board.take({"type": "worker-heartbeat", "hostname": worker}) is None
    board.take({"type": "worker-offline", "hostname": "w1"})
    assert board.workers == {"w2"}


@pytest.mark.parametrize("strange", [{}, {"type": "task-started"}, event("task-custom"), event("mine-own")])
def test_strange_events(strange: dict[str, object]) -> None:
    """What is not about a task in a known state changes nothing."""
    board = Board()
    assert board.take(strange) is None
    assert board.counts() == {}


def test_bounded() -> None:
    """It keeps the tasks that were heard of last."""
    board = Board(limit=2)
    for task in ("t1", "t2", "t1", "t3"):
        board.take(event("task-received", task, name=task))
    assert list(board.counts()) == ["t1", "t3"]


@pytest.fixture(autouse=True)
def terminal_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "12", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)


def board_of(*names: str) -> Board:
    board = Board()
    for number, name in enumerate(names):
        board.take(event("task-succeeded", f"t{number}", name=name))
    return board


CHANGE = Change(0.0, "succeeded", "add", "t\x1b1", "w1", 0.25)


def test_line_an_event() -> None:
    """Away from a terminal every event is a line, and nothing else is written."""
    stream = io.StringIO()
    live = Live(stream)
    live.show(CHANGE)
    live.draw(board_of("add"), now=True)
    live.close()
    clock = time.strftime("%H:%M:%S", time.localtime(0))
    assert stream.getvalue() == f"  {clock}  succeeded  add[t?1]  0.250 s  w1\n"


def test_table_over_the_one_before() -> None:
    """On a terminal the second table replaces the first; what was said in between stays above it."""
    terminal = Terminal()
    live = Live(terminal)
    live.show(CHANGE)
    live.draw(board_of("add"), now=True)
    first = terminal.text
    assert first.splitlines()[0].split() == ["1", "worker", "succeeded"]
    assert first.splitlines()[1].split() == ["add", "1"]
    assert "succeeded  add[t?1]" in first
    live.say("lost the connection")
    live.draw(board_of("add", "add"), now=True)
    rest = terminal.text.removeprefix(first)
    assert rest.startswith(f"\x1b[{len(first.splitlines())}F\x1b[Jlost the connection\n  1 worker")
    assert rest.count("\x1b[") == 2


def test_nobody_reads() -> None:
    """When whoever reads the output is gone, that is the end: it must not pass for a lost broker."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        live = Live(stream)
        with pytest.raises(SystemExit) as ended:
            live.show(CHANGE)
    assert ended.value.code == 1


def test_not_more_often_than_an_eye_can_see() -> None:
    """A second drawing at once is left out."""
    terminal = Terminal()
    live = Live(terminal)
    for _ in range(100):
        live.draw(board_of("add"))
    assert terminal.text.count("1 worker") == 1


def test_fits_the_terminal() -> None:
    """No line is longer than the terminal is wide, nor the table higher: long names keep their end."""
    terminal = Terminal()
    live = Live(terminal)
    for _ in range(LAST):
        live.show(CHANGE._replace(id="x" * 200))
    live.draw(board_of(*(f"project.{'deep.' * 20}tasks.number{n}" for n in range(30))), now=True)
    lines = terminal.text.splitlines()
    assert len(lines) < 12
    assert max(map(len, lines)) <= 80
    assert "tasks.number0 " in lines[1]
