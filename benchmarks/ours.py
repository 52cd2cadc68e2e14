"""The package's own cases: formats, roads, states of the collector, kinds of records."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from celery_syslog import SyslogHandler
from celery_syslog.transports import TRANSPORTS

from .cases import Case, Place, logs

__all__ = ["OURS"]

TEN = {"fields": {"site": "berlin", "release": "2026.11"}}  # with the eight of a task, ten parameters
EXTRA = {"extra": {"order": 4711, "customer": "c-12"}}


def handler(place: Place, scheme: str = "unix", **settings: Any) -> SyslogHandler:
    """A handler for the collector of a scheme."""
    url = place.urls[scheme]
    if scheme == "tls":
        settings["use_ssl"] = {"ca_certs": str(place.folder / "ca.pem")}
    return SyslogHandler(url, **settings)


def sends(scheme: str = "unix", task: bool = True, kwargs: Any = None, **settings: Any) -> Any:
    """Log calls into our handler."""
    return logs(lambda place: handler(place, scheme, **settings), task=task, kwargs=kwargs)


def raising(make: Callable[[Place], logging.Handler]) -> Any:
    """``logger.exception`` ten frames deep."""

    def prepare(place: Place) -> Callable[[int], None]:
        run = logs(make, task=True, kwargs={"exc_info": True})(place)

        def deep(depth: int) -> None:
            if depth:
                deep(depth - 1)
            raise ValueError("no such order")

        def call(count: int) -> None:
            try:
                deep(10)
            except ValueError:
                run(count)

        return call

    return prepare


def printing(place: Place) -> Callable[[int], None]:
    """``print`` in a task, captured."""
    from celery_syslog.worker.streams import LOGGER, install_streams

    sends()(place)
    real = sys.stdout
    logging.getLogger(LOGGER).addHandler(handler(place))
    logging.getLogger(LOGGER).propagate = False
    stream = install_streams(capture_stderr=False) and sys.stdout
    sys.stdout = real

    def call(count: int) -> None:
        for number in range(count):
            print("adding", number, "and", 2, file=stream)

    return call


def stalled(place: Place) -> Callable[[int], None]:
    """A collector that listens and does not read."""
    import socket

    path = str(place.folder / f"stalled-{os.getpid()}")
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    silent.bind(path)
    place.unread = silent  # to keep it open
    return logs(lambda _: SyslogHandler(path, buffer=10_000_000, timeout=0.01), task=True)(place)


def down(**settings: Any) -> Any:
    """No collector there."""

    def make(place: Place) -> logging.Handler:
        if "spool" in settings:
            settings["spool"] = str(place.folder / f"spool-{os.getpid()}")
        return SyslogHandler(str(place.folder / "nobody"), **settings)

    return logs(make, task=True)


def draining(place: Place) -> Callable[[int], None]:
    """What was kept is sent when the collector is back: the cost of each record then."""
    path = place.folder / f"back-{os.getpid()}"  # to a socket that another process reads
    made = SyslogHandler(str(path), buffer=10_000_000)
    run = logs(lambda _: made, task=True)(place)

    def call(count: int) -> None:
        path.unlink(missing_ok=True)
        made.delivery.abandon_connection()
        run(count)
        path.symlink_to(place.reader)
        place.begin()
        made.delivery.flush(60)

    return call


def threads(make: Callable[[Place], logging.Handler], number: int = 8) -> Any:
    """Log calls from several threads at once."""

    def prepare(place: Place) -> Callable[[int], None]:
        run = logs(make, task=False)(place)

        def call(count: int) -> None:
            pool = [threading.Thread(target=run, args=(count // number,)) for _ in range(number)]
            for thread in pool:
                thread.start()
            for thread in pool:
                thread.join()

        return call

    return prepare


def absent(scheme: str) -> str:
    """Why a road is left out, "" if this version has it."""
    return "" if scheme in TRANSPORTS else f"this version has no {scheme}://"


def roads() -> list[Case]:
    """RFC 5424 over every network road this version has."""
    cases = []
    for scheme in ("udp", "tcp", "tls", "relp"):
        goal = {"tcp": 1.35, "tls": 1.9}.get(scheme)
        name = f"RFC 5424 over {scheme.upper()}"
        cases.append(Case(name, "roads", sends(scheme), scheme, goal=goal, missing=absent(scheme)))
    native = sends("journald")
    cases.append(Case("journald's own protocol", "roads", native, missing=absent("journald")))
    return cases


OURS: list[Case] = [
    Case("RFC 3164 text, outside a task", "formats", sends(task=False)),
    Case("RFC 3164 text, in a task", "formats", sends(), goal=1.25),
    Case("RFC 5424, ten parameters", "formats", sends(protocol="rfc5424", **TEN), goal=1.30),
    Case("JSON, in a task", "formats", sends(format="json"), goal=1.6),
    Case("JSON, outside a task", "formats", sends(format="json", task=False)),
    Case("CEE, in a task", "formats", sends(format="cee")),
    Case("RFC 5424 with extra=", "records", sends(protocol="rfc5424", kwargs=EXTRA)),
    Case("JSON with extra=", "records", sends(format="json", kwargs=EXTRA)),
    Case("traceback, RFC 3164", "records", raising(handler), calls=0.05, versus="traceback, formatted once"),
    Case(
        "traceback, JSON",
        "records",
        raising(lambda place: handler(place, format="json")),
        calls=0.05,
        versus="traceback, formatted once",
    ),
    Case("print, RFC 3164", "records", printing),
    *roads(),
    Case("stalled", "states", stalled, burst=1000, goal=1.0),
    Case("down, buffer", "states", down(buffer=10_000_000), burst=1000, goal=1.0),
    Case("down, buffer full", "states", down(buffer=1000), burst=1000, goal=1.0),
    Case("down, spool", "states", down(spool="", spool_size=1 << 30), burst=1000, goal=1.0),
    Case("draining after", "states", draining, burst=1000),
    Case(
        "8 threads, UDP",
        "states",
        threads(lambda place: handler(place, "udp")),
        "udp",
        versus="floor, 8 threads",
        missing=absent("udp"),
    ),
]
