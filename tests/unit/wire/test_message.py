"""Messages as values, and decoding whichever RFC the bytes follow."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from messages import messages_3164, messages_5424

from celery_syslog.errors import DecodeError
from celery_syslog.wire import rfc3164, rfc5424
from celery_syslog.wire.decode import decode, payload
from celery_syslog.wire.message import Message


def test_words() -> None:
    """A message answers to the words of both RFCs and of the documentation."""
    message = Message(16, 3, hostname="h", app_name="shop", procid="42", msgid="failed", msg="text")
    assert (message.ident, message.pid, message.event, message.message) == ("shop", 42, "failed", "text")
    assert (message.priority, message.facility_name, message.severity_name) == (131, "local0", "err")


@pytest.mark.parametrize("procid", [None, "", "x", "-1", "٣", "9" * 21])
def test_pid_that_is_none(procid: str | None) -> None:
    """A PROCID that is no number is no pid."""
    assert Message(procid=procid).pid is None


def test_frozen() -> None:
    """A message does not change."""
    with pytest.raises(AttributeError):
        Message().msg = "x"  # type: ignore[misc]


def test_equality() -> None:
    """Equal means equal content, not equal bytes; no message equals a plain tuple."""
    assert Message(msg="a", raw=b"1", fields={"x": 1}) == Message(msg="a")
    assert Message(msg="a") != Message(msg="b")
    assert Message(msg="a") != tuple(Message(msg="a"))
    assert len({Message(msg="a", raw=b"1"), Message(msg="a", structured_data={})}) == 1


def test_params() -> None:
    """A field is found in the payload, else in structured data."""
    message = Message(structured_data={"a@1": {"x": "1"}, "b@1": {"x": "2", "y": "3"}}, fields={"z": 4})
    assert [message.param(name) for name in ("x", "y", "z", "w")] == ["1", "3", 4, None]
    assert message.param("w", "none") == "none"
    task = Message(structured_data={"celery@1": {"task_id": "i", "task_name": "n"}})
    assert (task.task_id, task.task_name, Message().task_id) == ("i", "n", None)


@given(messages_5424)
def test_new_form_is_recognised(message: Message) -> None:
    """A message written by RFC 5424 is read by it."""
    assert decode(rfc5424.encode(message), strict=True) == message


@given(messages_3164)
def test_old_form_is_recognised(message: Message) -> None:
    """A message written by RFC 3164 is read by it."""
    assert decode(rfc3164.encode(message), strict=True) == message


def test_now_reaches_the_old_form() -> None:
    """The year and zone that RFC 3164 lacks can be given."""
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert decode(b"<13>Jan  2 00:00:00 a: x", now=now).timestamp == datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize("head", [b"<13>Jan  2 00:00:00 a[1]: ", b"<13>1 - - - - - - "])
@pytest.mark.parametrize("cookie", [b"", b"@cee:", b"@cee: "])
def test_payload(head: bytes, cookie: bytes) -> None:
    """A JSON or CEE payload is taken apart."""
    message = decode(head + cookie + b'{"message": "hi", "event": "failed", "task_id": "i", "n": [1]}')
    assert message.fields == {"message": "hi", "event": "failed", "task_id": "i", "n": [1]}
    assert (message.message, message.event, message.task_id) == ("hi", "failed", "i")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "{x}",
        '["a"]',
        "@cee:",
        '{"a": 1} x',
        "{" * 100000 + "}",
        "[" * 100000,
        '{"a":' * 10000 + "}",
    ],
)
def test_no_payload(text: str) -> None:
    """Anything but one JSON object is just text."""
    assert payload(text) == {}


def test_strict() -> None:
    """Strictness reaches either form."""
    for data in (b"<13>1 - - - - -", b"<13>x"):
        with pytest.raises(DecodeError):
            decode(data, strict=True)
