"""The header of a message, with everything rendered once that recurs: by second, level and task."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import Any

from ..address import Address
from ..settings import Settings
from ..wire.codes import severity_of_level
from ..wire.rfc3164 import clean_host, clean_tag
from ..wire.rfc5424 import clean
from ..wire.times import MONTHS
from .facts import Facts
from .sdata import StructuredData

__all__ = ["Header", "Header3164", "Header5424", "header_for"]

_get_message = logging.LogRecord.getMessage


class Second:
    """One second of local time: its texts, and what was rendered for it.

    ``heads`` are starts of headers by level, ``pieces`` those of whole messages; ``traced`` tells
    whether OpenTelemetry is in use, ``stock`` that nobody has replaced how a record makes its message.
    """

    __slots__ = ("bsd", "end", "heads", "iso", "pieces", "start", "stock", "traced", "zone")

    def __init__(self, created: float) -> None:
        self.start = created // 1
        self.end = self.start + 1
        self.heads: dict[int, bytes] = {}
        self.pieces: dict[Any, Any] = {}
        self.traced = "opentelemetry.trace" in sys.modules
        self.stock = logging.LogRecord.getMessage is _get_message
        moment = time.localtime(self.start)
        minutes = (moment.tm_gmtoff or 0) // 60
        sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
        clock = f"{moment.tm_hour:02}:{moment.tm_min:02}:{moment.tm_sec:02}"
        self.bsd = f"{MONTHS[moment.tm_mon - 1]} {moment.tm_mday:2} {clock}"
        self.iso = f"{moment.tm_year:04}-{moment.tm_mon:02}-{moment.tm_mday:02}T{clock}"
        self.zone = f"{sign}{minutes // 60:02}:{minutes % 60:02}" if minutes else "Z"


class Header:
    """The header of one collector's messages from one process.

    ``second`` may be read by any thread: it is only ever replaced whole. ``era`` is replaced when
    anything in the recurring parts changes, so what is cached under it is never stale.
    """

    def __init__(self, settings: Settings, address: Address, ident: str, pid: int) -> None:
        host = settings.hostname or _node()
        self.host = "" if address.scheme == "unix" else host
        self.full_host = host
        self._facility = settings.facility
        self.severity = severity_of_level(settings.levels)
        self.sd = StructuredData(settings.enterprise_id)
        self.rename(ident, pid)

    def rename(self, ident: str, pid: int) -> None:
        """Change the ident and process id."""
        self.ident = ident
        self.pid = pid
        self.sender = f"{clean(self.full_host, 'HOSTNAME')} {clean(ident, 'APP-NAME')} {pid}"
        self.second = Second(0.0)
        self.era = object()

    def tick(self, created: float) -> Second:
        """Return the second that a time lies in, and keep it for those that follow."""
        second = Second(created)
        if second.zone != self.second.zone:
            self.era = object()
        self.second = second
        return second

    def at(self, created: float) -> Second:
        """Return the second that a time lies in."""
        second = self.second
        return second if second.start <= created < second.end else self.tick(created)

    def head(self, second: Second, levelno: int) -> bytes:
        """Return the start of the header, which depends on second and level only."""
        priority = self._facility * 8 + self.severity(levelno)
        head = second.heads[levelno] = self._head(priority, second)
        return head

    def _head(self, priority: int, second: Second) -> bytes:
        raise NotImplementedError

    def full(self, facts: Facts, part: str = "", limit: int | None = None) -> bytes:
        """Return all before the message; ``part`` as in ``2/5``, ``limit`` bytes of structured data."""
        raise NotImplementedError

    def lead(self, facts: Facts) -> bytes:  # noqa: ARG002 - RFC 3164 has no such thing
        """Return what stands between the microseconds and the structured data; of RFC 3164, nothing."""
        return b""


class Header3164(Header):
    """``<PRI>Mmm dd hh:mm:ss [HOSTNAME ]TAG[pid]: ``, without HOSTNAME on a local socket."""

    def _head(self, priority: int, second: Second) -> bytes:
        host = f"{clean_host(self.host)} " if self.host else ""
        return f"<{priority}>{second.bsd} {host}{clean_tag(self.ident)}[{self.pid}]: ".encode()

    def full(self, facts: Facts, part: str = "", limit: int | None = None) -> bytes:  # noqa: ARG002
        """Return the header; it has no place for ``part``, which the body tells."""
        second = self.at(facts.record.created)
        return second.heads.get(facts.record.levelno) or self.head(second, facts.record.levelno)


class Header5424(Header):
    """``<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID SD``: head, microseconds and tail."""

    def _head(self, priority: int, second: Second) -> bytes:
        return f"<{priority}>1 {second.iso}.".encode()

    def lead(self, facts: Facts) -> bytes:
        """Return what stands between the microseconds and the structured data."""
        event = clean(facts.event, "MSGID") if facts.event else "-"
        return f"{self.at(facts.record.created).zone} {self.sender} {event} ".encode()

    def full(self, facts: Facts, part: str = "", limit: int | None = None) -> bytes:
        """Return the header with its structured data."""
        created = facts.record.created
        second = self.at(created)
        head = second.heads.get(facts.record.levelno) or self.head(second, facts.record.levelno)
        stamp = microseconds(created, second.start)
        return b"%b%06d%b%b " % (head, stamp, self.lead(facts), self.sd.render(facts, part, limit))


def microseconds(created: float, start: float) -> int:
    """Return the microseconds of a time since the start of its second, rounded."""
    found = int((created - start) * 1e6 + 0.5)
    return found if found < 1000000 else 999999


def iso_of(created: float, second: Second) -> str:
    """Return a time in ISO 8601, to the microsecond."""
    return f"{second.iso}.{microseconds(created, second.start):06}{second.zone}"


def _node() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    return os.environ.get("COMPUTERNAME", "")


def header_for(settings: Settings, address: Address, ident: str, pid: int) -> Header:
    """Return the header of the protocol that the settings ask for, or that the address calls for."""
    local = address.scheme == "unix"
    protocol = settings.protocol if settings.protocol != "auto" else "rfc3164" if local else "rfc5424"
    return (Header3164 if protocol == "rfc3164" else Header5424)(settings, address, ident, pid)
