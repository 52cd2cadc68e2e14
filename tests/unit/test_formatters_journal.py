"""Entries for journald: every fact a field, line feeds kept, and the quick way as good as the long one."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pytest
from corpus import NASTY
from records import NAME, TASK_ID, encoder, in_task, raised, record, task
from support.entry import parse_entry

from celery_syslog.context import bind
from celery_syslog.errors import ConfigurationError
from celery_syslog.formatters.encoder import Encoder
from celery_syslog.formatters.journal import JournalEncoder
from celery_syslog.settings import settings_from
from celery_syslog.wire.escape import escape
from celery_syslog.wire.message import Message
from celery_syslog.wire.parts import join

URL = "journald://"

Fields = dict[str, str]


def journal(**settings: Any) -> JournalEncoder:
    """An encoder for the journal."""
    made = encoder(**{"url": URL, **settings})
    assert isinstance(made, JournalEncoder)
    return made


def entries(made: logging.LogRecord, **settings: Any) -> list[Fields]:
    """The entries a record becomes; no name is in one of them twice."""
    found = [parse_entry(data) for data in journal(**settings)(made)]
    assert all(len(dict(fields)) == len(fields) for fields in found)
    return [{name: value.decode() for name, value in fields} for fields in found]


def entry(made: logging.LogRecord, **settings: Any) -> Fields:
    """The one entry a record becomes."""
    (found,) = entries(made, **settings)
    return found


def test_plain_record() -> None:
    """Outside a task: message, priority, who logged, where in the code, and when."""
    made = record("paid %d", 3, created=1700000000.25)
    moment = datetime.fromtimestamp(1700000000.25).astimezone().isoformat(timespec="microseconds")
    assert entry(made, facility="local3", ident="shop") == {
        "MESSAGE": "INFO:shop.cart:paid 3",
        "PRIORITY": "6",
        "SYSLOG_FACILITY": "19",
        "SYSLOG_IDENTIFIER": "shop",
        "SYSLOG_PID": "42",
        "CELERY_TIMESTAMP": moment.replace("+00:00", "Z"),
        "CODE_FILE": "/app/shop.py",
        "CODE_LINE": "7",
        "CODE_FUNC": "add",
        "LOGGER": "shop.cart",
    }


def test_task() -> None:
    """Inside a task its fields are there, those without a value are not, and the event is if there is one."""
    with in_task(task(retries=2, queue="mail")):
        plain, printed = entry(record()), entry(record(syslog_event="stdout"))
    assert plain["MESSAGE"] == f"INFO:shop.cart:{NAME}[{TASK_ID}]: hello"
    wanted = {
        "CELERY_TASK_ID": TASK_ID,
        "CELERY_TASK_NAME": NAME,
        "CELERY_RETRIES": "2",
        "CELERY_QUEUE": "mail",
    }
    found = {name: value for name, value in plain.items() if name.startswith("CELERY_")}
    assert {**wanted, "CELERY_TIMESTAMP": found["CELERY_TIMESTAMP"]} == found
    assert printed["CELERY_EVENT"] == "stdout"


def test_celerys_own_line() -> None:
    """A line about a task from the main process has the task, the event and the runtime."""
    data = {"id": TASK_ID, "name": NAME, "return_value": "'secret'", "runtime": 1.5, "args": "()"}
    made = logging.LogRecord("celery.app.trace", 20, "t.py", 1, "%(name)s done", (data,), None)
    made.__dict__["data"] = data
    found = entry(made)
    assert (found["CELERY_EVENT"], found["CELERY_RUNTIME"]) == ("succeeded", "1.5")
    assert found["CELERY_TASK_ID"] == TASK_ID
    assert "CELERY_RETURN_VALUE" not in found
    assert entry(made, task_data=True)["CELERY_RETURN_VALUE"] == "'secret'"


def test_exception() -> None:
    """An exception has its type, text and traceback in fields, and the traceback in the message as lines."""
    found = entry(record("it broke", exc_info=raised(ValueError("no\nway")), stack_info="Stack:\n  here"))
    assert (found["EXC_TYPE"], found["EXC_MESSAGE"]) == ("ValueError", "no\nway")
    assert found["TRACEBACK"].startswith("Traceback (most recent call last):\n  File ")
    assert found["STACK_INFO"] == "Stack:\n  here"
    assert found["MESSAGE"] == f"INFO:shop.cart:it broke\n{found['TRACEBACK']}\nStack:\n  here"


def test_user_fields() -> None:
    """Fields of extra=, bind() and syslog_fields are upper-case; nested values are JSON; ours stay ours."""
    with bind(tenant="a\nb"):
        found = entry(
            record(nested={"a": [1, "ü"]}, none=None, message_id="f00", priority=0, celery_task_id="x"),
            fields={"site": "eu"},
        )
    assert (found["TENANT"], found["NESTED"], found["SITE"]) == ("a\nb", '{"a": [1, "ü"]}', "eu")
    assert (found["NONE"], found["MESSAGE_ID"]) == ("None", "f00")
    assert (found["PRIORITY"], found["EXTRA_PRIORITY"]) == ("6", "0")
    assert found["EXTRA_CELERY_TASK_ID"] == "x"
    assert "CELERY_TASK_ID" not in found


@pytest.mark.parametrize(
    "form", ["%(message)s", "%(levelname)s\n%(message)s!", "json", "[%(asctime)s] %(message)s"]
)
@pytest.mark.parametrize("name", NASTY)
def test_both_ways_agree(form: str, name: str) -> None:
    """The quick way gives what the long way gives, for any text, as message and as a field."""
    encode = journal(format=form, task_format=form, fields={"site": "eu\nus"})
    for current in (None, task(queue="mail")):
        for extra in ({}, {"note": NASTY[name][:1000], "order": 7}):
            made = record(NASTY[name], created=1700000000.0000004, **extra)
            if current is None:
                quick = encode(made)
            else:
                with in_task(current):
                    quick = encode(made)
            assert list(quick) == Encoder._encode(encode, made, current)
            (fields,) = map(dict, map(parse_entry, quick))
            if form == "%(message)s":
                assert fields["MESSAGE"] == escape(NASTY[name], keep_newlines=True)
            if extra:
                assert fields["NOTE"] == escape(NASTY[name][:1000], keep_newlines=True)


def test_nothing_recurs_that_must_not() -> None:
    """Line, function, level, logger, ident and process are those of each record, however often it recurs."""
    encode = journal()
    for line in (7, 8):
        for level in (logging.INFO, logging.ERROR):
            for name in ("a", "b"):
                made = logging.LogRecord(name, level, "/app/x.py", line, "hello", (), None, "f")
                found = dict(parse_entry(encode(made)[0]))
                assert (found["CODE_LINE"], found["LOGGER"]) == (b"%d" % line, name.encode())
                assert found["PRIORITY"] == {20: b"6", 40: b"3"}[level]
    encode.ident, encode.pid = "other", 43
    found = dict(parse_entry(encode(record())[0]))
    assert (found["SYSLOG_IDENTIFIER"], found["SYSLOG_PID"]) == (b"other", b"43")


def test_no_size_by_default() -> None:
    """A message of any size is one entry."""
    assert entry(record("x" * 3_000_000))["MESSAGE"].endswith("x" * 3_000_000)


@pytest.mark.parametrize("text", ["word " * 2000, "line\n" * 2000])
def test_split_and_truncated_if_asked(text: str) -> None:
    """With syslog_max_size a message comes in parts that keep to it and make it up, or is cut short."""
    made = record(text, note="n" * 5000)
    options: dict[str, Any] = {"max_size": 1500, "format": "%(message)s"}
    assert all(len(data) <= 1500 for data in journal(**options)(made))
    parts = entries(made, **options)
    assert len(parts) > 5
    assert join([Message(msg=part["MESSAGE"]) for part in parts]).msg == text
    assert {part["CODE_LINE"] for part in parts} == {"7"}
    (cut,) = journal(**options, oversize="truncate")(made)
    assert len(cut) <= 1500
    assert b"bytes cut]" in dict(parse_entry(cut))["MESSAGE"]


def test_one_entry_a_line() -> None:
    """With syslog_multiline = "split" each line is an entry."""
    assert [
        found["MESSAGE"] for found in entries(record("a\nb"), multiline="split", format="%(message)s")
    ] == [
        "a",
        "b",
    ]


def test_json_in_the_message() -> None:
    """With JSON as the format the message is an object, and the fields are fields nevertheless."""
    found = entry(record(order=7), format="json")
    assert '"order":7' in found["MESSAGE"].replace(" ", "")
    assert found["ORDER"] == "7"


def test_formatter() -> None:
    """Any formatter can write the message, its line feeds kept."""
    encode = journal()
    encode.formatter = logging.Formatter("%(levelname)s\n%(message)s")
    assert dict(parse_entry(encode(record())[0]))["MESSAGE"] == b"INFO\nhello"


def test_redacted() -> None:
    """What is secret is masked in the message and in fields."""
    found = entry(record("password=x", password="y"), redact=["password"])
    assert found["MESSAGE"].endswith("password=***")
    assert found["PASSWORD"] == "***"


def test_a_record_made_by_hand() -> None:
    """A record that lacks what it should have, or cannot be read at all, is told of all the same."""
    made = logging.makeLogRecord({"msg": "%d", "args": ("x",), "levelno": 40})
    made.__dict__["pathname"] = None
    del made.__dict__["funcName"]
    found = entry(made)
    assert "with arguments ('x',)" in found["MESSAGE"]
    assert not {"CODE_FILE", "CODE_FUNC"} & set(found)
    found = entry(logging.makeLogRecord({"msg": "x", "levelno": None}))
    assert "could not be written: TypeError" in found["MESSAGE"]
    assert found["PRIORITY"] == "4"


def test_nothing_else_stands_beside_it() -> None:
    """Failover between the journal and anything else is a mistake: what one takes the other does not."""
    with pytest.raises(ConfigurationError, match="journald"):
        settings_from(url="journald://;/dev/log")
    assert len(settings_from(url="journald://;journald:///other").url) == 2
