"""Captured lines made into log records, and what of the text must not become one."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from types import FrameType

__all__ = ["LOGGER", "SUSPECTS", "Emitting", "Place", "Recorder", "is_loggings_own"]

#: The logger of captured lines, the one Celery's own redirection uses.
LOGGER = "celery.redirected"

#: File, line number and function of a write.
Place = tuple[str, int, str]

_LOGGING = logging.addLevelName.__code__.co_filename
_TRACEBACK = traceback.print_exc.__code__.co_filename

#: Files whose code may write on behalf of logging; worth one look at every write.
SUSPECTS = frozenset((_LOGGING, _TRACEBACK))


def is_loggings_own(frame: FrameType, reaches: Callable[[str], bool]) -> bool:
    """Tell whether logging writes a record that our handlers get anyway, or reports its own trouble.

    ``frame`` is the one that wrote. handleError prints a traceback: were that to become records, a
    failing handler would be called once more for every line of its own report.
    """
    above: FrameType | None = frame
    while above is not None and above.f_code.co_filename == _TRACEBACK:
        above = above.f_back
    if above is None or above.f_code.co_filename != _LOGGING:
        return False
    if above.f_code.co_name == "handleError":
        return True
    record = frame.f_locals.get("record")
    return isinstance(record, logging.LogRecord) and reaches(record.name)


class Emitting:
    """Whether a thread is just making a record of a captured line; one for both streams."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = False

    def confirm(self, frame: FrameType) -> bool:
        """Tell whether ``now``, when set, is right, by the stack; mend it if not.

        SystemExit or SoftTimeLimitExceeded, raised by a signal between any two instructions, can leave
        it set; without a second look this thread would make no record ever again.
        """
        above: FrameType | None = frame
        while above is not None:
            if above.f_code is _EMIT:
                return True
            above = above.f_back
        self.now = False
        return False


class Recorder:
    """Makes a log record of each line of one stream, and hands it to the handlers of LOGGER.

    That logger's level is not asked: a captured line has nowhere else to go.
    """

    def __init__(self, event: str, level: int, pass_on: Callable[[str], None]) -> None:
        self.level = level
        self._extra = {"syslog_event": event}
        self._logger = logging.getLogger(LOGGER)
        self._pass_on = pass_on

    def emit(self, emitting: Emitting, text: str, place: Place, origin: tuple[int, str] | None) -> None:
        """Send a line; ``origin`` is the number and name of the thread it is from, if another one.

        Raises what a handler raises.
        """
        before = emitting.now
        try:
            emitting.now = True
            logger = self._logger
            if logger.disabled:  # by a dictConfig that knows nothing of it
                self._pass_on(text + "\n")
                return
            file, line, function = place
            record = logger.makeRecord(LOGGER, self.level, file, line, text, (), None, function, self._extra)
            if origin is not None:
                record.thread, record.threadName = origin
            logger.handle(record)
        finally:
            emitting.now = before


_EMIT = Recorder.emit.__code__
