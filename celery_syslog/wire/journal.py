"""The native protocol of systemd-journald: a datagram of fields is one entry of the journal.

The format is that of systemd's "Journal Export Formats" and "Native Journal Protocol": ``NAME=value`` and
LF; or, for a value with LF inside, NAME, LF, the value's length (64 bits, little-endian), the value, LF.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache

__all__ = ["FIELD_OVERHEAD", "field", "field_name"]

_LENGTH = struct.Struct("<Q")

#: Bytes a field takes at most, beyond its name and value.
FIELD_OVERHEAD = 1 + _LENGTH.size + 1

_LONGEST_NAME = 64

_FORBIDDEN = re.compile("[^A-Z0-9_]")


def field(name: bytes, value: bytes) -> bytes:
    """Return one field; ``name`` follows the grammar, ``value`` may be any bytes."""
    if b"\n" in value:
        return b"%b\n%b%b\n" % (name, _LENGTH.pack(len(value)), value)
    return b"%b=%b\n" % (name, value)


@lru_cache(1024)
def field_name(name: str) -> str:
    """Return ``name`` as journald takes it: upper-case letters, digits and ``_``, at most 64 of them.

    Other characters become ``_``. journald drops names that begin with a digit, and those that begin with
    ``_``, which are its own: they get ``EXTRA`` in front.
    """
    found = _FORBIDDEN.sub("_", name.upper())
    if not "A" <= found[:1] <= "Z":
        found = f"EXTRA{found}" if found[:1] == "_" else f"EXTRA_{found}" if found else "EXTRA"
    return found[:_LONGEST_NAME]
