"""PRI, the one part both RFCs share."""

from __future__ import annotations

import re

from ..errors import DecodeError

__all__ = ["NO_PRIORITY", "read_priority"]

#: What a message without PRI counts as: user.notice (RFC 3164 section 4.3.3).
NO_PRIORITY = (1, 5)

# RFC 5424 section 6: PRI = "<" PRIVAL ">", PRIVAL = 1*3DIGIT ; range 0 .. 191
_PRI = re.compile(rb"<([0-9]{1,3})>")


def read_priority(data: bytes, strict: bool) -> tuple[int, int, int]:
    """Return facility, severity and where PRI ends.

    Strict: raises DecodeError if there is no PRI, or one with needless zeros. Lenient: a message
    without a good one is ``NO_PRIORITY`` and starts at byte 0.
    """
    match = _PRI.match(data)
    if match is None or int(match[1]) > 191:
        if strict:
            raise DecodeError("PRI: '<', 0 to 191 and '>' were expected")
        return *NO_PRIORITY, 0
    if strict and len(match[1]) > 1 and match[1].startswith(b"0"):
        raise DecodeError("PRI: leading zeros", 1)
    facility, severity = divmod(int(match[1]), 8)
    return facility, severity, match.end()
