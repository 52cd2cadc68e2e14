"""Nothing that logging writes comes back to logging, and no exception mutes a thread."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

from celery_syslog.worker import streams

if TYPE_CHECKING:
    from conftest import Captured

OURS = str(Path(streams.__file__).parent)


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


class Striking:
    """A trace function that raises Limit at the n-th instruction run in our own files."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left == 0:
                raise Limit
        return self


def struck(number: int, write: Any) -> bool:
    """Call a function with an exception at its n-th instruction; tell whether it came to that."""
    tracing = sys.gettrace()
    sys.settrace(Striking(number))
    try:
        write()
    except Limit:
        return True
    finally:
        sys.settrace(tracing)
    return False


@pytest.mark.parametrize("text", ["first\n", "first\nsecond\n\rthird", "first"])
def test_exception_at_any_instruction_mutes_nobody(captured: Captured, text: str) -> None:
    """Wherever a signal's exception strikes in a write, it comes out, and the next print is a record."""
    struck(0, print)  # Python 3.12.1 traces no instructions the first time
    number, hit = 0, True
    while hit:
        number += 1
        del captured.records[:]
        hit = struck(number, lambda: print(text, end=""))
        captured.streams.flush_partial()
        got = captured.lines
        assert got == sorted(set(got), key=got.index), "no line twice"
        assert set(got) <= {"first", "second", "third"}
        print("after")
        print("after", file=sys.stderr)
        assert captured.lines == [*got, "after", "after"]
    assert number > 100
    assert captured.lines[:-2] == [line for line in text.replace("\r", "").split("\n") if line]
    assert captured.out.getvalue() == captured.err.getvalue() == ""


def test_exception_at_any_instruction_of_a_flush(captured: Captured) -> None:
    """The same for the flushes, with a line of an ended thread waiting."""

    def prepare() -> None:
        thread = threading.Thread(target=lambda: print("ended", end=""))
        thread.start()
        thread.join()
        print("mine", end="")

    struck(0, print)
    for flush in (captured.streams.flush_partial, captured.streams.flush_all):
        number, hit = 0, True
        while hit:
            number += 1
            prepare()
            hit = struck(number, flush)
            flush()
            del captured.records[:]
            print("after")
            assert captured.lines == ["after"]
        assert number > 100
    assert captured.out.getvalue() == ""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
def test_soft_limits_in_a_print_loop(captured: Captured) -> None:
    """Signals that raise while a task prints in a loop come through, and printing goes on afterwards.

    Only logging's own ``except Exception`` may take one: LogRecord's constructor, which is not ours.
    """
    struck_at: list[str] = []

    def limit(_signum: int, frame: FrameType | None) -> None:
        while frame is not None and not frame.f_code.co_filename.startswith(OURS):
            if frame.f_code.co_filename == logging.__file__:
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                return
            frame = frame.f_back
        struck_at.append("ours" if frame else "task")
        raise Limit

    def loop(count: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0005 + count * 1e-6)
        while True:
            print("loop", count)

    before = signal.signal(signal.SIGALRM, limit)
    try:
        for count in range(100):
            with pytest.raises(Limit):
                loop(count)
            captured.streams.flush_partial()
            print("after", count)
            assert captured.lines[-1] == f"after {count}"
            del captured.records[:]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "ours" in struck_at
    assert captured.out.getvalue() == ""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer")
def test_print_in_a_signal_handler(captured: Captured) -> None:
    """A signal handler may print while the program prints: no line is lost, doubled or broken."""
    printed = 0

    def say(_signum: int, _frame: Any) -> None:
        nonlocal printed
        printed += 1
        print(f"signal {printed}")

    before = signal.signal(signal.SIGALRM, say)
    count = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        while printed < 100:
            sys.stdout.write(f"loop {count}\n")
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    recorded = captured.lines
    passed_on = captured.out.getvalue().splitlines()
    assert [line for line in recorded if line.startswith("loop")] == [f"loop {n}" for n in range(count)]
    assert sorted(line for line in recorded + passed_on if line.startswith("signal")) == sorted(
        f"signal {number + 1}" for number in range(printed)
    )
