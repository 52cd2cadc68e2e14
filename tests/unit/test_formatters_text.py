"""Text: any %-style format, the task in it, and tracebacks."""

from __future__ import annotations

import logging
import sys
from datetime import datetime
from typing import Any

import pytest
from corpus import ESCAPED, PLAIN
from records import NAME, TASK_ID, encoder, in_task, one, raised, record

from celery_syslog.context import bind

TCP = "tcp://127.0.0.1:1"


@pytest.fixture(params=["/dev/log", TCP])
def url(request: pytest.FixtureRequest) -> str:
    """The local socket, which gets RFC 3164, and the network, which gets RFC 5424."""
    found: str = request.param
    return found


def text(made: logging.LogRecord, **settings: Any) -> str:
    """The text of the one message a record becomes."""
    return one(made, **settings).msg


def test_local_line() -> None:
    """On the local socket a line is exactly what syslog(3) would write."""
    made = record("paid %d", 3, created=1700000000.25)
    moment = datetime.fromtimestamp(1700000000)
    (data,) = encoder()(made)
    assert (
        data == f"<14>{moment:%b} {moment.day:2} {moment:%H:%M:%S} celery[42]: INFO:shop.cart:paid 3".encode()
    )


def test_network_line() -> None:
    """On the network a line is RFC 5424, to the microsecond, with the zone."""
    made = record("paid", created=1700000000.25)
    moment = datetime.fromtimestamp(1700000000.25).astimezone()
    stamp = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    (data,) = encoder(url=TCP)(made)
    assert data == f"<14>1 {stamp} web1 celery 42 - - INFO:shop.cart:paid".encode()


def test_old_form_on_the_network() -> None:
    """RFC 3164 on the network has the hostname."""
    message = one(record("paid"), url=TCP, protocol="rfc3164")
    assert (message.hostname, message.ident, message.pid, message.version) == ("web1", "celery", 42, 0)


def test_task_comes_before_the_message(url: str) -> None:
    """Inside a task its name and id stand before the message, wherever the format has that."""
    with in_task():
        assert text(record(), url=url) == f"INFO:shop.cart:{NAME}[{TASK_ID}]: hello"
        assert text(record(), url=url, format="<%(message)s>") == f"<{NAME}[{TASK_ID}]: hello>"
        assert text(record(), url=url, format="%(name)s") == f"{NAME}[{TASK_ID}]: shop.cart"
    assert text(record(), url=url) == "INFO:shop.cart:hello"


def test_format_that_names_the_task(url: str) -> None:
    """A format that names the task itself is used as it is; outside a task it says ???, as Celery does."""
    with in_task():
        assert text(record(), url=url, format="%(task_name)s %(message)s") == f"{NAME} hello"
    assert text(record(), url=url, format="%(task_name)s[%(task_id)s] %(message)s") == "???[???] hello"


def test_task_format(url: str) -> None:
    """A format of its own for tasks is used inside tasks only, and can name every field of the task."""
    form = "%(task_id)s %(retries)d %(queue)s %(parent_id)s %(message)s"
    with in_task() as current:
        current.retries, current.queue = 2, "mail"
        assert text(record(), url=url, task_format=form) == f"{TASK_ID} 2 mail - hello"
    assert text(record(), url=url, task_format=form) == "INFO:shop.cart:hello"


def test_no_context(url: str) -> None:
    """Without context no task is named, unless a format asks for it."""
    with in_task():
        assert text(record(), url=url, context=False) == "INFO:shop.cart:hello"
        assert text(record(), url=url, context=False, task_format="%(task_id)s") == TASK_ID


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("%(message)s", "hello"),
        ("%(levelname)-8s|%(lineno)5d|%(message).3s", "INFO    |    7|hel"),
        ("%(message)s %(message)s", "hello hello"),
        ("100%% %(message)s %%(x)s", "100% hello %(x)s"),
        ("%(order)s %(message)s", "- hello"),
        ("%(order)d %(order)5.2f %(message)s", "- - hello"),
        ("%(levelname)d %(message)s", "INFO hello"),
        ("%(name)s", "shop.cart"),
        ("%(filename)s:%(funcName)s %(module)s %(message)s", "shop.py:add shop hello"),
    ],
)
def test_formats(url: str, form: str, expected: str) -> None:
    """Any %-style format works; a key a record lacks, or of another type, never loses the line."""
    assert text(record(), url=url, format=form) == expected


def test_time_in_the_format(url: str) -> None:
    """asctime is what logging.Formatter makes of it."""
    made = record()
    expected = logging.Formatter().formatTime(made)
    assert text(made, url=url, format="%(asctime)s %(message)s") == f"{expected} hello"


def test_fields_in_the_format(url: str) -> None:
    """extra=, bind() and constant fields can be named, and the event of a record."""
    form = "%(a)s %(b)s %(c)s %(event)s %(message)s"
    with bind(a=1, b=1, c=1):
        found = text(record(a=3, syslog_event="stdout"), url=url, format=form, fields={"b": 2, "c": 2})
    assert found == "3 1 1 stdout hello"


@pytest.mark.parametrize("name", PLAIN)
def test_nasty_texts(url: str, name: str) -> None:
    """Nasty texts go through as message, as argument and as field."""
    for made in (record("%s", PLAIN[name]), record(PLAIN[name])):
        assert text(made, url=url, format="<%(message)s") == f"<{PLAIN[name]}"
    assert text(record(order=PLAIN[name]), url=url, format="<%(order)s") == f"<{PLAIN[name]}"


@pytest.mark.parametrize("name", ESCAPED)
def test_controls(url: str, name: str) -> None:
    """Controls are escaped in the message and in whatever else a format names."""
    nasty, expected = ESCAPED[name]
    made = record(nasty, order=nasty, name=nasty)
    form = "<%(name)s|%(order)s|%(message)s"
    assert text(made, url=url, format=form) == f"<{expected}|{expected}|{expected}"
    assert text(made, url=url, format="<%(name)s|%(message)s") == f"<{expected}|{expected}"


def test_traceback(url: str) -> None:
    """The whole traceback follows the message, after what the format has behind it, cause and all."""
    made = record(exc_info=raised(ValueError("bad"), KeyError("cause")))
    whole = logging.Formatter("%(message)s!").format(logging.makeLogRecord(made.__dict__))
    found = text(made, url=url, format="%(message)s!")
    assert found == whole.replace("\n", "#012")
    assert "KeyError: 'cause'" in found
    assert "direct cause" in found


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_exception_group(url: str) -> None:
    """An exception group comes with all its members."""
    group = ExceptionGroup("many", [ValueError("one"), KeyError("two")])  # noqa: F821
    found = text(record(exc_info=raised(group)), url=url)
    assert "ValueError: one" in found
    assert "KeyError: 'two'" in found


def test_stack_and_cached_text(url: str) -> None:
    """Stack information follows too, and a traceback another handler left on the record is used."""
    made = record(exc_text="Traceback: from afar", stack_info="Stack (most recent call last): here")
    assert text(made, url=url).endswith(
        "hello#012Traceback: from afar#012Stack (most recent call last): here"
    )


def test_formatter(url: str) -> None:
    """Any logging.Formatter may write the message part; the record is not its to write to."""
    made = record(exc_info=raised(ValueError("bad")))
    before = dict(made.__dict__)
    encode = encoder(url=url)
    encode.formatter = logging.Formatter("{levelname} {message}", style="{")
    (data,) = encode(made)
    assert b" INFO hello#012Traceback" in data
    assert made.__dict__ == before
    encode.formatter = None
    assert b"INFO:shop.cart:hello" in encode(made)[0]


def test_broken_formatter(url: str) -> None:
    """A formatter that fails does not lose the line: the settings' format stands in and tells."""
    encode = encoder(url=url)
    encode.formatter = logging.Formatter("%(nothing)s")
    (data,) = encode(record())
    assert b"INFO:shop.cart:hello (the formatter failed: ValueError: " in data


def test_split_lines(url: str) -> None:
    """With split every line that is not blank is a message of its own that names the task."""
    with in_task():
        data = encoder(url=url, multiline="split")(record("one\n\n two\r\nthree\rfour"))
    lines = [line.rpartition(b"]: ")[2] for line in data]
    assert lines == [b"one", b" two", b"three", b"four"]
    assert all(f"INFO:shop.cart:{NAME}[{TASK_ID}]: ".encode() in line for line in data)


def test_split_traceback() -> None:
    """With split a traceback is a message a line too."""
    data = encoder(multiline="split")(record(exc_info=raised(ValueError("bad"))))
    assert data[1].endswith(b"INFO:shop.cart:Traceback (most recent call last):")
    assert data[-1].endswith(b"INFO:shop.cart:ValueError: bad")


def test_keep_lines(url: str) -> None:
    """With keep line feeds stay, and only they."""
    (data,) = encoder(url=url, multiline="keep")(record("one\ntwo\r\x1b"))
    assert data.endswith(b"one\ntwo#015#033")


def test_ident_and_pid(url: str) -> None:
    """The ident can change, and with it what was kept ready."""
    encode = encoder(url=url)
    with in_task():
        encode(record())
        encode.ident = "shop"
        encode.pid = 43
        assert b"shop" in encode(record())[0]
        assert b"43" in encode(record())[0]
        assert (encode.ident, encode.pid) == ("shop", 43)
