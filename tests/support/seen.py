"""Everything a collector made of one message, in the same words whichever collector it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

__all__ = ["Seen"]


class Seen(NamedTuple):
    """The fields of one message after a collector parsed it; "" and {} stand for what it has not.

    ``time`` is as the collector has it: with the zone, and a year that RFC 3164 does not tell.
    """

    facility: int
    severity: int
    time: datetime
    host: str
    ident: str
    pid: str
    msgid: str
    sd: Mapping[str, Mapping[str, str]]
    text: str
