"""The encoder: a LogRecord in, finished messages out, with everything that recurs rendered once."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import context
from ..address import Address
from ..context import TaskContext, carried_task
from ..settings import Settings
from ..wire.escape import escape
from ..wire.parts import head_of
from .body import Body, FormatterWriter, TextBody, TextWriter, Writer
from .facts import Collector, Facts
from .header import Header, header_for
from .record import pass_on, safe_repr, safe_str
from .text import TextFormat, task_format_of

if TYPE_CHECKING:
    from .jsonbody import JsonWriter

__all__ = ["MAX_SIZES", "Encoder"]

#: Bytes a message by URL scheme; every other transport is a stream. journald's own bound is that of a field.
MAX_SIZES = {"unix": 8192, "udp": 2048, "journald": 768 << 20}
STREAM_SIZE = 65536

_encoders: weakref.WeakSet[Encoder] = weakref.WeakSet()


def _after_fork() -> None:
    pid = os.getpid()
    for encoder in list(_encoders):
        encoder.pid = pid


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Encoder:
    """Turns a record into the messages to send, unframed: one, or more where it is split.

    Calling it raises for no record and writes to none. Any thread may call it at any time.
    """

    def __init__(self, settings: Settings, address: Address, ident: str, pid: int | None = None) -> None:
        #: Bytes a message may have.
        self.max_size = settings.max_size or MAX_SIZES.get(address.scheme, STREAM_SIZE)
        self._settings = settings
        self._header = self._make_header(address, ident, os.getpid() if pid is None else pid)
        self._collector = Collector(settings)
        named = settings.task_format
        if named is None:
            named = task_format_of(settings.format) if settings.context else settings.format
        self._writers = (self._writer(settings.format), self._writer(named))
        self._formatter: logging.Formatter | None = None
        _encoders.add(self)

    def _make_header(self, address: Address, ident: str, pid: int) -> Header:
        return header_for(self._settings, address, ident, pid)

    @property
    def formatter(self) -> logging.Formatter | None:
        """Writes the message part instead of the settings' format."""
        return self._formatter

    @formatter.setter
    def formatter(self, formatter: logging.Formatter | None) -> None:
        self._formatter = formatter
        self.pid = self.pid  # what was rendered before is forgotten

    @property
    def ident(self) -> str:
        """APP-NAME or tag."""
        return self._header.ident

    @ident.setter
    def ident(self, ident: str) -> None:
        self._header.rename(ident, self._header.pid)

    @property
    def pid(self) -> int:
        """The process id in PROCID or the tag; read again after a fork."""
        return self._header.pid

    @pid.setter
    def pid(self, pid: int) -> None:
        self._header.rename(self._header.ident, pid)

    @property
    def recurring(self) -> bool:
        """Whether all text but the message recurs, and no redaction has to look at every record."""
        return all(writer.recurring for writer in self._writers) and self._collector.redactor is None

    def __call__(self, record: logging.LogRecord) -> Sequence[bytes]:
        """Return the finished messages of a record."""
        message = self.quick(record)
        return self.slow(record) if message is None else (message,)

    def quick(self, record: logging.LogRecord) -> bytes | None:  # noqa: ARG002 - for subclasses
        """Return the finished message of a record, None when that takes the long way."""
        return None

    def slow(self, record: logging.LogRecord) -> Sequence[bytes]:
        """Return the finished messages of any record, the long way."""
        try:
            return self._encode(record, context.current_task() or carried_task())
        except Exception as error:
            pass_on(error)
            return self._last_resort(record, error)

    def _encode(self, record: logging.LogRecord, task: TaskContext | None) -> list[bytes]:
        facts = self._collector.collect(record, task)
        bodies = self._bodies(facts, self._writers[task is not None])
        head = self._header.full(facts)
        messages: list[bytes] = []
        for body in bodies:
            if len(head) + len(body.data) <= self.max_size:
                messages.append(head + body.data)
            else:
                messages += self._oversize(facts, body)
        return messages

    def _bodies(self, facts: Facts, writer: Writer) -> list[Body]:
        if self.formatter is None:
            bodies = writer.write(facts)
            if writer.tells_extra:
                facts.extra = {}  # so that the header need not tell it again
            return bodies
        try:
            return FormatterWriter(self.formatter, self._settings, self._collector.redactor).write(facts)
        except Exception as error:
            pass_on(error)
            facts.message += f" (the formatter failed: {type(error).__name__}: {safe_str(error)})"
            return writer.write(facts)

    def _oversize(self, facts: Facts, body: Body) -> list[bytes]:
        """Cut a message that is too long, into parts or short.

        At most a third of each part is structured data.
        """
        limit = self.max_size // 3
        if self._settings.oversize == "truncate":
            head = self._header.full(facts, limit=limit)
            return [head + body.truncated(self.max_size - len(head))]
        digits = 1
        while True:
            label = f"{'0' * digits}/{'0' * digits}"
            head = self._header.full(facts, label, limit)
            chunks = body.chunks(self.max_size - len(head), label)
            count = len(chunks)
            if len(str(count)) <= digits:
                break
            digits = len(str(count))
        before, found, after = head.partition(b'part="%b"' % label.encode())
        messages = []
        for number, chunk in enumerate(chunks, 1):
            part = f"{number}/{count}"
            own = b'%bpart="%b"%b' % (before, part.encode(), after) if found else head
            messages.append(own + body.part(part, chunk))
        return messages

    def _writer(self, text: str) -> TextWriter | JsonWriter:
        if text in ("json", "cee"):
            from .jsonbody import JsonWriter  # loads json and python-json-logger

            return JsonWriter(self._header, self._settings.facility, cee=text == "cee")
        return TextWriter(TextFormat(text), self._settings, self._collector.redactor)

    def _wrapped(self, body: Body) -> Body:
        """Return a message part as it stands in a message."""
        return body

    def _last_resort(self, record: logging.LogRecord, error: Exception) -> Sequence[bytes]:
        """Say at least that there was a record, and what is wrong with it."""
        text = f"a record of logger {safe_repr(record.__dict__.get('name'))} could not be written: "
        text += f"{type(error).__name__}: {safe_str(error)}"
        stand_in = logging.LogRecord("celery_syslog", logging.WARNING, "", 0, text, None, None)
        try:
            head = self._header.full(Facts(stand_in, None, None))
            return (
                head + self._wrapped(TextBody(b"", head_of(escape(text), self.max_size - len(head)))).data,
            )
        except Exception as broken:
            pass_on(broken)
            return ()
