"""The Celery application of the lessons: what a worker runs that a lesson has started."""

import json
import os
import time

from celery import Celery
from celery.utils.log import get_task_logger

from celery_syslog import install

__all__ = ["add", "app", "square", "total"]

logger = get_task_logger(__name__)

app = Celery("lessons")
app.conf.update(json.loads(os.environ.get("LESSON_SETTINGS") or "{}"))

install(app)


@app.task(name="lessons.add")
def add(x: int, y: int) -> int:
    """Add two numbers."""
    logger.info("%d + %d", x, y)
    return x + y


@app.task(name="lessons.square")
def square(number: int, seconds: float = 0.0) -> int:
    """Square a number, after waiting for something as long as ``seconds``."""
    time.sleep(seconds)
    logger.info("%d * %d", number, number)
    return number * number


@app.task(name="lessons.total")
def total(numbers: list[int]) -> int:
    """Add up numbers: the end of a chord."""
    logger.info("total of %d numbers", len(numbers))
    return sum(numbers)
