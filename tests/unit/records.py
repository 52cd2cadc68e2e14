"""Records and encoders for the tests of the formatters."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from celery_syslog import context
from celery_syslog.address import parse_address
from celery_syslog.context import TaskContext
from celery_syslog.formatters import Encoder, encoder_for
from celery_syslog.settings import settings_from
from celery_syslog.wire.decode import decode
from celery_syslog.wire.message import Message

__all__ = [
    "FORMS",
    "NAME",
    "PEN",
    "TASK_ID",
    "decoded",
    "encoder",
    "in_task",
    "one",
    "raised",
    "record",
    "task",
]

TASK_ID = "3f2b9c0e-0000-4000-8000-123456789abc"
NAME = "shop.tasks.pay"
PEN = "celery@32473"

#: Every combination of protocol and format there is.
FORMS = [
    {"url": url, "protocol": protocol, "format": form}
    for url in ("/dev/log", "tcp://127.0.0.1:1")
    for protocol in ("rfc3164", "rfc5424")
    for form in (logging.BASIC_FORMAT, "[%(asctime)s] %(message)s", "json", "cee")
]


def record(message: Any = "hello", *values: Any, **attributes: Any) -> logging.LogRecord:
    """A record as a logger makes it; ``attributes`` are set on it, ``extra=`` among them."""
    made = logging.LogRecord("shop.cart", logging.INFO, "/app/shop.py", 7, message, values, None, "add")
    made.__dict__.update(attributes)
    return made


def raised(error: BaseException, cause: BaseException | None = None) -> Any:
    """The exc_info of an exception that was raised, and so has a traceback."""
    try:
        raise error from cause
    except BaseException:
        return sys.exc_info()


def task(**fields: Any) -> TaskContext:
    """The context of a task."""
    return TaskContext(**{"task_id": TASK_ID, "task_name": NAME, **fields})


@contextmanager
def in_task(current: TaskContext | None = None) -> Iterator[TaskContext]:
    """Run a block as if in a task."""
    current = current or task()
    context.set_task_provider(lambda: current)
    try:
        yield current
    finally:
        context.set_task_provider(None)


def encoder(ident: str = "celery", pid: int | None = 42, **settings: Any) -> Encoder:
    """An encoder for settings, by default for the local socket."""
    url = settings.setdefault("url", "/dev/log")
    settings.setdefault("hostname", "web1")
    return encoder_for(settings_from(**settings), parse_address(url), ident, pid)


def decoded(made: logging.LogRecord, **settings: Any) -> list[Message]:
    """The messages a record becomes, decoded strictly."""
    return [decode(data, strict=True) for data in encoder(**settings)(made)]


def one(made: logging.LogRecord, **settings: Any) -> Message:
    """The one message a record becomes."""
    (message,) = decoded(made, **settings)
    return message


def extra(message: Message, pen: str = "32473") -> Mapping[str, str]:
    """The user's fields of a message in structured data."""
    return message.structured_data.get(f"extra@{pen}", {})
