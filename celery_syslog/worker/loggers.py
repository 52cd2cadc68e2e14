"""Putting the handler on the loggers that Celery's lines end at, each line reaching it once.

Celery's graph (celery/app/log.py): the root takes library and ``celery`` records; ``celery.task`` and
billiard's ``multiprocessing`` do not propagate and so need the handler too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from celery.utils.log import ColorFormatter, get_multiprocessing_logger

__all__ = ["attach", "detach", "reaches", "remove_console", "restore_console"]

Console = list[tuple[logging.Logger, logging.Handler]]


def _candidates() -> Iterator[logging.Logger]:
    """The root first, then every logger that keeps its records to itself and shows them somewhere."""
    yield logging.getLogger()
    yield logging.getLogger("celery.task")
    yield get_multiprocessing_logger()
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if not isinstance(logger, logging.Logger) or logger.propagate:
            continue
        if any(not isinstance(handler, logging.NullHandler) for handler in logger.handlers):
            yield logger


def attach(handler: logging.Handler) -> None:
    """Add the handler wherever records would otherwise not reach it; calling it again adds nothing."""
    multiprocessing = get_multiprocessing_logger()
    if multiprocessing.level == logging.NOTSET:
        # What Celery does when it sets up logging itself; unset, the level would be the root's, and
        # billiard's own chatter about each process would pass.
        multiprocessing.setLevel(logging.ERROR)
    for logger in _candidates():
        if not reaches(logger.name, handler):
            logger.addHandler(handler)


def detach(handler: logging.Handler) -> None:
    """Take the handler off every logger."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            logger.removeHandler(handler)


def reaches(name: str, handler: logging.Handler) -> bool:
    """Tell whether a record of the named logger comes to the handler (logging's own propagation)."""
    logger: logging.Logger | None = logging.getLogger(name)
    while logger is not None:
        if handler in logger.handlers:
            return True
        logger = logger.parent if logger.propagate else None
    return False


def remove_console() -> Console:
    """Take Celery's own console and file handlers away; return them for restore_console.

    They are known by their formatter: Celery gives a ColorFormatter to every handler it makes.
    """
    removed = []
    for logger in _candidates():
        for handler in list(logger.handlers):
            if isinstance(handler.formatter, ColorFormatter):
                logger.removeHandler(handler)
                removed.append((logger, handler))
    return removed


def restore_console(removed: Console) -> None:
    """Put back what remove_console took."""
    for logger, handler in removed:
        logger.addHandler(handler)
