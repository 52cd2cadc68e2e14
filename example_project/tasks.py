"""The tasks: each logs in one way that tasks log, or ends in one way that tasks end.

What each of them makes appear in syslog is written down in ``expect.py``.
"""

import logging
import os
import signal
import sys
import time
import warnings
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger

from .answers import Answered
from .celery import app

logger = get_task_logger(__name__)
# The worker runs at INFO: that keeps Celery's debug lines out, and must not keep ours out.
logger.setLevel(logging.DEBUG)

#: Any library that logs and has never heard of Celery. Its lines carry the task all the same.
library = logging.getLogger("some.library")


@app.task
def levels() -> None:
    """Log at every level."""
    logger.debug("debug: for the developer")
    logger.info("info: for the record")
    logger.warning("warning: look at this some day")
    logger.error("error: look at this today")
    logger.critical("critical: look at this now")


@app.task
def prints() -> None:
    """Write to stdout and stderr; each line is one record, however many writes made it."""
    print("print:", "three", "pieces", "one", "line")
    print("stderr: a line of its own level", file=sys.stderr)
    for percent in (10, 50, 100):
        print(f"\rprogress: {percent} %", end="")
    print()
    sys.stdout.write("unfinished: no line break, sent at the task's end")


@app.task
def libraries() -> None:
    """Log through a library's logger, and be warned by one."""
    library.info("library: connected")
    library.error("library: lost the connection")
    # Python shows a warning of the same text only once a process, so the text is made unique.
    warnings.warn(f"old ways of calling, seen in {app.current_task.request.id}", stacklevel=1)


@app.task
def texts() -> None:
    """Log what a naive handler garbles, cuts or lets through."""
    logger.info("unicode: Grüße, 你好, שלום, 🐇")
    logger.info("two lines:\n<0>forged: still the same record")
    logger.info("colour: \x1b[31mred\x1b[0m arrives as text")
    logger.info("long: %s :end of long", "over 8 KiB " * 900)


@app.task
def handles() -> None:
    """Log an exception that was dealt with, traceback and all."""
    answers: dict[str, int] = {}
    try:
        answers["life"]
    except KeyError:
        logger.exception("handled: there is no answer")


@app.task
def raises() -> None:
    """Fail: Celery logs the exception and its traceback."""
    raise ValueError("raised and not caught")


@app.task(throws=(LookupError,))
def declares() -> None:
    """Fail as declared in ``throws``: Celery then logs at INFO."""
    raise LookupError("nobody home, as may happen")


@app.task(bind=True, max_retries=2)
def retries(self: Any) -> None:
    """Fail twice and succeed at the third attempt."""
    attempt = self.request.retries + 1
    logger.info("attempt %d of 3", attempt)
    if attempt < 3:
        raise self.retry(exc=ConnectionError("not yet"), countdown=0.1)


@app.task
def add(x: int, y: int) -> int:
    """Add two numbers: the link of the chain, the member of the group and of the chord."""
    logger.info("%d + %d", x, y)
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    """Add up what a chord's members returned."""
    logger.info("%d numbers, total %d", len(numbers), sum(numbers))
    return sum(numbers)


@app.task(base=Answered)
def asked(question: str) -> str:
    """Be asked and answer; on RabbitMQ the answer is a message as well (RPC)."""
    logger.info("asked: %s?", question)
    return question[::-1]


@app.task(soft_time_limit=1)
def slow() -> None:
    """Work past the soft limit, be told and tidy up."""
    logger.info("slow: working")
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        logger.warning("slow: told to stop, tidying up")


@app.task(time_limit=2)
def stuck() -> None:
    """Work past the hard limit: Celery kills the process and starts another."""
    logger.info("stuck: working")
    time.sleep(60)


@app.task
def killed() -> None:
    """Be killed as by the kernel when memory runs out: the line before must not be lost."""
    logger.critical("killed: last words")
    os.kill(os.getpid(), signal.SIGKILL)
