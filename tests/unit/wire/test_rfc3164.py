"""RFC 3164: both forms, round trips, and the many things that come under its name."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from corpus import ESCAPED, PLAIN
from hypothesis import given
from hypothesis import strategies as st
from messages import build, messages_3164

from celery_syslog.errors import DecodeError
from celery_syslog.wire.message import Message
from celery_syslog.wire.rfc3164 import decode, encode

NOON = datetime(1972, 11, 3, 12, 0, 0)


def test_local_form() -> None:
    """Without a hostname it is what syslog(3) writes to the local socket."""
    message = Message(1, 6, NOON, None, "celery", "42", msg="hello", version=0)
    assert encode(message) == b"<14>Nov  3 12:00:00 celery[42]: hello"
    assert decode(encode(message), strict=True) == message


def test_network_form() -> None:
    """With a hostname it is what goes over the network."""
    message = Message(1, 6, NOON, "web1", "celery", "42", msg="hello", version=0)
    assert encode(message) == b"<14>Nov  3 12:00:00 web1 celery[42]: hello"
    assert decode(encode(message), strict=True) == message


@given(messages_3164)
def test_round_trip(message: Message) -> None:
    """What is written is read back equal, strictly."""
    assert decode(encode(message), strict=True) == message


@pytest.mark.parametrize("text", [*PLAIN.values()])
def test_nasty_texts(text: str) -> None:
    """Nasty texts survive, in both forms."""
    for host in (None, "web1"):
        message = Message(1, 6, NOON, host, "celery", "42", msg=text, version=0)
        assert decode(encode(message), strict=True) == message


@pytest.mark.parametrize(("text", "escaped"), [*ESCAPED.values()])
def test_controls(text: str, escaped: str) -> None:
    """Controls are escaped."""
    assert decode(encode(Message(timestamp=NOON, app_name="a", msg=text))).msg == escaped


@given(build(hostname=st.none() | st.text(), app_name=st.text(), procid=st.text(), msg=st.text()))
def test_any_value_is_written(message: Message) -> None:
    """Values that would break the header are written as something that does not."""
    decode(encode(message._replace(timestamp=NOON)), strict=True)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # RFC 3164 section 5.4, examples 1 to 3.
        (
            b"<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            (4, 2, "mymachine", "su", None, "'su root' failed for lonvick on /dev/pts/8"),
        ),
        (b"Use the BFG!", (1, 5, None, None, None, "Use the BFG!")),
        (
            b"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time",
            (20, 5, None, None, None, "CST 1987 mymachine myproc[10]: %% It's time"),
        ),
        (b"<13>Feb  5 17:32:18 10.0.0.99 cron[7]: x", (1, 5, "10.0.0.99", "cron", "7", "x")),
        (b"<13>Feb  5 17:32:18 fe80::1 cron[7]: x", (1, 5, "fe80::1", "cron", "7", "x")),
        (b"<13>Feb  5 17:32:18 cron: x", (1, 5, None, "cron", None, "x")),
        (b"<13>Feb  5 17:32:18 celery@web1/x[7]: x", (1, 5, None, "celery@web1/x", "7", "x")),
        (b"<13>Feb  5 17:32:18 cron:", (1, 5, None, "cron", None, "")),
        (b"<13>cron[7]: x", (1, 5, None, "cron", "7", "x")),
        (b"<13>celery: x\0", (1, 5, None, "celery", None, "x")),
        (b"<13>just text", (1, 5, None, None, None, "just text")),
        (b"<13>", (1, 5, None, None, None, "")),
        (b"", (1, 5, None, None, None, "")),
        (b"<999>x", (1, 5, None, None, None, "<999>x")),
        (b"<13>Feb 30 17:32:18 web1 cron: x", (1, 5, None, None, None, "Feb 30 17:32:18 web1 cron: x")),
        (b"<13>\xff\xfe", (1, 5, None, None, None, "\ufffd\ufffd")),
    ],
)
def test_lenient(data: bytes, expected: tuple[object, ...]) -> None:
    """What senders really write is taken apart as far as it can be told, and the rest is the message."""
    found = decode(data)
    assert (
        found.facility,
        found.severity,
        found.hostname,
        found.app_name,
        found.procid,
        found.msg,
    ) == expected
    assert (found.version, found.raw) == (0, data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"hello", "PRI"), (b"<13>hello: x", "TIMESTAMP"), (b"<13>Feb  5 17:32:18 hello", "TAG")],
)
def test_strict(data: bytes, reason: str) -> None:
    """Strict reading wants PRI, TIMESTAMP and TAG."""
    with pytest.raises(DecodeError, match=reason):
        decode(data, strict=True)


def test_iso_time() -> None:
    """rsyslog forwards with an ISO 8601 time in front; that is read too, zone and all."""
    found = decode(b"<13>2003-08-24T05:14:15.000003-07:00 web1 cron[7]: x", strict=True)
    assert found.timestamp == datetime(2003, 8, 24, 5, 14, 15, 3, timezone(timedelta(hours=-7)))
    assert (found.hostname, found.app_name, found.msg) == ("web1", "cron", "x")


@pytest.mark.parametrize(
    ("now", "year"),
    [
        (datetime(2026, 8, 1), 2026),
        (datetime(2026, 6, 1), 2025),
        (datetime(2027, 1, 1, 0, 1), 2026),
        (datetime(2026, 12, 31, 23, 59, tzinfo=timezone.utc), 2026),
    ],
)
def test_year(now: datetime, year: int) -> None:
    """The year is the one that brings the time nearest to now; the zone is that of now."""
    found = decode(b"<13>Dec 31 23:59:30 a: x", now=now).timestamp
    assert found == datetime(year, 12, 31, 23, 59, 30, tzinfo=now.tzinfo)


def test_new_year_ahead() -> None:
    """A clock that is ahead over New Year is next year's."""
    assert decode(b"<13>Jan  1 00:00:10 a: x", now=datetime(2026, 12, 31, 23, 59)).timestamp == datetime(
        2027, 1, 1, 0, 0, 10
    )


def test_leap_day() -> None:
    """29 February is read without a year, and with one in the year that has it."""
    data = b"<13>Feb 29 12:00:00 a: x"
    assert decode(data).timestamp == datetime(1972, 2, 29, 12)
    assert decode(data, now=datetime(2025, 1, 1)).timestamp == datetime(2024, 2, 29, 12)
    assert decode(data, now=datetime(2026, 6, 1)).timestamp is None


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    """Any bytes are read leniently or refused strictly, and nothing else."""
    for prefix in (b"", b"<13>", b"<13>Feb  5 17:32:18 ", b"<13>Feb  5 17:32:18 a["):
        decode(prefix + data)
        try:
            decode(prefix + data, strict=True)
        except DecodeError:
            pass


@pytest.mark.parametrize("filling", [b"a", b" ", b"[", b"a[", b":", b"a b", b"<13>", b"\0"])
def test_long_input(filling: bytes) -> None:
    """A megabyte of what the grammar hinges on is read in one pass."""
    for prefix in (b"", b"<13>", b"<13>Feb  5 17:32:18 "):
        decode(prefix + filling * (1048576 // len(filling)))
