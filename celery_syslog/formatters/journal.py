"""Entries for systemd-journald: every fact a field of its own, so that journalctl finds records by them.

As in the other encoders, what recurs for a task and a log call is rendered once, so an ordinary record
costs a look-up, its message and a joining of bytes. The long way gives the same bytes for any record.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from .. import context
from ..address import Address
from ..context import TASK_FIELDS, TaskContext, bound, carried_task
from ..events import LOGGERS, TASK_DATA
from ..settings import Settings
from ..wire.escape import CONTROLS, escape
from ..wire.journal import FIELD_OVERHEAD, field, field_name
from .body import Body, TextWriter, Writer
from .encoder import Encoder
from .facts import Facts
from .header import Header, Second, microseconds
from .record import pass_on
from .values import as_text

__all__ = ["JournalEncoder", "JournalHeader"]

# Log calls of a task whose pieces are kept at a time.
_LIMIT = 1024

_RECORD_SIZE = len(logging.makeLogRecord({}).__dict__)

#: What the name of a field is, in front of which CELERY_ stands.
_CELERY = {name: f"CELERY_{name.upper()}".encode() for name in (*TASK_FIELDS, *TASK_DATA, "event", "runtime")}

#: Names and beginnings that are not the user's: such a field gets ``EXTRA_`` in front.
_OURS = frozenset(
    (
        *("MESSAGE", "PRIORITY", "LOGGER", "CODE_FILE", "CODE_LINE", "CODE_FUNC", "TRACE_ID", "SPAN_ID"),
        *("EXC_TYPE", "EXC_MESSAGE", "TRACEBACK", "STACK_INFO", "OBJECT_PID"),
    )
)
_OUR_PREFIXES = ("CELERY_", "SYSLOG_")

# What values are cut to, in characters, until the fields leave room for the message.
_LENGTHS = (None, 1024, 256, 64, 16)


class JournalHeader(Header):
    """All fields of an entry but MESSAGE, which comes last."""

    def _head(self, priority: int, second: Second) -> bytes:  # noqa: ARG002 - PRIORITY is with the rest
        return b"CELERY_TIMESTAMP=%b." % second.iso.encode()

    def full(self, facts: Facts, part: str = "", limit: int | None = None) -> bytes:  # noqa: ARG002
        """Return the fields; to keep to a limit long values are cut, then the user's left out."""
        created, level = facts.record.created, facts.record.levelno
        second = self.at(created)
        head = second.heads.get(level) or self.head(second, level)
        head = b"%b%06d%b" % (head, microseconds(created, second.start), self.fixed(facts))
        for length in _LENGTHS:
            data = head + self._about(facts, length) + self.theirs(facts.extra, length)
            if limit is None or len(data) <= limit:
                return data
        return head

    def fixed(self, facts: Facts) -> bytes:
        """Return what recurs for a task and a log call: from the zone of the timestamp on."""
        record = facts.record.__dict__
        fields: dict[str, Any] = {
            "PRIORITY": self.severity(facts.record.levelno),
            "SYSLOG_FACILITY": self._facility,
            "SYSLOG_IDENTIFIER": self.ident,
            "SYSLOG_PID": self.pid,
            "CODE_FILE": record.get("pathname"),
            "CODE_LINE": record.get("lineno"),
            "CODE_FUNC": record.get("funcName"),
            "LOGGER": record.get("name"),
        }
        told = {name.encode(): value for name, value in fields.items() if value is not None}
        if facts.event:
            told[_CELERY["event"]] = facts.event
        told |= {_CELERY[name]: value for name, value in facts.task_fields.items()}
        return b"%b\n%b" % (self.at(facts.record.created).zone.encode(), _fields(told))

    def _about(self, facts: Facts, length: int | None) -> bytes:
        trouble = facts.trouble
        fields: dict[bytes, Any] = {
            _CELERY.get(name) or name.upper().encode(): value for name, value in facts.about.items()
        }
        if trouble.exc_type:
            fields |= {b"EXC_TYPE": trouble.exc_type, b"EXC_MESSAGE": trouble.exc_message}
        if trouble.traceback:
            fields[b"TRACEBACK"] = trouble.traceback
        if trouble.stack:
            fields[b"STACK_INFO"] = trouble.stack
        return _fields(fields, length)

    def theirs(self, extra: Mapping[str, Any], length: int | None = None) -> bytes:
        """Return the user's fields."""
        if not extra:
            return b""
        return b"".join(_fields({_user_name(name): value}, length) for name, value in extra.items())


def _user_name(name: str) -> bytes:
    found = field_name(name)
    if found in _OURS or found.startswith(_OUR_PREFIXES):
        found = field_name(f"EXTRA_{found}")
    return found.encode()


def _fields(fields: Mapping[bytes, Any], length: int | None = None) -> bytes:
    found = []
    for name, value in fields.items():
        text = value if type(value) is str else as_text(value)
        if length is not None and len(text) > length:
            text = f"{text[:length]}...[{len(text) - length} characters cut]"
        found.append(field(name, escape(text, keep_newlines=True)))
    return b"".join(found)


class JournalBody:
    """A message part as the field MESSAGE."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.data = field(b"MESSAGE", body.data)

    def chunks(self, room: int, label: str) -> list[bytes]:
        """Cut the message so that the field fits."""
        return self._body.chunks(_inside(room), label)

    def part(self, label: str, chunk: bytes) -> bytes:
        """Return a chunk as MESSAGE."""
        return field(b"MESSAGE", self._body.part(label, chunk))

    def truncated(self, room: int) -> bytes:
        """Return MESSAGE cut short."""
        return field(b"MESSAGE", self._body.truncated(_inside(room)))


def _inside(room: int) -> int:
    return room - FIELD_OVERHEAD - len(b"MESSAGE")


class Pieces(NamedTuple):
    """What recurs of an entry: ``rest`` is all between the microseconds and the message itself."""

    rest: bytes
    fixed: bytes
    before: bytes
    after: bytes
    plain: bool  # neither before nor after has a line feed


class JournalEncoder(Encoder):
    """Turns a record into entries of the journal: one, unless the settings ask for more.

    Line feeds are kept, in the message and in fields; other control characters are escaped as everywhere.
    """

    def __init__(self, settings: Settings, address: Address, ident: str, pid: int | None = None) -> None:
        if settings.multiline == "escape":
            settings = settings._replace(multiline="keep")
        super().__init__(settings, address, ident, pid)
        self._texts = [writer for writer in self._writers if isinstance(writer, TextWriter)]
        forms = [writer.form for writer in self._texts]
        self._recurring = self.recurring
        call = ("levelno", "levelname", "name", "pathname", "lineno", "funcName")
        names = {name for form in forms for name in form.names}
        self._call: Callable[[logging.LogRecord], Any] = attrgetter(*call, *sorted(names.difference(call)))
        self._outside = TaskContext()

    def _make_header(self, address: Address, ident: str, pid: int) -> Header:
        self._journal = JournalHeader(self._settings, address, ident, pid)
        return self._journal

    def quick(self, record: logging.LogRecord) -> bytes | None:
        """Return the finished entry of an ordinary record, None for any other."""
        # Every task's every line comes through here, so what could be calls is written out.
        try:
            if record.exc_info or record.exc_text or record.stack_info or record.name in LOGGERS:
                return None
            text = record.getMessage() if self._recurring and self.formatter is None else "\n"
            task = context.current_task() or carried_task()
            header = self._journal
            second = header.second
            created = record.created
            if not second.start <= created < second.end:
                second = header.tick(created)
            # A value with a line feed is written in the other form.
            if "\n" in text or second.traced or "syslog_event" in record.__dict__:
                return None
            cache = (task or self._outside).cache.get(header.era)
            key = self._call(record)
            pieces: Pieces | None = cache.get(key) if cache is not None else None
            if pieces is None:
                pieces = self._pieces(record, task, key)
            rest = pieces.rest
            if len(record.__dict__) != _RECORD_SIZE or bound():
                rest = self._rest(pieces, record, task)
            body = text.encode() if text.isascii() else escape(text)
            if len(body.translate(None, CONTROLS)) != len(body):
                body = escape(text)
            head = second.heads.get(record.levelno) or header.head(second, record.levelno)
            stamp = int((created - second.start) * 1e6 + 0.5)
            if stamp > 999999:
                stamp = 999999
            entry = b"%b%06d%b%b%b\n" % (head, stamp, rest, body, pieces.after)
            return entry if pieces.plain and len(entry) <= self.max_size else None
        except Exception as error:
            pass_on(error)
            return None

    def _rest(self, pieces: Pieces, record: logging.LogRecord, task: TaskContext | None) -> bytes:
        """Return ``rest`` with the fields of this one record."""
        theirs = self._journal.theirs(self._collector.user_fields(record, task))
        return b"%b%bMESSAGE=%b" % (pieces.fixed, theirs, pieces.before)

    def _pieces(self, record: logging.LogRecord, task: TaskContext | None, key: Any) -> Pieces:
        """Return the pieces for a task and call, and keep them with the task."""
        cache = (task or self._outside).cache.setdefault(self._journal.era, {})
        if len(cache) >= _LIMIT:
            cache.clear()
        facts = self._collector.collect(record, task)
        before, after = self._texts[task is not None].ends(facts)
        fixed = self._journal.fixed(facts)
        rest = b"%b%bMESSAGE=%b" % (fixed, self._journal.theirs(self._collector.static), before)
        pieces = cache[key] = Pieces(rest, fixed, before, after, b"\n" not in before + after)
        return pieces

    def _bodies(self, facts: Facts, writer: Writer) -> list[Body]:
        extra = facts.extra
        found = super()._bodies(facts, writer)
        facts.extra = extra  # told in fields, even if JSON in the message tells it too
        return [self._wrapped(body) for body in found]

    def _wrapped(self, body: Body) -> Body:
        return JournalBody(body)
