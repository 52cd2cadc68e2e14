"""Bytes to a message, whichever RFC they follow, with a JSON or CEE payload taken apart."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from . import rfc3164, rfc5424
from .message import Message

__all__ = ["CEE_COOKIE", "decode", "payload"]

#: What marks a CEE payload; rsyslog's mmjsonparse and syslog-ng's json-parser look for it.
CEE_COOKIE = "@cee:"

_RFC5424 = re.compile(rb"<[0-9]{1,3}>1 ")


def decode(data: bytes, strict: bool = False, *, now: datetime | None = None) -> Message:
    """Return the message in ``data``: RFC 5424 if it starts ``<PRI>1 ``, else RFC 3164.

    Lenient never fails; strict raises DecodeError. ``now`` completes RFC 3164 times (year and zone).
    """
    if _RFC5424.match(data):
        message = rfc5424.decode(data, strict=strict)
    else:
        message = rfc3164.decode(data, strict=strict, now=now)
    fields = payload(message.msg)
    return message._replace(fields=fields) if fields else message


def payload(text: str) -> Mapping[str, Any]:
    """Return the object a JSON or CEE message holds, {} if it is not one."""
    body = text.removeprefix(CEE_COOKIE).lstrip(" ")
    if not (body.startswith("{") and body.endswith("}")):
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
