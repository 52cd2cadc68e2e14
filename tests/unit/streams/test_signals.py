"""No signal mutes a thread, whatever its handler does and wherever it strikes."""

from __future__ import annotations

import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


def in_a_thread_of_its_own(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a thread that ends with it.

    An exception raised by a trace function between an ``except`` and its end leaves CPython believing, for
    the rest of the thread, that it still handles the first one: it would be the context of all later ones.
    """

    @functools.wraps(test)
    def run(**fixtures: Any) -> None:
        with ThreadPoolExecutor(1) as thread:
            thread.submit(test, **fixtures).result()

    return run


@pytest.mark.parametrize("text", ["first\n", "first\nsecond\n\rthird", "first"])
@in_a_thread_of_its_own
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


@in_a_thread_of_its_own
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
        signal.setitimer(signal.ITIMER_REAL, 0.001)  # not before: one may interrupt another's two writes

    before = signal.signal(signal.SIGALRM, say)
    count = 0
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
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
