"""Cutting a message that is too long for one datagram or frame, and putting it together again."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .message import Message

__all__ = ["LONG_FIELDS", "cut_json", "cut_text", "head_of", "join", "marker"]

# What each part of a text carries; JSON, and the structured data of RFC 5424, have a field for it.
_MARKER = re.compile(r"\(part ([0-9]+)/([0-9]+)\) ")

#: The fields of a JSON message that are cut and joined.
LONG_FIELDS = ("message", "exc_message", "traceback", "stack_info")

# A piece shorter than this is not worth beginning at the end of a chunk.
_WORTHWHILE = 64

#: The longest escape each kind of text has: ``#012`` and ``\\u0000``.
_OCTAL, _UNICODE = 4, 6


def marker(part: str) -> bytes:
    """Return what stands before the text of a part, ``2/5`` say."""
    return f"(part {part}) ".encode()


def cut_text(data: bytes, room: int) -> list[bytes]:
    """Return escaped text in chunks of ``room`` bytes at most, to be joined by nothing.

    A chunk ends after the last line break in its second half, else before the last spaces there, else
    between two characters; an escape (``#012``) stays whole.
    """
    room = max(room, 8)
    chunks, start = [], 0
    while len(data) - start > room:
        end = _text_end(data, start, start + room)
        chunks.append(data[start:end])
        start = end
    return [*chunks, data[start:]]


def cut_json(texts: Iterable[tuple[str, bytes]], room: int) -> list[bytes]:
    """Return the members of a JSON object, ``"message":"...","traceback":"..."``, in chunks of ``room``.

    ``texts`` are names and what stands between the quotes; one that does not fit goes on under the
    same name in the next chunk.
    """
    chunks: list[bytes] = []
    members: list[bytes] = []
    left = room
    for name, data in texts:
        start, around = 0, len(name) + 6
        while True:
            # What goes on needs a new object: in one, the name would be there twice.
            if members and (start or left - around < min(len(data) - start, _WORTHWHILE)):
                chunks.append(b",".join(members))
                members, left = [], room
            limit = start + max(left - around, 8)
            end = _json_end(data, start, limit) if limit < len(data) else len(data)
            members.append(b'"%b":"%b"' % (name.encode(), data[start:end]))
            left -= around + end - start
            start = end
            if start >= len(data):
                break
    return [*chunks, b",".join(members)]


def head_of(data: bytes, room: int, in_json: bool = False) -> bytes:
    """Return as much from the beginning as fits ``room`` bytes, cut between characters."""
    if len(data) <= room:
        return data
    return data[: (_json_boundary if in_json else _text_boundary)(data, 0, max(room, 0))]


def _text_end(data: bytes, start: int, limit: int) -> int:
    half = (start + limit) // 2
    end = max(data.rfind(b"#012", half, limit) + 4, data.rfind(b"\n", half, limit) + 1)
    if end <= half:
        # Before the spaces, as journald drops those that end a message.
        end = half + len(data[half : max(data.rfind(b" ", half, limit), half)].rstrip(b" "))
    return end if end > half else _text_boundary(data, start, limit)


def _text_boundary(data: bytes, start: int, limit: int) -> int:
    end = _character(data, start, limit)
    # An escape is '#' and three digits: step back to a '#' that has fewer than three before the end.
    escape = data.rfind(b"#", max(start, end - _OCTAL + 1), end)
    if escape >= start and data[escape + 1 : escape + _OCTAL].isdigit():
        return escape
    return end


def _json_end(data: bytes, start: int, limit: int) -> int:
    half = (start + limit) // 2
    line = data.rfind(b"\\n", half, limit)
    if line > half and data[line - 1] != 0x5C:  # after a backslash, it is the n of "\\n"
        return line + 2
    space = data.rfind(b" ", half, limit)
    return space + 1 if space > half else _json_boundary(data, start, limit)


def _json_boundary(data: bytes, start: int, limit: int) -> int:
    end = _character(data, start, limit)
    escape = data.rfind(b"\\", max(start, end - _UNICODE + 1), end)
    if escape < 0:
        return end
    first = escape
    while first > start and data[first - 1] == 0x5C:
        first -= 1
    if (escape - first) % 2:
        return end  # the second of a pair: a backslash, whole
    length = _UNICODE if data[escape + 1 : escape + 2] == b"u" else 2
    return escape if end < escape + length else end


def _character(data: bytes, start: int, limit: int) -> int:
    """Return the last place up to ``limit`` that is not inside a UTF-8 character."""
    end = limit
    while start < end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return end


def join(messages: Iterable[Message]) -> Message:
    """Return the message that was cut into ``messages``, given in order.

    ``msg`` is put together again or, of a JSON message, its long fields; everything else is the first
    part's. A message that was not cut comes back as it is.
    """
    first, *others = messages
    if not others:
        return first
    elements = {
        sd_id: {name: value for name, value in params.items() if name != "part"}
        for sd_id, params in first.structured_data.items()
    }
    whole = first._replace(structured_data={sd_id: params for sd_id, params in elements.items() if params})
    if first.fields:
        return _join_fields(whole, others)
    found = _MARKER.search(first.msg)
    before = first.msg[: found.start()] if found else ""
    return whole._replace(msg=before + "".join([_after_marker(message) for message in (first, *others)]))


def _after_marker(message: Message) -> str:
    found = _MARKER.search(message.msg)
    return message.msg[found.end() :] if found else message.msg


def _join_fields(first: Message, others: list[Message]) -> Message:
    import json  # this module is on the way of every log line, and joining is not

    fields = {name: value for name, value in first.fields.items() if name != "part"}
    for message in others:
        for name in LONG_FIELDS:
            if name in message.fields:
                fields[name] = fields.get(name, "") + message.fields[name]
    return first._replace(fields=fields, msg=json.dumps(fields, ensure_ascii=False))
