"""RFC 5424: the RFC's own examples, round trips, and what strict and lenient reading make of faults."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from corpus import ESCAPED, PLAIN
from hypothesis import given
from hypothesis import strategies as st
from messages import build, messages_5424

from celery_syslog.errors import DecodeError
from celery_syslog.wire.message import Message
from celery_syslog.wire.rfc5424 import decode, encode

UTC = timezone.utc
SU = "'su root' failed for lonvick on /dev/pts/8"

#: Section 6.5 of the RFC, and section 6.2.3.1 for the times.
EXAMPLES = [
    (
        b"<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf" + SU.encode(),
        Message(
            4, 2, datetime(2003, 10, 11, 22, 14, 15, 3000, UTC), "mymachine.example.com", "su", None, "ID47",
            {}, SU,
        ),
    ),
    (
        b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - "
        b"%% It's time to make the do-nuts.",
        Message(
            20, 5, datetime(2003, 8, 24, 5, 14, 15, 3, timezone(timedelta(hours=-7))), "192.0.2.1", "myproc",
            "8710", None, {}, "%% It's time to make the do-nuts.",
        ),
    ),
    (
        b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" '
        b'eventSource="Application" eventID="1011"] \xef\xbb\xbfAn application event log entry...',
        Message(
            20, 5, datetime(2003, 10, 11, 22, 14, 15, 3000, UTC), "mymachine.example.com", "evntslog", None,
            "ID47",
            {"exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"}},
            "An application event log entry...",
        ),
    ),
    (
        b'<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" '
        b'eventSource="Application" eventID="1011"][examplePriority@32473 class="high"]',
        Message(
            20, 5, datetime(2003, 10, 11, 22, 14, 15, 3000, UTC), "mymachine.example.com", "evntslog", None,
            "ID47",
            {
                "exampleSDID@32473": {"iut": "3", "eventSource": "Application", "eventID": "1011"},
                "examplePriority@32473": {"class": "high"},
            },
        ),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("data", "message"), EXAMPLES)
def test_examples_of_the_rfc(data: bytes, message: Message) -> None:
    """The RFC's examples decode to the values it gives, strictly, and are written so that they come back."""
    assert decode(data, strict=True) == message
    assert decode(data) == message
    assert decode(encode(message), strict=True) == message


@given(messages_5424)
def test_round_trip(message: Message) -> None:
    """What is written is read back equal, strictly."""
    assert decode(encode(message), strict=True) == message


@pytest.mark.parametrize("text", [*PLAIN.values()])
def test_nasty_texts(text: str) -> None:
    """Nasty texts survive as message and as value of structured data."""
    message = Message(structured_data={"a@1": {"b": text}}, msg=text)
    expected = message._replace(msg=text.removeprefix("\ufeff"))
    assert decode(encode(message), strict=True) == expected


@pytest.mark.parametrize(("text", "escaped"), [*ESCAPED.values()])
def test_controls(text: str, escaped: str) -> None:
    """Controls are escaped in the message and in values of structured data."""
    decoded = decode(encode(Message(structured_data={"a@1": {"b": text}}, msg=text)), strict=True)
    assert decoded == Message(structured_data={"a@1": {"b": escaped}}, msg=escaped)


@given(
    build(
        hostname=st.none() | st.text(),
        app_name=st.text(),
        procid=st.text(),
        msgid=st.text(),
        structured_data=st.dictionaries(st.text(), st.dictionaries(st.text(), st.text()), max_size=1),
        msg=st.text(),
    )
)
def test_any_value_is_written_by_the_grammar(message: Message) -> None:
    """Values the grammar forbids are written as something it allows."""
    decode(encode(message), strict=True)


FAULTS = [
    (b"", "PRI"),
    (b"hello", "PRI"),
    (b"<192>1 - - - - - -", "PRI"),
    (b"<1234>1 - - - - - -", "PRI"),
    (b"<013>1 - - - - - -", "leading zeros"),
    (b"<13>2 - - - - - -", "HEADER"),
    (b"<13>1 - - - - -", "HEADER"),
    (b"<13>1 -  - - - - -", "HEADER"),
    (b"<13>1 2003-10-11t22:14:15z - - - - -", "TIMESTAMP"),
    (b"<13>1 2003-10-11T22:14:15.0000003Z - - - - -", "TIMESTAMP"),
    (b"<13>1 2003-10-11T22:14:60Z - - - - -", "TIMESTAMP"),
    (b"<13>1 2003-02-29T22:14:15Z - - - - -", "TIMESTAMP"),
    (b"<13>1 - " + b"h" * 256 + b" - - - -", "HOSTNAME"),
    (b"<13>1 - - " + b"a" * 49 + b" - - -", "APP-NAME"),
    (b"<13>1 - - - " + b"p" * 129 + b" - -", "PROCID"),
    (b"<13>1 - - - - " + b"m" * 33 + b" -", "MSGID"),
    (b"<13>1 - - - - - x", "STRUCTURED-DATA"),
    (b"<13>1 - - - - - [", "STRUCTURED-DATA"),
    (b"<13>1 - - - - - -x", "a space or the end"),
    (b"<13>1 - - - - - [id", "SD-ELEMENT"),
    (b"<13>1 - - - - - [id a]", "SD-ELEMENT"),
    (b'<13>1 - - - - - [id a="b]', "PARAM-VALUE"),
    (b'<13>1 - - - - - [id a="b', "no closing quote"),
    (b'<13>1 - - - - - [id a="\xff"]', "UTF-8"),
    (b"<13>1 - - - - - [id][id]", "a second time"),
    (b"<13>1 - - - - - [" + b"i" * 33 + b"]", "SD-NAME"),
    (b"<13>1 - - - - - - \xef\xbb\xbf\xff", "BOM"),
]


@pytest.mark.parametrize(("data", "reason"), FAULTS)
def test_faults(data: bytes, reason: str) -> None:
    """Strict reading names the rule that is broken; lenient reading keeps every byte in ``raw``."""
    with pytest.raises(DecodeError, match=reason):
        decode(data, strict=True)
    assert decode(data).raw == data


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"<13>1 yesterday h a - - - x", Message(1, 5, None, "h", "a", msg="x")),
        (b'<13>1 - - - - - [id a="b]c"] x', Message(1, 5, structured_data={"id": {"a": "b]c"}}, msg="x")),
        (b'<13>1 - - - - - [id a="b\xff"]', Message(1, 5, structured_data={"id": {"a": "b\ufffd"}})),
        (b"<13>1 - - - - - [broken x", Message(1, 5, msg="[broken x")),
        (b"<13>1 - - - - - - x\n\0", Message(1, 5, msg="x")),
        (b"<13>1 - - - - - - \xff", Message(1, 5, msg="\ufffd")),
    ],
)
def test_lenient(data: bytes, expected: Message) -> None:
    """Lenient reading takes what can be told and leaves the rest in the message."""
    assert decode(data) == expected


def test_repeated_parameter() -> None:
    """A parameter may come twice (section 7.2.1); both values are kept."""
    message = decode(b'<13>1 - - - - - [origin ip="192.0.2.1" ip="192.0.2.129"]', strict=True)
    assert message.structured_data == {"origin": {"ip": "192.0.2.1,192.0.2.129"}}


def test_backslash_before_anything_else() -> None:
    """Section 6.3.3: a backslash before any other character is itself."""
    message = decode(rb'<13>1 - - - - - [id a="c:\\temp\new \"x\" \]"]', strict=True)
    assert message.structured_data == {"id": {"a": 'c:\\temp\\new "x" ]'}}


@given(messages_5424, st.data())
def test_cut_anywhere(message: Message, data: st.DataObject) -> None:
    """A message cut at any byte is read leniently or refused strictly, and nothing else."""
    whole = encode(message)
    cut = whole[: data.draw(st.integers(0, len(whole)))]
    decode(cut)
    try:
        decode(cut, strict=True)
    except DecodeError:
        pass


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    """Any bytes are read leniently or refused strictly, and nothing else."""
    for prefix in (b"", b"<13>1 ", b"<13>1 - - - - - ", b'<13>1 - - - - - [a b="'):
        decode(prefix + data)
        try:
            decode(prefix + data, strict=True)
        except DecodeError:
            pass


@pytest.mark.parametrize("filling", [b"\\", b'\\"', b"]", b"a", b' a="', b"[a]", b"\xef\xbb\xbf"])
def test_long_input(filling: bytes) -> None:
    """A megabyte of what the grammar hinges on is read in one pass."""
    for prefix in (b"<13>1 - - - - - ", b"<13>1 - - - - - [a", b'<13>1 - - - - - [a b="'):
        decode(prefix + filling * (1048576 // len(filling)))
