"""Other ways to get a Celery project's lines to syslog, writing the same content as far as they can."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from .cases import Case, Place, Run, logs
from .floor import Floor
from .task import FIELDS

__all__ = ["PEERS", "REFERENCES"]

TASK_TEXT = "[%(levelname)s/%(processName)s] %(task_name)s[%(task_id)s]: %(message)s"


class TaskFields(logging.Filter):
    """Puts the task's fields on each record, as every recipe does for the handlers that follow."""

    def __init__(self, structured: bool = False) -> None:
        super().__init__()
        self.structured = {"celery@32473": {name: str(value) for name, value in FIELDS.items()}}
        self.wanted = structured

    def filter(self, record: logging.LogRecord) -> bool:
        """Write to the record, and let it pass."""
        if self.wanted:
            record.structured_data = self.structured
        else:
            record.__dict__.update(FIELDS)
        return True


def stock(place: Place) -> logging.handlers.SysLogHandler:
    """The standard library's handler."""
    return logging.handlers.SysLogHandler(urlsplit(place.urls["unix"]).path)


def formatted(formatter: Callable[[], logging.Formatter], fields: bool = False) -> Any:
    """SysLogHandler with a formatter, and a filter for the task's fields if asked."""

    def make(place: Place) -> logging.Handler:
        handler = stock(place)
        handler.setFormatter(formatter())
        if fields:
            handler.addFilter(TaskFields())
        return handler

    return make


def basic() -> logging.Formatter:
    """The default format, behind a tag."""
    return logging.Formatter(f"celery[1]: {logging.BASIC_FORMAT}")


def celery_formatter() -> logging.Formatter:
    """Celery's own, which looks up the task for each record."""
    from celery.app.log import TaskFormatter

    return TaskFormatter(f"celery[1]: {TASK_TEXT}", use_color=False)


def in_celery_task(make: Callable[[Place], logging.Handler]) -> Callable[[Place], Run]:
    """Log calls with a task on Celery's stack."""
    return logs(make, task=True)


def queued(place: Place) -> Run:
    """The same handler behind a queue; the work of the listener, in the same process, counts too."""
    lines: queue.Queue[Any] = queue.Queue(-1)
    listener = logging.handlers.QueueListener(lines, formatted(basic)(place))
    listener.start()
    run = logs(lambda _: logging.handlers.QueueHandler(lines))(place)

    def call(count: int) -> None:
        run(count)
        lines.join()  # until all is written

    return call


def rfc5424(place: Place) -> logging.Handler:
    """rfc5424-logging-handler."""
    from rfc5424logging import Rfc5424SysLogHandler

    handler = Rfc5424SysLogHandler(urlsplit(place.urls["unix"]).path, enterprise_id=32473)
    handler.addFilter(TaskFields(structured=True))
    return handler


def tls(place: Place) -> logging.Handler:
    """tlssysloghandler, which frames nothing."""
    import ssl

    from tlssysloghandler import TLSSysLogHandler

    parts = urlsplit(place.urls["tls"])
    context = ssl.create_default_context(cafile=str(place.folder / "ca.pem"))
    import socket

    handler = TLSSysLogHandler((parts.hostname, parts.port), socktype=socket.SOCK_STREAM, secure=context)
    handler.setFormatter(basic())
    return handler


def cee(place: Place) -> logging.Handler:
    """cee-syslog-handler."""
    from cee_syslog_handler import CeeSysLogHandler

    handler = CeeSysLogHandler(urlsplit(place.urls["unix"]).path)
    handler.addFilter(TaskFields())
    return handler


def json_formatter(module: str, name: str) -> Callable[[], logging.Formatter]:
    """One of python-json-logger's formatters."""

    def make() -> logging.Formatter:
        from importlib import import_module

        names = " ".join(
            f"%({name})s" for name in ("asctime", "levelname", "name", "process", "message", *FIELDS)
        )
        formatter: logging.Formatter = getattr(import_module(f"pythonjsonlogger.{module}"), name)(names)
        return formatter

    return make


def structlog(place: Place) -> Run:
    """structlog's recommended chain for JSON, over the standard library's logger."""
    import structlog as peer

    logger = logging.Logger("shop.tasks", logging.INFO)
    handler = stock(place)
    handler.setFormatter(logging.Formatter("celery[1]: %(message)s"))
    logger.addHandler(handler)
    chain = [
        peer.contextvars.merge_contextvars,
        peer.stdlib.add_log_level,
        peer.processors.TimeStamper(fmt="iso"),
        peer.stdlib.PositionalArgumentsFormatter(),
        peer.processors.JSONRenderer(),
    ]
    bound = peer.wrap_logger(logger, processors=chain, wrapper_class=peer.stdlib.BoundLogger)
    peer.contextvars.bind_contextvars(**FIELDS)

    def call(count: int) -> None:
        log = bound.info
        for number in range(count):
            log("adding %s and %s", number, 2)

    return call


def loguru(place: Place) -> Run:
    """loguru with a handler of the standard library's as its sink."""
    from loguru import logger

    logger.remove()
    logger.add(
        stock(place), format="celery[1]: {level}:{name}:{extra[task_name]}[{extra[task_id]}]: {message}"
    )
    bound = logger.bind(**FIELDS)

    def call(count: int) -> None:
        log = bound.info
        for number in range(count):
            log("adding {} and {}", number, 2)

    return call


def without(module: str) -> str:
    """Why a peer is left out, "" if it is there."""
    return "" if find_spec(module) else f"{module} is not installed"


def formats_once(place: Place) -> Run:
    """A traceback formatted into the floor: what no handler that shows one can do without."""
    formatter = logging.Formatter()

    class Formatting(Floor):
        def handle(self, record: logging.LogRecord) -> bool:
            if record.exc_info:
                formatter.formatException(record.exc_info)
            return super().handle(record)

    from .ours import raising

    run: Run = raising(lambda place: Formatting(place.urls["unix"], place.length))(place)
    return run


def threaded_floor(place: Place) -> Run:
    """The floor from eight threads."""
    from .ours import threads

    run: Run = threads(lambda place: Floor(place.urls["udp"], place.length))(place)
    return run


#: What ratios are to, beside the floors.
REFERENCES = [
    Case("traceback, formatted once", "references", formats_once, calls=0.05),
    Case("floor, 8 threads", "references", threaded_floor, "udp"),
]

PEERS = [
    Case("SysLogHandler, BASIC_FORMAT", "peers", logs(formatted(basic))),
    Case("SysLogHandler, Celery's TaskFormatter", "peers", in_celery_task(formatted(celery_formatter))),
    Case("SysLogHandler behind a queue", "peers", queued),
    Case("rfc5424-logging-handler", "peers", logs(rfc5424), missing=without("rfc5424logging")),
    Case("tlssysloghandler", "peers", logs(tls), "tls", missing=without("tlssysloghandler")),
    Case("cee-syslog-handler", "peers", logs(cee), missing=without("cee_syslog_handler")),
    *(
        Case(
            f"python-json-logger, {module}",
            "peers",
            logs(formatted(json_formatter(module, name), fields=True)),
            missing="" if module == "json" else without(module),
        )
        for module, name in (
            ("json", "JsonFormatter"),
            ("orjson", "OrjsonFormatter"),
            ("msgspec", "MsgspecFormatter"),
        )
    ),
    Case("structlog, JSON", "peers", structlog, missing=without("structlog")),
    Case("loguru", "peers", loguru, missing=without("loguru")),
]
