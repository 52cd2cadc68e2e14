"""Our own stdout and stderr: every line written to them becomes a log record."""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from .recorder import LOGGER, SUSPECTS, Recorder, is_loggings_own
from .standin import LogBuffer, StandIn, caller
from .writers import Writer, Writers, place_of

__all__ = ["LOGGER", "LogStream", "Streams", "install_streams"]


def _reaches_nothing(_logger: str) -> bool:
    return False


class LogStream(StandIn, io.TextIOBase):
    """A text stream for the place of ``sys.stdout`` or ``sys.stderr``.

    Every thread has its own unfinished line; LineBuffer says what a line is. A record goes straight to
    the handlers of LOGGER, whatever that logger's level, with the place of the ``print`` and with
    ``syslog_event`` set to the stream's name. What a handler raises comes out of the write, and the
    lines after it are sent with the next one.

    Text goes to the real stream and makes no record when this thread is making one already (a handler
    that prints), when the stream is not ``active``, and when logging itself writes: a StreamHandler
    whose record reaches our handlers anyway, or the report of a handler that failed.
    """

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    mode = "w"
    line_buffering = True
    write_through = False

    def __init__(self, event: str, level: int, emitting: threading.local | None = None) -> None:
        super().__init__(event)
        self.active = True
        self.reaches: Callable[[str], bool] = _reaches_nothing
        self._recorder = Recorder(event, level, self.pass_on)
        self._writers = Writers(emitting or threading.local())
        self._buffer = LogBuffer(event, self._accept_bytes)

    @property
    def level(self) -> int:
        """The level of its records."""
        return self._recorder.level

    @level.setter
    def level(self, level: int) -> None:
        self._recorder.level = level

    @property
    def buffer(self) -> LogBuffer:
        """The bytes side; UTF-8, and what is not is shown as ``\\xNN``."""
        return self._buffer

    def reconfigure(self, **_options: object) -> None:
        """Accept what TextIOWrapper accepts and change nothing: there is nothing to encode here."""

    def write(self, text: str, /) -> int:
        """Take text; return its length. Raises TypeError for anything but a str."""
        if type(text) is not str:
            text = _plain(text)
        try:
            frame = sys._getframe(1)
        except ValueError:
            frame = sys._getframe()  # as caller() does, which would cost every print a call
        self._accept(text, frame)
        return len(text)

    def writelines(self, lines: Iterable[Any], /) -> None:
        """Write each of the texts."""
        frame = caller()
        for text in lines:
            self._accept(_plain(text), frame)

    def _accept_bytes(self, data: bytes, frame: FrameType) -> None:
        self._accept(self._writers.mine().decode(data), frame)

    def _accept(self, text: str, frame: FrameType) -> None:
        try:
            writer: Writer = self._writers.local.writer
        except AttributeError:
            writer = self._writers.mine()
        emitting = writer.emitting
        if (
            not self.active
            or (emitting.now and emitting.confirm(frame))
            or (frame.f_code.co_filename in SUSPECTS and is_loggings_own(frame, self.reaches))
        ):
            self.pass_on(text)
            return
        if writer.empty:
            writer.place = place_of(frame)
        writer.feed(text)
        if writer.lines:
            try:
                self._send(writer)
            except BaseException:
                writer.finish()  # print will not get to write the end of this line
                raise
            if not writer.empty:
                writer.place = place_of(frame)

    def _send(self, mine: Writer) -> None:
        if self._writers.ended:
            self._send_ended(mine)
        while mine.lines:
            text = mine.pop()
            if text is not None:
                self._recorder.emit(mine.emitting, text, mine.place, None)

    def _send_ended(self, mine: Writer) -> None:
        for ended in self._writers.take_ended():
            try:
                self._finish(ended, mine)
            finally:
                if ended:  # an exception came out of a handler
                    self._writers.ended.appendleft(ended)

    def _finish(self, writer: Writer, mine: Writer) -> None:
        writer.finish()
        origin = None if writer is mine else (writer.ident, writer.name)
        while (text := writer.pop()) is not None:
            self._recorder.emit(mine.emitting, text, writer.place, origin)

    def flush_partial(self) -> None:
        """Send the calling thread's unfinished line, as if it ended here."""
        mine = self._writers.mine()
        self._send_ended(mine)
        self._finish(mine, mine)

    def flush_all(self) -> None:
        """Send the unfinished line of every thread that has one, also of those that have ended."""
        mine = self._writers.mine()
        self._send_ended(mine)
        for writer in self._writers.live():
            self._finish(writer, mine)

    def forget(self) -> None:
        """Drop every unfinished line; for a forked child, whose parent sends them."""
        self._writers.forget()


def _plain(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"write() argument must be str, not {type(text).__name__}")
    return str.__str__(text)  # a subclass may have methods of its own


class Streams:
    """Our stdout and stderr, and what they took the place of."""

    def __init__(self) -> None:
        emitting = threading.local()
        self.stdout = LogStream("stdout", logging.INFO, emitting)
        self.stderr = LogStream("stderr", logging.WARNING, emitting)
        self._displaced: dict[str, Any] = {}

    @property
    def active(self) -> bool:
        """Whether either stream captures what is written to it."""
        return self.stdout.active or self.stderr.active

    def flush_partial(self) -> None:
        """Send the calling thread's unfinished lines; for the end of a task."""
        self.stdout.flush_partial()
        self.stderr.flush_partial()

    def flush_all(self) -> None:
        """Send every thread's unfinished lines; for the end of a process."""
        self.stdout.flush_all()
        self.stderr.flush_all()

    def remove(self) -> None:
        """Send what is unfinished and put back what was displaced last, unless others came after us.

        Text that still comes to our streams then goes to the real ones.
        """
        self.flush_all()
        atexit.unregister(self.flush_all)
        for name in ("stdout", "stderr"):
            self._leave(name)

    def _enter(self, name: str, level: int, reaches: Callable[[str], bool]) -> None:
        stream: LogStream = getattr(self, name)
        stream.level, stream.reaches, stream.active = level, reaches, True
        present = getattr(sys, name)
        if present is not stream:
            self._displaced[name] = present
            setattr(sys, name, stream)

    def _leave(self, name: str) -> None:
        stream: LogStream = getattr(self, name)
        stream.active = False
        if getattr(sys, name) is stream:
            setattr(sys, name, self._displaced.get(name, getattr(sys, f"__{name}__")))
        self._displaced.pop(name, None)


_streams: Streams | None = None


def install_streams(
    stdout_level: int = logging.INFO,
    stderr_level: int = logging.WARNING,
    reaches: Callable[[str], bool] = _reaches_nothing,
    *,
    capture_stdout: bool = True,
    capture_stderr: bool = True,
) -> Streams:
    """Put our streams in the place of ``sys.stdout`` and ``sys.stderr``; return them.

    ``reaches`` tells of a logger's name whether its records come to our handlers: what a StreamHandler
    then writes here is not captured a second time. There is one pair in a process: a further call
    changes its levels and takes the places back, as after Celery's LoggingProxy was put there.
    """
    global _streams
    if _streams is None:
        _streams = Streams()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_forget)
    streams = _streams
    logging.getLogger(LOGGER).disabled = False
    for name, wanted, level in (
        ("stdout", capture_stdout, stdout_level),
        ("stderr", capture_stderr, stderr_level),
    ):
        if wanted:
            streams._enter(name, level, reaches)
        else:
            streams._leave(name)
    atexit.unregister(streams.flush_all)
    atexit.register(streams.flush_all)
    return streams


def _forget() -> None:
    if _streams is not None:
        _streams.stdout.forget()
        _streams.stderr.forget()
