"""The lines shown on the format page are what the encoder writes for the record they describe."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from celery_syslog import context
from celery_syslog.address import parse_address
from celery_syslog.context import TaskContext
from celery_syslog.formatters import encoder_for
from celery_syslog.settings import settings_from

PAGE = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
BLOCKS = re.findall(r"```\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def in_a_task(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The task and the time zone of the page's example."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    task = TaskContext(task_id="3f2b9c0e…", task_name="shop.pay", queue="mail")
    context.set_task_provider(lambda: task)
    yield
    context.set_task_provider(None)
    monkeypatch.undo()
    time.tzset()


def record(message: str, *args: object) -> logging.LogRecord:
    """The record of the example."""
    made = logging.LogRecord("shop.cart", logging.INFO, __file__, 1, message, args, None)
    made.created = datetime.fromisoformat("2026-11-03T12:00:00.25+01:00").timestamp()
    return made


def encoded(url: str, made: logging.LogRecord) -> str:
    """What is sent for a record."""
    encode = encoder_for(settings_from(url=url, hostname="web1"), parse_address(url), "celery", 4242)
    (message,) = encode(made)
    return message.decode()


def test_both_protocols_are_shown_as_they_are() -> None:
    """The two lines at the top are those of a unix socket and of a network collector."""
    local, network = BLOCKS[0].splitlines()
    assert encoded("/dev/log", record("paid %d orders", 3)) == local
    assert encoded("memory://network", record("paid %d orders", 3)) == network


def test_arguments_that_do_not_fit_are_shown() -> None:
    """The page's example of a message whose arguments do not fit it is true."""
    assert encoded("/dev/log", record("%d items", "x")).endswith(BLOCKS[1].strip())


def test_python_samples_run() -> None:
    """bind and carry are used as the page uses them, inside a task."""
    import threading

    from celery_syslog import bind

    def work() -> None:
        assert context.bound() == {"order": 7}

    samples = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {"threading": threading, "work": work, "bind": bind, "logger": logging.getLogger("shop")}
    with bind(order=7):
        for sample in samples:
            exec(sample, names)
