"""Our own trouble: told once a minute a kind, on the real stderr, without ever raising."""

from __future__ import annotations

import io
import sys

import pytest

from celery_syslog import trouble


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The real stderr, as far as trouble can tell."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    trouble.forget()
    return stream


def test_one_line_a_kind(stderr: io.StringIO) -> None:
    """A second line of the same kind is held back; another kind is not."""
    trouble.tell("stall", "first")
    trouble.tell("stall", "second")
    trouble.tell("drop", "third")
    assert stderr.getvalue() == "celery-syslog: first\ncelery-syslog: third\n"


def test_held_lines_are_counted(stderr: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was held back is said with the next line of its kind."""
    clock = [100.0]
    monkeypatch.setattr(trouble.time, "monotonic", lambda: clock[0])
    for _ in range(3):
        trouble.tell("stall", "again")
    clock[0] += trouble.INTERVAL
    trouble.tell("stall", "later")
    assert stderr.getvalue().splitlines()[-1] == "celery-syslog: later (2 more like it in between)"


@pytest.mark.parametrize("broken", [None, "closed"])
def test_no_stderr_is_no_error(broken: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon without a stderr, or with a closed one, just loses the line."""
    stream = io.StringIO() if broken else None
    if stream is not None:
        stream.close()
    monkeypatch.setattr(sys, "__stderr__", stream)
    trouble.forget()
    trouble.tell("any", "line")
