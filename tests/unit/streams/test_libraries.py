"""Libraries and the standard library write to captured streams as they do to real ones."""

from __future__ import annotations

import codecs
import faulthandler
import io
import json
import logging
import pprint
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from celery.utils.log import LoggingProxy

from celery_syslog.worker.streams import LogStream

if TYPE_CHECKING:
    from conftest import Captured


class Bar:
    """Writes as tqdm does: the whole state after a return, padded over the one before, then flushed."""

    def __init__(self, leave: bool) -> None:
        self.file = sys.stderr
        self.leave = leave
        self.length = 0

    def show(self, text: str) -> None:
        self.file.write("\r" + text + " " * max(self.length - len(text), 0))
        self.file.flush()
        self.length = len(text)

    def close(self) -> None:
        if self.leave:
            self.file.write("\n")
        else:
            self.file.write("\r" + " " * self.length + "\r")
        self.file.flush()


@pytest.mark.parametrize("leave", [True, False])
def test_progress_bar(captured: Captured, leave: bool) -> None:
    """A bar that stays is one line; one that wipes itself out is none; what follows is whole."""
    bar = Bar(leave)
    for count in range(101):
        bar.show(f"{count}%|{'#' * (count // 10)}|")
    bar.close()
    print("done", file=sys.stderr)
    assert captured.lines == ["100%|##########|", "done"] if leave else ["done"]


def test_pprint_and_json(captured: Captured) -> None:
    """Several writes of the standard library to one line are one record."""
    pprint.pprint({"key": list(range(3))})
    json.dump({"a": [1, 2]}, sys.stdout)
    print()
    assert captured.lines == ["{'key': [0, 1, 2]}", '{"a": [1, 2]}']


def test_warnings(in_process: Callable[..., Any]) -> None:
    """A warning is captured as the lines it has, and once where logging captures warnings."""
    code = """
import warnings
warnings.simplefilter("always")
warnings.warn("old", UserWarning)
first = lines[:]
logging.captureWarnings(True)
warnings.warn("older", UserWarning)
answer([first[0], len(lines) - len(first)])
"""
    assert in_process(code) == ["<string>:19: UserWarning: old", 1]


def test_click(captured: Captured) -> None:
    """click finds a text stream that takes its text without colour, and a binary one for bytes."""
    click.echo("plain")
    click.secho("red", fg="red", err=True)
    click.echo(b"bytes \xc3\xa9")
    with click.progressbar(range(3), file=sys.stdout) as bar:
        list(bar)
    assert captured.lines[:3] == ["plain", "red", "bytes é"]


def test_wrappers_around_the_buffer(captured: Captured) -> None:
    """Code that makes its own text stream of ours is captured, and ending it closes nothing."""
    writer = io.TextIOWrapper(sys.stdout.buffer, encoding=sys.stdout.encoding, errors=sys.stdout.errors)
    writer.write("wrapped \udc80 é\n")
    writer.flush()
    writer.close()
    del writer
    codecs.getwriter("utf-8")(sys.stdout.buffer).write("coded é\n")
    shutil.copyfileobj(io.BytesIO("copied é\n".encode()), sys.stdout.buffer)
    sys.stdout.buffer.raw.write(b"raw\n")
    assert captured.lines == ["wrapped \\udc80 é", "coded é", "copied é", "raw"]


def test_thread_that_dies_is_reported(captured: Captured) -> None:
    """The traceback of a thread's end, printed when the thread is nearly gone, is captured."""

    def fail() -> None:
        raise ValueError("gone")

    hook, threading.excepthook = threading.excepthook, threading.__excepthook__
    try:
        thread = threading.Thread(target=fail, name="doomed")
        thread.start()
        thread.join(60)
    finally:
        threading.excepthook = hook
    assert captured.lines[0] == "Exception in thread doomed:"
    assert captured.lines[-1] == "ValueError: gone"


def test_logging_to_stderr_only(captured: Captured) -> None:
    """logging.lastResort, for a logger without any handler, is captured."""
    lonely = logging.getLogger("lonely")
    lonely.propagate = False
    try:
        lonely.warning("nobody listens")
    finally:
        lonely.propagate = True
    assert captured.lines == ["nobody listens"]


def test_celerys_own_proxy_on_top(captured: Captured) -> None:
    """Celery's LoggingProxy put in our place is displaced by the next install, and put back by remove."""
    proxy: Any = LoggingProxy(logging.getLogger("celery.redirected"))
    sys.stdout = sys.stderr = proxy
    streams = captured.install()
    assert (sys.stdout, sys.stderr) == (streams.stdout, streams.stderr)
    print("a", "b")
    assert captured.lines == ["a b"]
    streams.remove()
    assert sys.stdout is sys.stderr is proxy


@pytest.fixture
def real(captured: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A real file behind our streams."""
    with (tmp_path / "real").open("w+", encoding="ascii") as file:
        monkeypatch.setattr(sys, "__stdout__", file)
        monkeypatch.setattr(sys, "__stderr__", file)
        yield file


def test_subprocess_and_faulthandler_get_the_real_descriptor(captured: Captured, real: Any) -> None:
    """What needs a descriptor gets that of the real stream, which is not captured."""
    subprocess.run([sys.executable, "-c", "print('child')"], stdout=sys.stdout, check=True, timeout=60)
    faulthandler.dump_traceback(sys.stderr)
    assert sys.stdout.fileno() == sys.stdout.buffer.fileno() == real.fileno()
    real.seek(0)
    text = real.read()
    assert text.startswith("child\n")
    assert "most recent call first" in text
    assert captured.lines == []


def test_real_stream_that_cannot_write_the_text(captured: Captured, real: Any) -> None:
    """What goes to the real stream is shown with escapes where its encoding has no such character."""
    captured.streams.remove()
    captured.stdout.write("é \ud800\n")
    captured.stdout.buffer.write("ü\n".encode())
    real.seek(0)
    assert real.read() == "\\xe9 \\ud800\n\\xfc\n"


def broken() -> list[Any]:
    """Real streams that are not there, closed, or fail."""
    closed = io.StringIO()
    closed.close()

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise BlockingIOError

    return [None, closed, Full()]


@pytest.mark.parametrize("real_stream", broken(), ids=["none", "closed", "full"])
def test_real_stream_missing_or_broken(
    captured: Captured, monkeypatch: pytest.MonkeyPatch, real_stream: Any
) -> None:
    """Without a working real stream (pythonw, a daemon) nothing fails but fileno(), as it must."""
    monkeypatch.setattr(sys, "__stdout__", real_stream)
    stream = captured.stdout
    print("line", flush=True)
    logging.getLogger("celery.redirected").disabled = True
    print("lost", flush=True)
    stream.close()
    for side in (stream, stream.buffer):
        with pytest.raises(io.UnsupportedOperation):
            side.fileno()
    assert captured.lines == ["line"]


def test_print_costs_what_a_log_call_does(captured: Captured) -> None:
    """A printed line is no dearer than a few log calls: no stack walk, no lock, no copy is in the way."""

    def best(call: Any) -> float:
        times = []
        for _ in range(15):
            start = time.perf_counter()
            for _ in range(200):
                call()
            times.append(time.perf_counter() - start)
            captured.records.clear()
        return min(times)

    logger = logging.getLogger("celery.redirected")
    stream: LogStream = captured.stdout
    assert best(lambda: print("text", file=stream)) < 5 * best(lambda: logger.error("text"))
