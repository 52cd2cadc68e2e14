"""The message part as JSON or CEE, written by python-json-logger's formatters."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import Any

from pythonjsonlogger.core import BaseJsonFormatter
from pythonjsonlogger.json import JsonFormatter

from ..context import TASK_FIELDS
from ..events import TASK_DATA
from ..wire.codes import FACILITY_NAMES, SEVERITY_NAMES
from ..wire.decode import CEE_COOKIE
from ..wire.parts import LONG_FIELDS, cut_json, head_of
from .body import MARK_LENGTH, Body, cut_mark
from .facts import Facts
from .header import Header, iso_of
from .record import pass_on
from .values import as_text, plain, simpler

__all__ = ["JsonBody", "JsonWriter"]

#: Names of ours; a field of the user's with one of them is called ``extra_`` and the name.
RESERVED = frozenset(
    (
        *("timestamp", "severity", "facility", "ident", "pid", "logger", "level", "event", "part"),
        *("runtime", "exc_type", *LONG_FIELDS, *TASK_FIELDS, *TASK_DATA),
    )
)

# What JSON lets through and a log line should not: DEL, C1, line separators, surrogates.
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

# What the user's fields are cut to, in characters, until they leave room for the message.
_LENGTHS = (1024, 256, 64, 16, 0)


def _strict_dumps(value: Any, **options: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"), **options)


_plain_formatter = JsonFormatter(json_default=simpler, json_serializer=_strict_dumps, json_ensure_ascii=False)


def _fastest_formatter() -> BaseJsonFormatter:
    try:
        from pythonjsonlogger.orjson import OrjsonFormatter
    except ImportError:
        return _plain_formatter
    return OrjsonFormatter(json_default=simpler)


class JsonWriter:
    """Writes the fields of a record as one JSON object, behind ``@cee:`` if asked."""

    tells_extra = True
    recurring = True

    def __init__(self, header: Header, facility: int, cee: bool) -> None:
        self._header = header
        self._facility = FACILITY_NAMES[facility]
        self.prefix = f"{CEE_COOKIE} ".encode() if cee else b""
        #: What a message part begins with, up to its time.
        self.opening = self.prefix + b'{"timestamp":"'
        self._formatter = _fastest_formatter()

    def write(self, facts: Facts) -> list[Body]:
        """Return one body: JSON has its own way to write line breaks."""
        return [JsonBody(self, self.fields(facts))]

    def fields(self, facts: Facts) -> dict[str, Any]:
        """Return the members of the object, in order."""
        record = facts.record
        fields = {
            "timestamp": iso_of(record.created, self._header.at(record.created)),
            **self._before(facts),
            "message": facts.message,
            **self._after(facts),
        }
        trouble = facts.trouble
        if trouble.exc_type:
            fields["exc_type"] = trouble.exc_type
            fields["exc_message"] = trouble.exc_message
        if trouble.traceback:
            fields["traceback"] = trouble.traceback
        if trouble.stack:
            fields["stack_info"] = trouble.stack
        return _with(fields, facts.extra)

    def _before(self, facts: Facts) -> dict[str, Any]:
        record = facts.record
        return {
            "severity": SEVERITY_NAMES[self._header.severity(record.levelno)],
            "facility": self._facility,
            "ident": self._header.ident,
            "pid": self._header.pid,
            "logger": record.name,
            "level": record.levelname,
        }

    def _after(self, facts: Facts) -> dict[str, Any]:
        event = {"event": facts.event} if facts.event else {}
        return {**event, **facts.task_fields, **facts.about}

    def ends(self, facts: Facts) -> tuple[bytes, bytes]:
        """Return what stands between microseconds and text, and between text and the user's fields."""
        zone = self._header.at(facts.record.created).zone
        before = self.dump(self._before(facts))[1:-1]
        return b'%b",%b,"message":"' % (zone.encode(), before), b'"' + self._members(self._after(facts))

    def members(self, extra: Mapping[str, Any]) -> bytes:
        """Return the user's fields as they follow ours in the object."""
        return self._members(_with({}, extra))

    def _members(self, fields: Mapping[str, Any]) -> bytes:
        return b"," + self.dump(fields)[1:-1] if fields else b""

    def quote(self, text: str) -> bytes:
        """Return what stands between the quotes of a text; raises UnicodeEncodeError for surrogates."""
        if text.isprintable():
            return text.replace("\\", "\\\\").replace('"', '\\"').encode()
        text.encode()
        return printable(encode_basestring(text))[1:-1]

    def dump(self, fields: Mapping[str, Any]) -> bytes:
        """Return a JSON object as bytes; a value no encoder takes is written as text."""
        try:
            text = self._formatter.serialize_log_record(self._formatter.process_log_record(dict(fields)))
        except Exception as error:
            pass_on(error)
            text = _plain_formatter.serialize_log_record(plain(fields))
        return printable(text)


def printable(text: str) -> bytes:
    """Return JSON text with the characters that a log must not hold as ``\\uXXXX``."""
    if text.isascii() and "\x7f" not in text:
        return text.encode()
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


class JsonBody:
    """One JSON object; its parts repeat all fields but the long ones, which go on from part to part."""

    def __init__(self, writer: JsonWriter, fields: dict[str, Any]) -> None:
        self._writer = writer
        self._fields = fields
        self.data = writer.prefix + writer.dump(fields)
        self._short = b""

    def _long(self) -> list[tuple[str, bytes]]:
        """Return the long fields and what stands between their quotes."""
        texts = [(name, self._fields.get(name)) for name in LONG_FIELDS]
        return [
            (name, printable(json.dumps(text, ensure_ascii=False))[1:-1])
            for name, text in texts
            if isinstance(text, str)
        ]

    def _shorten(self, room: int) -> bytes:
        """Return the object of all other fields without its closing brace, in half of ``room`` or so."""
        short = {name: value for name, value in self._fields.items() if name not in LONG_FIELDS}
        data = self._writer.dump(short)
        for length in _LENGTHS:
            if len(data) <= room // 2:
                break
            data = self._writer.dump(_cut_fields(short, length))
        return self._writer.prefix + data[:-1]

    def chunks(self, room: int, label: str) -> list[bytes]:
        """Cut the long fields."""
        self._short = self._shorten(room)
        around = len(self._short) + len(f',"part":"{label}",}}')
        return cut_json(self._long(), max(room - around, 64))

    def part(self, label: str, chunk: bytes) -> bytes:
        """Return the short fields, the part and a chunk of the long ones as one object."""
        return self._short + f',"part":"{label}",'.encode() + chunk + b"}"

    def truncated(self, room: int) -> bytes:
        """Keep the start of each long field, as far as there is room."""
        data = self._shorten(room)
        left = room - len(data) - 1
        texts = self._long()
        for count, (name, text) in enumerate(texts):
            around = len(name) + 6
            share = left if count == len(texts) - 1 else max(left * 3 // 4, 0)
            if len(text) + around > share:
                kept = head_of(text, max(share - around - MARK_LENGTH, 0), in_json=True)
                text = kept + cut_mark(len(text) - len(kept))
            data += b',"%b":"%b"' % (name.encode(), text)
            left -= around + len(text)
        return data + b"}"


def _with(fields: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` with the user's added, under other names where these are taken."""
    for name, value in extra.items():
        fields[f"extra_{name}" if name in RESERVED or name in fields else name] = value
    return fields


def _cut_fields(fields: Mapping[str, Any], length: int) -> dict[str, Any]:
    found = {}
    for name, value in fields.items():
        text = as_text(value)
        if len(text) <= length or (length < 64 and name in RESERVED and len(text) <= 64):
            found[name] = value
        elif length or name in RESERVED:
            kept = text[: max(length, 64 if name in RESERVED else 0)]
            found[name] = f"{kept}...[{len(text) - len(kept)} characters cut]"
    return found
