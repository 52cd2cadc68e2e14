"""Soft time limits that no log call swallows.

billiard announces a soft limit by SIGUSR1, whose handler raises SoftTimeLimitExceeded wherever the
task happens to be (billiard/pool.py, soft_timeout_sighandler). Inside logging or a print that is the
wrong place: LogRecord's constructor and every handler catch Exception and go on. So when the signal
arrives there, the exception is put off until control is back in the code that called, and raised then.

"Back in the code that called" is what Python's tracing tells: a trace function on that one frame is
called before its next instruction, still inside the ``try`` around the log call, and what it raises is
raised in the frame. Until then only the few calls left inside logging are traced.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading

# signal.getsignal looks for an enum member first, which costs each task some microseconds.
from _signal import getsignal  # type: ignore[import-not-found]
from collections.abc import Callable
from types import FrameType
from typing import Any

import celery.utils.log
from billiard import pool

from . import lines, recorder, standin, streams, writers

__all__ = ["SoftLimitGuard", "guard_child", "release_child"]

#: Code that swallows exceptions on behalf of its caller: logging, Celery's stdout proxy, our streams.
_SWALLOWERS = {
    logging.Logger.handle.__code__.co_filename,
    *(module.__file__ for module in (celery.utils.log, lines, recorder, standin, streams, writers)),
}


class SoftLimitGuard:
    """A SIGUSR1 handler around billiard's: it waits until the interrupted log call is over."""

    def __init__(self, inner: Callable[[int, FrameType | None], Any]) -> None:
        self.inner = inner

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Raise now, or put it off when the interrupted code is inside a log call or a print."""
        caller = _caller_of_logging(frame)
        if caller is None:
            self.inner(signum, frame)
        else:
            _call_in(caller, lambda frame: self.inner(signum, frame))


def _caller_of_logging(frame: FrameType | None) -> FrameType | None:
    """Return the frame that called into logging, or None when the stack is not inside logging.

    The outermost call counts: a record argument's ``__repr__`` may itself run code and log.
    """
    caller = None
    while frame is not None:
        if frame.f_code.co_filename in _SWALLOWERS:
            caller = frame.f_back
        frame = frame.f_back
    return caller


def _call_in(frame: FrameType, function: Callable[[FrameType], Any]) -> None:
    """Call ``function`` in ``frame`` as soon as it runs again; what it raises is raised there."""
    previous, previous_local = sys.gettrace(), frame.f_trace

    def fire(frame: FrameType, _event: str, _arg: Any) -> Any:
        frame.f_trace, frame.f_trace_opcodes = previous_local, False
        sys.settrace(previous)
        function(frame)

    # By line would be too late: the line after a log call may lie outside the try around it.
    frame.f_trace, frame.f_trace_opcodes = fire, True
    sys.settrace(_trace_nothing)


def _trace_nothing(*_: Any) -> None:
    """Answer that a new frame needs no tracing."""


def guard_child() -> None:
    """Wrap billiard's soft limit handler where it is the one in force: in a prefork child.

    To be called at a task's start, because billiard installs its handler after worker_process_init.
    """
    if not hasattr(signal, "SIGUSR1") or threading.current_thread() is not threading.main_thread():
        return
    handler = getsignal(signal.SIGUSR1)
    if handler is pool.soft_timeout_sighandler:
        signal.signal(signal.SIGUSR1, SoftLimitGuard(handler))


def release_child() -> None:
    """Put billiard's own handler back; undoes guard_child."""
    if not hasattr(signal, "SIGUSR1") or threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGUSR1)
    if isinstance(handler, SoftLimitGuard):
        signal.signal(signal.SIGUSR1, handler.inner)
