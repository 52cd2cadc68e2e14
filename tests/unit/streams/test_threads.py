"""Each thread, greenlet and process has its own unfinished line, and none is lost or sent twice."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Captured


def test_threads_do_not_mix(captured: Captured) -> None:
    """Lines that threads write piece by piece at the same time come out whole, each thread's in order."""
    rounds, start = 60, threading.Barrier(6)

    def work(name: str) -> None:
        chance = random.Random(name)
        text = "".join(f"{name} line {count} {'x' * 40}\n" for count in range(rounds))
        start.wait()
        while text:
            size = chance.randrange(1, 30)
            sys.stdout.write(text[:size])
            text = text[size:]

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(6)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    for number in range(6):
        own = [line for line in captured.lines if line.startswith(f"t{number} ")]
        assert own == [f"t{number} line {count} {'x' * 40}" for count in range(rounds)]
    assert len(captured.lines) == 6 * rounds


def in_thread(work: Callable[[], Any], name: str = "other") -> None:
    """Run a function in a thread to its end."""
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_flush_partial_is_the_callers_own(captured: Captured) -> None:
    """At the end of a task only the task's thread is flushed, both its streams."""
    written, done = threading.Event(), threading.Event()

    def other() -> None:
        print("theirs", end="")
        written.set()
        done.wait(60)
        print(" whole")

    thread = threading.Thread(target=other)
    thread.start()
    written.wait(60)
    print("mine", end="")
    print("trouble", end="", file=sys.stderr)
    captured.streams.flush_partial()
    assert captured.lines == ["mine", "trouble"]
    done.set()
    thread.join(60)
    assert captured.lines == ["mine", "trouble", "theirs whole"]


def test_line_of_an_ended_thread_goes_with_the_next(captured: Captured) -> None:
    """What a thread left unfinished is sent by the next line of any thread, under its own name."""
    in_thread(lambda: print("left over", end=""), name="short-lived")
    assert captured.lines == []
    print("next")
    assert captured.lines == ["left over", "next"]
    record = captured.records[0]
    assert (record.threadName, record.funcName) == ("short-lived", "<lambda>")
    assert record.thread != threading.get_ident()
    assert captured.records[1].threadName == "MainThread"


@pytest.mark.parametrize("flush", ["flush_partial", "flush_all"])
def test_line_of_an_ended_thread_goes_with_a_flush(captured: Captured, flush: str) -> None:
    """Both flushes send what ended threads left."""
    in_thread(lambda: print("left over", end="", file=sys.stderr))
    getattr(captured.streams, flush)()
    assert captured.lines == ["left over"]


def test_ended_threads_leave_nothing_behind(captured: Captured) -> None:
    """Thousands of threads that print do not fill memory."""
    for _ in range(300):
        in_thread(lambda: print("whole"))
        in_thread(lambda: print("part", end=""))
    print("last")
    assert captured.lines.count("whole") == captured.lines.count("part") == 300
    assert len(captured.stdout._writers.live()) == 1
    assert not captured.stdout._writers.ended


def test_flush_all_sends_the_lines_of_live_threads(captured: Captured) -> None:
    """At exit a daemon thread's unfinished line is sent too; what it writes later is a line of its own."""
    written, go_on = threading.Event(), threading.Event()

    def other() -> None:
        sys.stdout.buffer.write("begun é".encode()[:-1])
        written.set()
        go_on.wait(60)
        print("ended")

    thread = threading.Thread(target=other)
    thread.start()
    written.wait(60)
    captured.streams.flush_all()
    assert captured.lines == ["begun \\xc3"]
    go_on.set()
    thread.join(60)
    assert captured.lines == ["begun \\xc3", "ended"]


def test_handler_error_keeps_the_line_of_an_ended_thread(captured: Captured) -> None:
    """An exception out of a handler loses none of the lines that waited behind it."""

    class Limit(Exception):
        pass

    def limit(record: Any) -> None:
        del captured.handler.handle
        captured.handler.handle(record)
        raise Limit

    def work() -> None:
        captured.handler.handle = limit  # type: ignore[method-assign]
        with pytest.raises(Limit):
            print("1\n2\n3", end="")

    in_thread(work)
    captured.handler.handle = limit  # type: ignore[method-assign]
    with pytest.raises(Limit):
        print("mine")
    assert captured.lines == ["1", "2"]
    captured.streams.flush_partial()
    assert captured.lines == ["1", "2", "3", "mine"]


def test_greenlets_do_not_mix(in_process: Callable[..., Any]) -> None:
    """Under gevent a greenlet has its own line, also one that C code runs, and its rest is not lost."""
    pytest.importorskip("gevent")
    lines = in_process(
        """
def work(number):
    for count in range(3):
        for part in ("g", number, "-", count):
            print(part, end="")
            gevent.sleep(0)
        print()
    print("rest", number, end="")

gevent.joinall([gevent.spawn(work, number) for number in range(20)])
gevent.spawn(sys.stdout.write, "no caller\\n").join()
print("tail", end="")
streams.flush_all()
gevent.sleep(0)
answer([lines, len(streams.stdout._writers.live())])
""",
        before="import gevent.monkey; gevent.monkey.patch_all(); import gevent\n",
    )
    lines, live = lines
    whole = [f"g{number}-{count}" for number in range(20) for count in range(3)]
    assert sorted(lines) == sorted([*whole, *(f"rest {n}" for n in range(20)), "no caller", "tail"])
    assert lines[-1] == "tail"
    assert live == 1


FORK = """
import threading
written, done = threading.Event(), threading.Event()
def other():
    print("thread", end="")
    print("trouble", end="", file=sys.stderr)
    written.set()
    done.wait(60)
    print(" whole")
thread = threading.Thread(target=other)
ended = threading.Thread(target=lambda: print("ended", end=""))
ended.start(); ended.join()
thread.start()
written.wait(60)
print("parent", end="")
sys.stdout.buffer.write(b"\\xc3")
if os.fork() == 0:
    del lines[:]
    print("child")
    streams.flush_partial()
    streams.flush_all()
    answer(["child", lines])
    os._exit(0)
os.wait()
done.set()
thread.join(60)
streams.flush_all()
answer(["parent", lines])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.parametrize("times", [1, 2])
def test_child_does_not_repeat_its_parents_lines(in_process: Callable[..., Any], times: int) -> None:
    """After a fork unfinished lines belong to the parent alone; the child captures its own."""
    # A fork with threads running is what is tested here; Python 3.12 warns of it.
    code = "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n" + FORK
    child, parent = in_process("install_streams()\n" * times + code)
    assert child == ["child", ["child"]]
    assert parent == ["parent", ["ended", "thread whole", "parent\\xc3", "trouble"]]


def test_exit_sends_what_is_left(in_process: Callable[..., Any]) -> None:
    """At the interpreter's exit, without anybody's help, unfinished lines of all threads are sent."""
    lines = in_process(
        """
import atexit, threading
written = threading.Event()
def forever():
    print("daemon", end="")
    written.set()
    threading.Event().wait()
class Last(logging.Handler):
    def emit(self, record):
        answer(record.getMessage())
threading.Thread(target=forever, daemon=True).start()
written.wait(60)
print("main", end="")
logging.getLogger().addHandler(Last())
"""
    )
    assert sorted(lines) == ["daemon", "main"]


def test_exit_function_without_a_caller(in_process: Callable[..., Any]) -> None:
    """A write that no Python code calls is a line like any other."""
    before = """
import atexit, sys
atexit.register(lambda: answer(lines))
atexit.register(lambda: sys.stdout.write("bye\\n"))
"""
    code = "atexit.register(sys.stdout.write, 'c\\n'); atexit.register(sys.stdout.buffer.write, b'b\\n')"
    assert in_process(code, before=before) == ["b", "c", "bye"]
