"""RFC 5424: ``HEADER SP STRUCTURED-DATA [SP MSG]``."""

from __future__ import annotations

import re

from ..errors import DecodeError
from . import rfc3164
from .escape import escape
from .message import Message
from .pri import read_priority
from .sd import encode_sd, parse_sd
from .times import format_iso, parse_iso

__all__ = ["BOM", "LENGTHS", "clean", "decode", "encode"]

BOM = b"\xef\xbb\xbf"

#: RFC 5424 section 6: HOSTNAME = NILVALUE / 1*255PRINTUSASCII, and so on.
LENGTHS = {"HOSTNAME": 255, "APP-NAME": 48, "PROCID": 128, "MSGID": 32}

_NOT_PRINTABLE = re.compile(r"[^!-~]")

# section 6: HEADER = PRI VERSION SP TIMESTAMP SP HOSTNAME SP APP-NAME SP PROCID SP MSGID
_HEADER = re.compile(rb"1 ([!-~]+) ([!-~]+) ([!-~]+) ([!-~]+) ([!-~]+) ")


def clean(text: str | None, name: str) -> str:
    """Return a header field as the grammar allows it: ``?`` for what it forbids, ``-`` for none."""
    return _NOT_PRINTABLE.sub("?", text or "")[: LENGTHS[name]] or "-"


def encode(message: Message, *, keep_newlines: bool = False) -> bytes:
    """Return the message in RFC 5424's form, without a BOM.

    Never raises; what the grammar forbids is replaced (``?``, in SD names ``_``), cut, or escaped
    (``#ooo``). A timestamp without a zone is taken as UTC.
    """
    header = (
        "-" if message.timestamp is None else format_iso(message.timestamp),
        clean(message.hostname, "HOSTNAME"),
        clean(message.app_name, "APP-NAME"),
        clean(message.procid, "PROCID"),
        clean(message.msgid, "MSGID"),
    )
    head = f"<{message.priority}>1 {' '.join(header)} ".encode("ascii") + encode_sd(message.structured_data)
    return head + b" " + escape(message.msg, keep_newlines=keep_newlines) if message.msg else head


def decode(data: bytes, *, strict: bool = False) -> Message:
    """Return the message in ``data``.

    Strict raises DecodeError at the first departure from the grammar. Lenient accepts long fields,
    odd timestamps (then None), unescaped ``]`` and bytes that are no UTF-8 (U+FFFD), and what has no
    RFC 5424 header at all is read as RFC 3164. Broken structured data becomes part of ``msg``.
    """
    facility, severity, start = read_priority(data, strict)
    match = _HEADER.match(data, start)
    if match is None:
        if strict:
            raise DecodeError("HEADER: version 1 and five fields were expected", start)
        return rfc3164.decode(data)
    time, *names = [part.decode("ascii") for part in match.groups()]
    timestamp = parse_iso(time)
    if strict:
        _check(match, timestamp is None and time != "-")
    try:
        elements, end = parse_sd(data, match.end(), strict)
        if data[end : end + 1] not in (b"", b" "):
            raise DecodeError("a space or the end was expected after STRUCTURED-DATA", end)
    except DecodeError:
        if strict:
            raise
        elements, end = {}, match.end() - 1
    host, app, pid, msgid = (None if name == "-" else name for name in names)
    return Message(
        *(facility, severity, timestamp, host, app, pid, msgid, elements),
        msg=_text(data, end + 1, strict),
        raw=data,
    )


def _check(match: re.Match[bytes], bad_time: bool) -> None:
    if bad_time:
        raise DecodeError("TIMESTAMP: not as RFC 5424 section 6.2.3 has it", match.start(1))
    for group, (name, length) in enumerate(LENGTHS.items(), 2):
        if len(match[group]) > length:
            raise DecodeError(f"{name}: more than {length} characters", match.start(group))


def _text(data: bytes, start: int, strict: bool) -> str:
    """Section 6.4: MSG = MSG-ANY / MSG-UTF8, MSG-UTF8 = BOM UTF-8-STRING."""
    if not data.startswith(BOM, start):
        end = len(data) if strict else len(data.rstrip(b"\0\r\n"))
        return data[start:end].decode("utf-8", "replace")
    try:
        return data[start + len(BOM) :].decode("utf-8", "strict" if strict else "replace")
    except UnicodeDecodeError as error:
        raise DecodeError("MSG: a BOM but not UTF-8", start + len(BOM) + error.start) from None
