"""Logging set up as a worker does it, and what that leaves of other people's handlers and ours.

This happens in the process of the check, which ends soon: receivers of Celery's logging signals run.
"""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Iterator
from typing import Any

from celery import signals

from celery_syslog.worker import loggers
from celery_syslog.worker.config import Configuration
from celery_syslog.worker.wiring import Installation

from .findings import FAULT, NOTE, OK, WARNING, Finding

__all__ = ["logging_findings"]

#: Where a worker's lines begin; each has to lead to our handler.
_LINES = (
    ("", "libraries"),
    ("celery", "Celery"),
    ("celery.app.trace", "Celery's lines about tasks"),
    ("celery.redirected", "print and stderr"),
    ("celery.task", "get_task_logger"),
    ("multiprocessing", "the pool"),
)


def logging_findings(app: Any, installation: Installation, configuration: Configuration) -> Iterator[Finding]:
    """Set up logging for real and yield what is odd about the result."""
    yield from _receivers()
    before = list(logging.getLogger().handlers)
    try:
        app.set_current()
        app.log.setup(logging.INFO, redirect_stdouts=False)
        installation.reported = configuration.report()  # told above, as findings
        handler = installation.set_up()
    except Exception as error:
        text = f"setting it up failed: {type(error).__name__}: {error}"
        yield Finding(FAULT, "logging", text, "a worker would fail in the same way: mend the receiver named")
        return
    yield from _root(app.conf.worker_hijack_root_logger, before)
    yield from _old_recipe()
    if handler is not None:
        yield from _reached(handler)


def _receivers() -> Iterator[Finding]:
    found = [getattr(one, "__qualname__", str(one)) for one in signals.setup_logging._live_receivers(None)]
    if found:
        text = (
            f"the receiver {', '.join(found)} replaces Celery's set-up: --loglevel and --logfile mean nothing"
        )
        fix = "let it set the root logger's level, and leave existing loggers enabled"
        yield Finding(NOTE, "setup_logging", text, fix)


def _root(hijack: bool, before: list[logging.Handler]) -> Iterator[Finding]:
    root = logging.getLogger()
    names = ", ".join(type(handler).__name__ for handler in before)
    if before and not hijack and not signals.setup_logging.receivers:
        text = f"it is off and the root logger has {names}: Celery adds no console or log file of its own"
        yield Finding(NOTE, "worker_hijack_root_logger", text, "remove that handler to get Celery's back")
    elif lost := [handler for handler in before if handler not in root.handlers]:
        names = ", ".join(type(handler).__name__ for handler in lost)
        text = f"Celery takes {names} off the root logger when it sets up logging"
        yield Finding(NOTE, "root logger", text, "worker_hijack_root_logger = False keeps it")
    if root.getEffectiveLevel() > logging.INFO:
        name = logging.getLevelName(root.level)
        fix = "logging.getLogger().setLevel('INFO') in the setup_logging receiver"
        yield Finding(
            WARNING, "root logger", f"its level is {name}: INFO lines of libraries and Celery are lost", fix
        )


def _all_loggers() -> Iterator[tuple[str, logging.Logger]]:
    yield "root", logging.getLogger()
    for name, logger in sorted(logging.Logger.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            yield name, logger


def _old_recipe() -> Iterator[Finding]:
    for name, logger in _all_loggers():
        for handler in logger.handlers:
            if isinstance(handler, logging.handlers.SysLogHandler):
                text = "it still has a SysLogHandler: lines arrive twice, and it may stall a task"
                yield Finding(WARNING, f"logger {name}", text, "remove it: celery_syslog sends these lines")
            elif type(handler) is logging.StreamHandler and name not in (
                "root",
                "celery.task",
                "multiprocessing",
            ):
                text = (
                    "it has a StreamHandler of its own: on the console its lines appear twice, in syslog once"
                )
                if logger.propagate:
                    yield Finding(
                        NOTE, f"logger {name}", text, "remove that handler, or set propagate = False"
                    )


def _reached(handler: logging.Handler) -> Iterator[Finding]:
    missed = False
    for name, what in _LINES:
        if not loggers.reaches(name, handler):
            missed = True
            text = f"its lines ({what}) do not reach syslog"
            fix = "look for propagate = False there or above"
            yield Finding(FAULT, f"logger {name or 'root'}", text, fix)
        elif logging.getLogger(name).disabled:
            missed = True
            text = f"it is disabled, so its lines ({what}) are lost everywhere"
            fix = "'disable_existing_loggers': False in your dictConfig"
            yield Finding(FAULT, f"logger {name}", text, fix)
    if not missed:
        yield Finding(
            OK, "logging", "every line of a worker reaches syslog: " + ", ".join(w for _, w in _LINES)
        )
