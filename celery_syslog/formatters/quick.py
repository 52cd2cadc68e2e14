"""The short way for ordinary records: a message put together from pieces that were rendered before.

What comes before and after the message recurs for a task, level and logger. It is kept with the
second it belongs to, so an ordinary record costs a look-up, its message and a joining of bytes. The
long way, ``Encoder._encode``, gives the same bytes for any record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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
from .facts import Facts
from .header import Header5424, Second
from .journal import JournalEncoder
from .pieces import Pieces, Recurring, literal
from .record import pass_on

__all__ = ["QuickEncoder", "encoder_for"]

# Pieces kept at a time; a format that names the line number has some for each log call.
_LIMIT = 1024

_RECORD_SIZE = len(logging.makeLogRecord({}).__dict__)


class QuickEncoder(Encoder):
    """An encoder of messages that recur but for the text, the time and the user's fields."""

    def __init__(self, settings: Settings, address: Address, ident: str, pid: int | None = None) -> None:
        super().__init__(settings, address, ident, pid)
        texts = [writer for writer in self._writers if isinstance(writer, TextWriter)]
        names = {name for writer in texts for name in writer.form.names}
        others = sorted(names - {"levelno", "levelname", "name"})
        self._others: Callable[[logging.LogRecord], Any] | None = attrgetter(*others) if others else None
        self._structured = isinstance(self._header, Header5424)
        # Only RFC 3164 with plain text has no place for the user's fields.
        self._fielded = self._structured or len(texts) < len(self._writers)
        self._split = settings.multiline == "split"
        self._keep = settings.multiline == "keep"
        self._controls = CONTROLS_BUT_LF if self._keep else CONTROLS
        self._outside = TaskContext()

    def quick(self, record: logging.LogRecord) -> bytes | None:
        """Return the finished message of an ordinary record, None for any other."""
        # Every task's every line comes through here, so what could be calls is written out.
        try:
            if record.exc_info or record.exc_text or record.stack_info:
                return None
            task = context.current_task() or carried_task()
            second = self._header.second
            created = record.created
            if created >= second.end or created < second.start:
                second = self._header.tick(created)
            key: tuple[Any, ...] = (task, record.name, record.levelno, record.levelname)
            if self._others is not None:
                key += (self._others(record),)
            fielded = self._fielded and (len(record.__dict__) != _RECORD_SIZE or bound())
            if fielded:
                if "otelTraceID" in record.__dict__:
                    return None
                key += (record.__dict__.get("syslog_event"),)
            pieces: Pieces | None = second.pieces.get(key) or self._pieces(second, record, key)
            if pieces is None:
                return None
            text = record.msg
            if not second.stock or type(text) is not str or type(record) is not logging.LogRecord:
                text = record.getMessage()
            elif record.args:
                text %= record.args
            json = pieces.json
            if json is not None:
                body = json.quote(text)
            else:
                body = text.encode()
                if len(body.translate(None, self._controls)) != len(body) or not (
                    len(body) == len(text) or text.isprintable()
                ):
                    if self._split and ("\n" in text or "\r" in text):
                        return None
                    body = escape(text, self._keep)
            form = pieces.form
            if form is None:
                message = pieces.start + body + pieces.after
            else:
                stamp = int((created - second.start) * 1e6 + 0.5)
                if stamp > 999999:
                    stamp = 999999
                fields = self._fields(record, pieces, task) if fielded else pieces.fields
                if json is None:
                    message = form % (stamp, fields, body)
                else:
                    message = form % (
                        (stamp, stamp, body, fields) if self._structured else (stamp, body, fields)
                    )
            return message if len(message) <= self.max_size else None
        except Exception as error:
            pass_on(error)
            return None

    def _fields(self, record: logging.LogRecord, pieces: Pieces, task: TaskContext | None) -> bytes:
        """Return the user's fields of one record as they stand in its message."""
        fields = self._collector.user_fields(record, task)
        return pieces.json.members(fields) if pieces.json else self._header.sd.theirs(fields) or pieces.fields

    def _pieces(self, second: Second, record: logging.LogRecord, key: tuple[Any, ...]) -> Pieces | None:
        """Return the pieces for a task and call, from the task's own if they were rendered before.

        None for records that are not ordinary, whatever they say.
        """
        if record.name in LOGGERS or self.formatter is not None or (second.traced and self._fielded):
            return None
        task: TaskContext | None = key[0]
        cache = (task or self._outside).cache.setdefault(self._header.era, {})
        recurring: Recurring | None = cache.get(key[1:])
        if recurring is None:
            if len(cache) >= _LIMIT:
                cache.clear()
            recurring = cache[key[1:]] = self._recurring(record, task)
        head = second.heads.get(record.levelno) or self._header.head(second, record.levelno)
        if len(second.pieces) >= _LIMIT:
            second.pieces.clear()
        pieces = second.pieces[key] = Pieces(recurring, head, self._structured, second.iso)
        return pieces

    def _recurring(self, record: logging.LogRecord, task: TaskContext | None) -> Recurring:
        facts = Facts(record, task, record.__dict__.get("syslog_event") if self._fielded else None)
        facts.task_fields = self._collector.task_fields(task)
        writer, static = self._writers[task is not None], self._collector.static
        before, after = writer.ends(facts)
        lead = self._header.lead(facts)
        ours = self._header.sd.ours(facts) if self._structured else b""
        if isinstance(writer, TextWriter):
            if not self._structured:
                return Recurring(before, after)
            rest = b"%b%%b %b%%b%b" % (literal(lead + ours), literal(before), literal(after))
            return Recurring(b"", rest, self._header.sd.theirs(static) or (b"" if ours else b"-"))
        lead += b"%b " % (ours or b"-") if self._structured else b""
        rest = b"%b%%b%b%%b}" % (literal(before), literal(after))
        return Recurring(literal(lead + writer.opening), rest, writer.members(static), writer)


def encoder_for(settings: Settings, address: Address, ident: str, pid: int | None = None) -> Encoder:
    """Return the encoder for what ``settings`` ask and the collector at ``address`` takes.

    ``ident`` comes with its fields filled in. ``pid`` is this process's unless given.
    """
    if address.scheme == "journald":
        return JournalEncoder(settings, address, ident, pid)
    encoder = Encoder(settings, address, ident, pid)
    return QuickEncoder(settings, address, ident, pid) if encoder.recurring else encoder
