"""The format of a spool file: records that survive a crash, a torn write and a flipped bit.

A file is the line ``celery-syslog spool 1`` and then records::

    mark(3) state(1) length(4) number(4) crc32(4) data(length)

Integers are big-endian; the checksum covers length, number and data. ``state`` is the one byte that is
ever overwritten: ``+`` until the record was sent, then ``-``. Numbers count up within a process, so
a gap tells how many records lie in a damaged stretch.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["HEADER", "OVERHEAD", "STATE", "Entry", "pack", "scan", "unpack"]

HEADER = b"celery-syslog spool 1\n"

_MARK = b"\xf5sl"  # 0xF5 is no part of UTF-8, so it is rare in messages
_PENDING, _SENT = b"+", b"-"
_HEAD = struct.Struct(">3scIII")
_SUMMED = struct.Struct(">II")

#: Bytes a record takes beyond its data.
OVERHEAD = _HEAD.size

#: Offset of the state in a record, and what it becomes once the record was sent.
STATE = (3, _SENT)


class Entry(NamedTuple):
    """One readable record: where it begins, where it ends, and whether it was sent."""

    start: int
    end: int
    number: int
    sent: bool
    data: bytes


def pack(data: bytes, number: int) -> bytes:
    """Return the record of a message, to be written in one go."""
    number &= 0xFFFFFFFF
    crc = zlib.crc32(data, zlib.crc32(_SUMMED.pack(len(data), number)))
    return _HEAD.pack(_MARK, _PENDING, len(data), number, crc) + data


def unpack(buffer: bytes, start: int = 0) -> Entry | None:
    """Return the record that begins at ``start``, None when there is no readable one."""
    if len(buffer) - start < OVERHEAD:
        return None
    mark, state, length, number, crc = _HEAD.unpack_from(buffer, start)
    end = start + OVERHEAD + length
    if mark != _MARK or end > len(buffer):
        return None
    data = buffer[start + OVERHEAD : end]
    if zlib.crc32(data, zlib.crc32(_SUMMED.pack(length, number))) != crc:
        return None
    # A damaged state is taken for pending: sent twice is better than not at all.
    return Entry(start, end, number, state == _SENT, data)


def scan(buffer: bytes, position: int = 0, expected: int | None = None) -> Iterator[Entry | int]:
    """Yield every readable record of a file from ``position`` on, and for each damaged stretch a count.

    The count is how many records the stretch held, by the numbers around it; where the file ends in
    it, nothing tells, and it counts as one. ``expected`` is the number the first record should have.
    """
    if position == 0 and buffer.startswith(HEADER):
        position = len(HEADER)
    while position < len(buffer):
        entry = unpack(buffer, position)
        if entry is not None:
            expected = (entry.number + 1) & 0xFFFFFFFF
            yield entry
            position = entry.end
            continue
        found = _next(buffer, position + 1)
        end = len(buffer) if found is None else found.start
        if end > len(HEADER):  # a damaged header costs no record
            yield _missing(end - position, expected, found)
        if found is None:
            return
        position, expected = found.start, found.number


def _missing(size: int, expected: int | None, found: Entry | None) -> int:
    if found is None or expected is None:
        return 1
    return max(1, min((found.number - expected) & 0xFFFFFFFF, size // OVERHEAD))


def _next(buffer: bytes, position: int) -> Entry | None:
    """Return the first readable record from ``position`` on."""
    while (position := buffer.find(_MARK, position)) >= 0:
        entry = unpack(buffer, position)
        if entry is not None:
            return entry
        position += 1
    return None
