"""A soft limit that arrives inside a log call reaches the code around the call, wherever it stands."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from billiard import pool

from celery_syslog.worker.softlimit import SoftLimitGuard, guard_child, release_child

log = logging.getLogger("tests.softlimit")


class Limit(Exception):
    """What the guarded handler raises, an Exception like billiard's."""


class Alarm:
    """A log argument whose rendering sends this process the signal, once: inside logging for sure."""

    armed = True

    def __str__(self) -> str:
        if self.armed:
            self.armed = False
            os.kill(os.getpid(), signal.SIGUSR1)
            sum(range(100))  # the signal is handled here, still inside logging
        return "text"


class Swallow(logging.Handler):
    """A handler as most are: whatever goes wrong while it formats is caught."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.format(record)
        except Exception:
            pytest.fail("the exception was raised inside logging")


@pytest.fixture(autouse=True)
def guarded() -> Iterator[None]:
    """A guard around a handler that raises, and a logger with a swallowing handler."""

    def inner(signum: int, frame: object) -> None:
        raise Limit

    before = signal.signal(signal.SIGUSR1, SoftLimitGuard(inner))
    handler = Swallow()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield
    log.removeHandler(handler)
    signal.signal(signal.SIGUSR1, before)


def one_line_loop(alarm: Alarm) -> str:
    try:
        while True: log.info("%s", alarm)  # noqa: E701  # fmt: skip
    except Limit:
        return "caught"


def loop(alarm: Alarm) -> str:
    count = 0
    try:
        while count < 100:
            count += 1
            log.info("%s", alarm)
    except Limit:
        return "caught"
    return "swallowed"


def comprehension(alarm: Alarm) -> str:
    try:
        [log.info("%s", alarm) for _ in range(100)]
    except Limit:
        return "caught"
    return "swallowed"


def last_in_try(alarm: Alarm) -> str:
    try:
        log.info("%s", alarm)
    except Limit:
        return "caught"
    return "swallowed"


def before_return(alarm: Alarm) -> str:
    try:
        log.info("%s", alarm)
        return "swallowed"
    except Limit:
        return "caught"


def in_with(alarm: Alarm) -> str:
    try:
        with open(os.devnull):
            log.info("%s", alarm)
    except Limit:
        return "caught"
    return "swallowed"


def in_helper(alarm: Alarm) -> str:
    def helper() -> None:
        return log.info("%s", alarm)

    try:
        helper()
    except Limit:
        return "caught"
    return "swallowed"


def in_generator(alarm: Alarm) -> str:
    def lines() -> Iterator[None]:
        while True:
            yield log.info("%s", alarm)

    try:
        for _, _ in zip(lines(), range(100), strict=False):
            pass
    except Limit:
        return "caught"
    return "swallowed"


def nested(alarm: Alarm) -> str:
    class Chatty:
        def __str__(self) -> str:
            last_in_try(alarm)
            return "chatty"

    try:
        log.info("%s", Chatty())
    except Limit:
        return "caught"
    return "swallowed"


CASES = (
    *(one_line_loop, loop, comprehension, last_in_try, before_return),
    *(in_with, in_helper, in_generator, nested),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_limit_inside_logging_reaches_the_caller(case: Callable[[Alarm], str]) -> None:
    """Whatever the shape of the code around the call, its ``except`` catches the limit."""
    tracer = sys.gettrace()
    assert case(Alarm()) == "caught"
    assert sys.gettrace() in (None, tracer)


def test_limit_outside_logging_is_raised_at_once() -> None:
    """Where nothing would swallow it, the limit is raised exactly where it arrives."""
    with pytest.raises(Limit):
        str(Alarm())


def test_only_billiards_handler_is_wrapped() -> None:
    """Another handler of the signal, such as the main process's stack dump, is left alone."""
    mine = signal.getsignal(signal.SIGUSR1)
    guard_child()
    assert signal.getsignal(signal.SIGUSR1) is mine
    signal.signal(signal.SIGUSR1, pool.soft_timeout_sighandler)
    guard_child()
    guard_child()
    guard = signal.getsignal(signal.SIGUSR1)
    assert isinstance(guard, SoftLimitGuard)
    assert guard.inner is pool.soft_timeout_sighandler
    release_child()
    assert signal.getsignal(signal.SIGUSR1) is pool.soft_timeout_sighandler
