"""Nothing that logging writes comes back to logging."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Captured


class Limit(Exception):
    """Stands for billiard's SoftTimeLimitExceeded, a plain Exception raised by a signal."""


def handler(emit: Any) -> logging.Handler:
    """A handler with this emit function."""
    made = logging.Handler()
    made.emit = emit  # type: ignore[method-assign]
    return made


@pytest.fixture
def root_handler(captured: Captured) -> Iterator[Any]:
    """Add a handler to the root logger for the time of a test."""
    added: list[logging.Handler] = []

    def add(emit: Any) -> logging.Handler:
        made = emit if isinstance(emit, logging.Handler) else handler(emit)
        logging.getLogger().addHandler(made)
        added.append(made)
        return made

    yield add
    for made in added:
        logging.getLogger().removeHandler(made)


def test_handler_that_prints(captured: Captured, root_handler: Any) -> None:
    """What a handler prints while it handles a captured line goes to the real streams."""

    def emit(record: logging.LogRecord) -> None:
        print("seen", record.getMessage())
        print("seen", file=sys.stderr)
        captured.streams.flush_partial()

    root_handler(emit)
    print("one\ntwo")
    print("three", file=sys.stderr)
    assert captured.lines == ["one", "two", "three"]
    assert captured.out.getvalue() == "seen one\nseen two\nseen three\n"
    assert captured.err.getvalue() == "seen\n" * 3


def test_record_factory_that_prints(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record factory is part of making a record, and may print."""

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        print("made")
        return logging.LogRecord(*args, **kwargs)

    monkeypatch.setattr(logging, "_logRecordFactory", factory)
    print("line")
    assert (captured.lines, captured.out.getvalue()) == (["line"], "made\n")


def test_handler_of_a_plain_record_may_print(captured: Captured, root_handler: Any) -> None:
    """A print inside a log call is captured once and goes no deeper."""
    root_handler(lambda record: print("printed for", record.name))
    logging.getLogger("library").error("plain")
    assert captured.lines == ["printed for library"]
    assert captured.out.getvalue() == "printed for celery.redirected\n"


def test_report_of_a_failing_handler_is_not_captured(captured: Captured, root_handler: Any) -> None:
    """A failing handler is called once a record, and not again for each line of its own report."""
    calls = []

    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            calls.append(record)
            try:
                raise OSError("collector away")
            except OSError:
                self.handleError(record)

    root_handler(Failing())
    logging.getLogger("library").error("text")
    print("line")
    assert len(calls) == 2
    assert captured.lines == ["line"]
    assert captured.err.getvalue().count("OSError: collector away") == 2
    assert "Call stack:" in captured.err.getvalue()


def test_streamhandler_of_a_logger_that_reaches_us(captured: Captured, root_handler: Any) -> None:
    """A record that is shown on the captured stderr is not captured a second time (celery#8731)."""
    root_handler(logging.StreamHandler(sys.stderr))
    logging.getLogger("library").error("twice?")
    print("line")
    assert [record.getMessage() for record in captured.records] == ["twice?", "line"]
    assert captured.err.getvalue() == "twice?\nline\n"


def test_streamhandler_of_a_logger_that_does_not(captured: Captured) -> None:
    """A logger of its own that shows its records on the captured stderr only is captured there."""
    own = logging.getLogger("keeps.to.itself")
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(logging.Formatter("%(levelname)s! %(message)s"))
    own.addHandler(shown)
    own.propagate = False
    try:
        own.error("only here")
    finally:
        own.removeHandler(shown)
        own.propagate = True
    assert captured.lines == ["ERROR! only here"]
    assert captured.err.getvalue() == ""


def test_own_traceback_is_captured(captured: Captured) -> None:
    """A traceback printed by anybody but a failing handler is captured, line by line."""
    try:
        raise ValueError("of the task")
    except ValueError:
        traceback.print_exc()
    assert captured.lines[0] == "Traceback (most recent call last):"
    assert captured.lines[-1] == "ValueError: of the task"
    assert captured.err.getvalue() == ""


def test_what_a_handler_raises_reaches_the_task(captured: Captured, root_handler: Any) -> None:
    """A soft limit that a handler lets through comes out of print; the lines behind it come with the next."""
    count = 0

    def emit(record: logging.LogRecord) -> None:
        nonlocal count
        count += 1
        if count == 2:
            raise Limit

    root_handler(emit)
    with pytest.raises(Limit):
        print("one\ntwo\nthree\nfour")
    assert captured.lines == ["one", "two"]
    print("five")
    assert captured.lines == ["one", "two", "three", "four", "five"]
    assert captured.out.getvalue() == ""
