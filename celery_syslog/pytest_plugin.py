"""pytest fixtures: syslog receivers, with logging and streams put back as they were after the test."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from celery_syslog.receiver import SyslogReceiver

__all__ = ["make_syslog_receiver", "syslog_receiver"]

#: Environment variables by which Celery hands its logging set-up to child processes.
_CELERY_PREFIXES = ("CELERY_LOG_", "_MP_FORK_")


@pytest.fixture
def make_syslog_receiver() -> Iterator[Callable[..., SyslogReceiver]]:
    """Make started receivers: call it with the URL and keywords of SyslogReceiver, as often as needed.

    Without a URL the receiver is at a private unix socket (on Windows, a TCP port). After the test
    all are closed, and loggers, standard streams and Celery's once-only logging set-up are put back.
    """
    from celery_syslog.receiver import SyslogReceiver

    def make(url: str = "unix://" if os.name == "posix" else "tcp://127.0.0.1:0", **options: Any) -> Any:
        return receivers.enter_context(SyslogReceiver(url, **options))

    # Handlers are closed while their receivers still listen, so that none waits for a dead one.
    with ExitStack() as receivers, _logging_restored(), _streams_restored(), _celery_restored():
        yield make


@pytest.fixture
def syslog_receiver(
    make_syslog_receiver: Callable[..., SyslogReceiver], request: pytest.FixtureRequest
) -> SyslogReceiver:
    """A started SyslogReceiver; ``parametrize(..., indirect=True)`` gives it a URL."""
    return make_syslog_receiver(*([request.param] if hasattr(request, "param") else []))


def _loggers() -> list[logging.Logger]:
    known = logging.root.manager.loggerDict.values()
    return [logging.root, *(one for one in list(known) if isinstance(one, logging.Logger))]


def _state(logger: logging.Logger) -> tuple[Any, ...]:
    handlers, filters = list(logger.handlers), list(logger.filters)
    return handlers, filters, logger.level, logger.propagate, logger.disabled


@contextmanager
def _logging_restored() -> Iterator[None]:
    """Put back every logger's handlers, filters, level and flags; new loggers lose theirs."""
    before = {logger: _state(logger) for logger in _loggers()}
    disabled = logging.root.manager.disable
    captured = vars(logging).get("_warnings_showwarning") is not None
    try:
        yield
    finally:
        logging.disable(disabled)
        for logger in _loggers():
            _restore(logger, *before.get(logger, ([], [], logging.NOTSET, True, False)))
        logging.captureWarnings(captured)


def _restore(
    logger: logging.Logger,
    handlers: list[logging.Handler],
    filters: list[Any],
    level: int,
    propagate: bool,
    disabled: bool,
) -> None:
    for handler in logger.handlers:
        ours = any(base.__module__.startswith("celery_syslog.") for base in type(handler).__mro__)
        if ours and handler not in handlers:
            handler.close()
    logger.handlers[:] = handlers
    logger.filters[:] = filters
    logger.setLevel(level)
    logger.propagate = propagate
    logger.disabled = disabled


@contextmanager
def _streams_restored() -> Iterator[None]:
    """Put back the standard streams, which Celery and ``install()`` replace."""
    before = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


@contextmanager
def _celery_restored() -> Iterator[None]:
    """Put back the flag by which Celery sets up logging once a process, and what children inherit."""

    def setup_class() -> Any:
        return getattr(sys.modules.get("celery.app.log"), "Logging", None)

    def environment() -> dict[str, str]:
        return {name: text for name, text in os.environ.items() if name.startswith(_CELERY_PREFIXES)}

    done, variables = getattr(setup_class(), "_setup", False), environment()
    try:
        yield
    finally:
        if setup_class() is not None:
            setup_class()._setup = done
        for name in environment().keys() - variables.keys():
            del os.environ[name]
        os.environ.update(variables)
