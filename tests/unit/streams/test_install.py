"""Installing and removing the streams leaves sys as it was found."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from celery_syslog.worker.streams import install_streams

if TYPE_CHECKING:
    from conftest import Captured


def test_installing_again_changes_levels_only(captured: Captured) -> None:
    """A second install keeps the same objects and takes the new levels."""
    before = sys.stdout, sys.stderr
    again = install_streams(logging.DEBUG, logging.CRITICAL)
    assert again is captured.streams
    assert (sys.stdout, sys.stderr) == before
    print("out")
    print("err", file=sys.stderr)
    assert [record.levelname for record in captured.records] == ["DEBUG", "CRITICAL"]


def test_remove_restores_what_was_there(captured: Captured) -> None:
    """After remove sys has the very objects it had, and what was unfinished has been sent."""
    captured.streams.remove()
    mine, yours = io.StringIO(), io.StringIO()
    sys.stdout, sys.stderr = mine, yours
    streams = captured.install()
    captured.install()
    assert streams.active
    print("unfinished", end="")
    streams.remove()
    streams.remove()
    assert (sys.stdout, sys.stderr) == (mine, yours)
    assert not streams.active
    assert captured.lines == ["unfinished"]


def test_remove_leaves_what_came_after_us(captured: Captured) -> None:
    """A stream that somebody put over ours stays; what it hands down goes to the real stream."""

    class Tee(io.StringIO):
        def __init__(self, under: Any) -> None:
            super().__init__()
            self.under = under

        def write(self, text: str) -> int:
            self.under.write(text)
            return super().write(text)

    sys.stdout = tee = Tee(sys.stdout)
    print("before")
    captured.streams.remove()
    assert sys.stdout is tee
    print("after")
    assert captured.lines == ["before"]
    assert captured.out.getvalue() == "after\n"


def test_missing_stdout_is_restored_as_missing(captured: Captured) -> None:
    """Where sys.stdout is None (pythonw), lines are captured, and None comes back."""
    captured.streams.remove()
    sys.stdout = None  # type: ignore[assignment]
    captured.install()
    print("still a record")
    captured.streams.remove()
    assert sys.stdout is None
    assert captured.lines == ["still a record"]


def test_one_stream_alone(captured: Captured) -> None:
    """Each stream can be left as it is; leaving one that was captured gives it back."""
    err = sys.stderr
    install_streams(capture_stdout=False)
    assert sys.stdout is not captured.stdout
    assert sys.stderr is err
    captured.stdout.write("to the real one\n")
    print("err", file=sys.stderr)
    install_streams(capture_stderr=False)
    assert (sys.stdout, sys.stderr is err) == (captured.stdout, False)
    assert captured.lines == ["err"]
    assert captured.out.getvalue() == "to the real one\n"


def test_redirect_stdout_inside(captured: Captured) -> None:
    """contextlib.redirect_stdout takes its own text away from us, and we are back after it."""
    with redirect_stdout(io.StringIO()) as kept:
        print("kept")
    print("captured")
    assert (kept.getvalue(), captured.lines) == ("kept\n", ["captured"])


def test_interpreter_ends_quietly(in_process: Callable[..., Any]) -> None:
    """Nothing is said at exit, with prints in finalizers and our streams never removed."""
    code = """
class Late:
    def __del__(self):
        print("late")
keep = Late()
sys.late = Late()
print("part", end="")
answer(1)
"""
    assert in_process(code.replace("print(", "sys.stdout and sys.stdout is streams.stdout and print(")) == 1


def test_import_needs_no_celery(in_process: Callable[..., Any]) -> None:
    """The streams themselves know nothing of Celery."""
    assert in_process("answer([name for name in ('celery', 'billiard') if name in sys.modules])") == []
