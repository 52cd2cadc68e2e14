"""The short way for ordinary records: a message put together from pieces that were rendered before.

What comes before and after the message recurs for a task, level and logger. It is kept with the
second it belongs to, so an ordinary record costs a look-up, its message and a joining of bytes. The
long way, ``Encoder._encode``, gives the same bytes for any record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import copy
from operator import attrgetter
from typing import Any

from .. import context
from ..address import Address
from ..context import TaskContext, bound, carried_task
from ..events import LOGGERS
from ..settings import Settings
from ..wire.escape import CONTROLS, CONTROLS_BUT_LF, escape
from .body import TextWriter
from .encoder import Encoder
from .header import Header5424, Second
from .journal import JournalEncoder
from .record import pass_on

__all__ = ["QuickEncoder", "encoder_for"]

# Pieces kept at a time; a format that names the line number has some for each log call.
_LIMIT = 1024

_RECORD_SIZE = len(logging.makeLogRecord({}).__dict__)


class Pieces:
    """What recurs of a message.

    RFC 3164: ``start``, the message, ``after``. RFC 5424: ``start``, microseconds, ``rest``, the message,
    ``after``; ``rest`` is made of ``lead`` (up to MSGID), structured data, a space and ``before``.
    """

    __slots__ = ("after", "before", "lead", "ours", "rest", "start")

    def __init__(self, lead: bytes, ours: bytes, theirs: bytes, before: bytes, after: bytes) -> None:
        self.start = b""
        self.lead = lead
        self.ours = ours
        self.rest = b"%b%b %b" % (lead, ours + theirs or b"-", before)
        self.before = before
        self.after = after

    def starting(self, start: bytes) -> Pieces:
        """Return the same pieces with another start."""
        pieces = copy(self)
        pieces.start = start
        return pieces


class QuickEncoder(Encoder):
    """An encoder of text that recurs but for the message."""

    def __init__(self, settings: Settings, address: Address, ident: str, pid: int | None = None) -> None:
        super().__init__(settings, address, ident, pid)
        names = {name for writer in self._text_writers() for name in writer.form.names}
        others = sorted(names - {"levelno", "levelname", "name"})
        self._others: Callable[[logging.LogRecord], Any] | None = attrgetter(*others) if others else None
        self._structured = isinstance(self._header, Header5424)
        self._split = settings.multiline == "split"
        self._keep = settings.multiline == "keep"
        self._controls = CONTROLS_BUT_LF if self._keep else CONTROLS
        self._outside = TaskContext()

    def __call__(self, record: logging.LogRecord) -> Sequence[bytes]:
        """Return the finished messages of a record."""
        # Every task's every line comes through here, so what could be calls is written out.
        try:
            task = context.current_task() or carried_task()
            if record.exc_info or record.exc_text or record.stack_info or record.name in LOGGERS:
                return self._encode(record, task)
            if self.formatter is not None:
                return self._encode(record, task)
            second = self._header.second
            created = record.created
            if not second.start <= created < second.end:
                second = self._header.tick(created)
            key: tuple[Any, ...] = (task, record.levelno, record.levelname, record.name)
            if self._others is not None:
                key += (self._others(record),)
            pieces: Pieces | None = second.pieces.get(key)
            if pieces is None:
                pieces = self._pieces(second, record, key)
            text = record.getMessage()
            if self._split and ("\n" in text or "\r" in text):
                return self._encode(record, task)
            body = text.encode() if text.isascii() else escape(text, self._keep)
            if len(body.translate(None, self._controls)) != len(body):
                body = escape(text, self._keep)
            if not self._structured:
                message = pieces.start + body + pieces.after
            else:
                micros = int((created - second.start) * 1e6 + 0.5)
                rest = pieces.rest
                if second.traced or len(record.__dict__) != _RECORD_SIZE or bound():
                    if second.traced or "syslog_event" in record.__dict__:
                        return self._encode(record, task)
                    rest = self._rest(pieces, record, task)
                stamp = micros if micros < 1000000 else 999999
                message = b"%b%06d%b%b%b" % (pieces.start, stamp, rest, body, pieces.after)
            return (message,) if len(message) <= self.max_size else self._encode(record, task)
        except Exception as error:
            pass_on(error)
            return super().__call__(record)

    def _rest(self, pieces: Pieces, record: logging.LogRecord, task: TaskContext | None) -> bytes:
        """Return ``rest`` with the fields of this one record."""
        theirs = self._header.sd.theirs(self._collector.user_fields(record, task))
        return b"%b%b %b" % (pieces.lead, pieces.ours + theirs or b"-", pieces.before)

    def _pieces(self, second: Second, record: logging.LogRecord, key: tuple[Any, ...]) -> Pieces:
        """Return the pieces for a task and call, from the task's own if they were rendered before."""
        task: TaskContext | None = key[0]
        cache = (task or self._outside).cache.setdefault(self._header.era, {})
        pieces: Pieces | None = cache.get(key[1:])
        if pieces is None:
            if len(cache) >= _LIMIT:
                cache.clear()
            pieces = cache[key[1:]] = self._render(record, task)
        head = second.heads.get(record.levelno) or self._header.head(second, record.levelno)
        if len(second.pieces) >= _LIMIT:
            second.pieces.clear()
        started = pieces.starting(head if self._structured else head + pieces.before)
        second.pieces[key] = started
        return started

    def _render(self, record: logging.LogRecord, task: TaskContext | None) -> Pieces:
        facts = self._collector.collect(record, task)
        before, after = (
            escape(text, self._keep) for text in self._text_writers()[task is not None].ends(facts)
        )
        sd = self._header.sd
        theirs = sd.theirs(self._collector.static)
        return Pieces(self._header.lead(facts), sd.ours(facts), theirs, before, after)

    def _text_writers(self) -> list[TextWriter]:
        return [writer for writer in self._writers if isinstance(writer, TextWriter)]


def encoder_for(settings: Settings, address: Address, ident: str, pid: int | None = None) -> Encoder:
    """Return the encoder for what ``settings`` ask and the collector at ``address`` takes.

    ``ident`` comes with its fields filled in. ``pid`` is this process's unless given.
    """
    if address.scheme == "journald":
        return JournalEncoder(settings, address, ident, pid)
    encoder = Encoder(settings, address, ident, pid)
    return QuickEncoder(settings, address, ident, pid) if encoder.recurring else encoder
