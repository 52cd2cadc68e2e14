"""RFC 3164, as daemons really read it: with HOSTNAME on the network, without on the local socket."""

from __future__ import annotations

import re
from datetime import datetime

from ..errors import DecodeError
from .escape import escape
from .message import Message
from .pri import read_priority
from .times import format_bsd, parse_bsd, parse_iso

__all__ = ["clean_host", "clean_tag", "decode", "encode"]

# RFC 3164 section 5.3 lets the TAG end at any non-alphanumeric; collectors end it at ':', '[' or
# space, so that tags such as celery@host or proj/worker stay whole.
_NOT_TAG = re.compile(r"[^!-9;-Z\\^-~]")
_NOT_PID = re.compile(r"[^!-Z\\^-~]")
_NOT_HOST = re.compile(r"[^!-~]|(?<!:):$")

_TAG = r"([^\s:\[\]]{1,255})(?:\[([^\s\[\]]{0,128})\])?:"
_LOCAL = re.compile(rf"{_TAG}(?: |$)")
_NETWORK = re.compile(rf"([!-~]{{1,255}}) {_TAG} ?")

_ISO_LENGTH = 33


def clean_tag(text: str | None) -> str:
    """Return a TAG collectors read back whole; ``-`` for none."""
    return _NOT_TAG.sub("_", text or "")[:255] or "-"


def clean_host(text: str | None) -> str:
    """Return a HOSTNAME that cannot be taken for a tag; ``-`` for none."""
    return _NOT_HOST.sub("_", text or "")[:255] or "-"


def encode(message: Message, *, keep_newlines: bool = False) -> bytes:
    """Return ``<PRI>Mmm dd hh:mm:ss [HOSTNAME ]TAG[pid]: MSG``.

    HOSTNAME is left out when the message has none: the form of the local socket. Without a timestamp
    both are: RFC 3164 then has the collector fill in its own. Never raises; what the grammar forbids
    is replaced (``_``) or escaped (``#ooo``).
    """
    time = host = ""
    if message.timestamp is not None:
        time = f"{format_bsd(message.timestamp)} "
        host = "" if message.hostname is None else f"{clean_host(message.hostname)} "
    pid = "" if message.procid is None else f"[{_NOT_PID.sub('_', message.procid)[:128]}]"
    head = f"<{message.priority}>{time}{host}{clean_tag(message.app_name)}{pid}: "
    return head.encode("ascii") + escape(message.msg, keep_newlines=keep_newlines)


def decode(data: bytes, *, strict: bool = False, now: datetime | None = None) -> Message:
    """Return the message in ``data``.

    Lenient (the default) takes anything: what cannot be told apart becomes ``msg``, bytes that are
    no UTF-8 become U+FFFD, and NULs and line ends at the end are dropped. Strict raises DecodeError
    unless PRI, TIMESTAMP and TAG are there. ``now`` gives the year and zone the format lacks; without
    it the year is ``UNKNOWN_YEAR``. An ISO 8601 time, as rsyslog forwards, is read too.
    """
    facility, severity, start = read_priority(data, strict)
    text = (data[start:] if strict else data[start:].rstrip(b"\0\r\n")).decode("utf-8", "replace")
    timestamp, end = _timestamp(text, now)
    if strict and timestamp is None:
        raise DecodeError("TIMESTAMP: 'Mmm dd hh:mm:ss' was expected", start)
    # A HOSTNAME comes after a TIMESTAMP only; without one, the first words are more likely text.
    found = _LOCAL.match(text, end) or (_NETWORK.match(text, end) if timestamp else None)
    if found is None:
        if strict:
            raise DecodeError("TAG: a name and ':' were expected", start)
        host, tag, pid = None, None, None
    else:
        host, tag, pid = found.groups() if found.re is _NETWORK else (None, *found.groups())
        end = found.end()
    return Message(
        facility=facility,
        severity=severity,
        timestamp=timestamp,
        hostname=None if host == "-" else host,
        app_name=None if tag == "-" else tag,
        procid=pid,
        msg=text[end:],
        version=0,
        raw=data,
    )


def _timestamp(text: str, now: datetime | None) -> tuple[datetime | None, int]:
    found = parse_bsd(text, now)
    if found is not None:
        moment, end = found
        return (moment, end + 1) if text[end : end + 1] == " " else (None, 0)
    word = text[:_ISO_LENGTH].partition(" ")[0]
    iso = parse_iso(word)
    return (iso, len(word) + 1) if iso is not None and text[len(word) : len(word) + 1] == " " else (None, 0)
