"""Fields: those of the task, of Celery's lines and of the user, in structured data, JSON and CEE."""

from __future__ import annotations

import json
import sys
import uuid
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from corpus import ESCAPED, PLAIN
from records import NAME, PEN, TASK_ID, encoder, extra, in_task, one, raised, record, task

from celery_syslog.context import TASK_FIELDS, bind

TCP = "tcp://127.0.0.1:1"
ALL = {
    "task_id": TASK_ID,
    "task_name": NAME,
    "root_id": "r",
    "parent_id": "p",
    "group_id": "g",
    "retries": 2,
    "queue": "mail",
    "worker": "celery@web1",
}


@pytest.fixture(params=["json", "cee"])
def form(request: pytest.FixtureRequest) -> str:
    """Both JSON formats."""
    found: str = request.param
    return found


def test_task_in_structured_data() -> None:
    """Every field of the task is a parameter of celery@PEN, in order."""
    with in_task(task(**ALL)):
        message = one(record(), url=TCP)
    assert list(message.structured_data[PEN]) == list(TASK_FIELDS)
    assert message.structured_data == {PEN: {name: str(value) for name, value in ALL.items()}}
    assert (message.event, message.task_id, message.task_name) == (None, TASK_ID, NAME)


def test_no_structured_data() -> None:
    """Outside a task, without fields, structured data is nil."""
    assert one(record(), url=TCP).structured_data == {}


def test_enterprise_id() -> None:
    """The enterprise number is the user's."""
    with in_task():
        message = one(record(order=1), url=TCP, enterprise_id="11111.2")
    assert list(message.structured_data) == ["celery@11111.2", "extra@11111.2"]


def test_json(form: str) -> None:
    """A JSON message says everything at the top level."""
    made = record("paid %d", 3, created=1700000000.25)
    with in_task(task(**ALL)):
        message = one(made, format=form, facility="local3")
    assert message.msg.startswith('@cee: {"' if form == "cee" else '{"')
    stamp = datetime.fromisoformat(message.fields["timestamp"].replace("Z", "+00:00"))
    assert stamp == datetime.fromtimestamp(1700000000.25, timezone.utc)
    assert message.fields == {
        "timestamp": message.fields["timestamp"],
        "severity": "info",
        "facility": "local3",
        "ident": "celery",
        "pid": 42,
        "logger": "shop.cart",
        "level": "INFO",
        "message": "paid 3",
        **ALL,
    }


def test_json_over_rfc5424(form: str) -> None:
    """JSON over RFC 5424 has the task in structured data as well, where collectors route by it."""
    with in_task():
        message = one(record(order={"id": 7}), url=TCP, format=form)
    assert message.structured_data == {PEN: {"task_id": TASK_ID, "task_name": NAME}}
    assert message.fields["order"] == {"id": 7}


def test_wanted_fields(form: str) -> None:
    """With a list of fields only these are written."""
    with in_task(task(**ALL)):
        message = one(record(), url=TCP, context=["queue", "task_id"])
        fields = one(record(), format=form, context=["queue", "task_id"]).fields
    assert message.structured_data == {PEN: {"task_id": TASK_ID, "queue": "mail"}}
    assert (fields["task_id"], fields["queue"], "worker" in fields) == (TASK_ID, "mail", False)


def test_no_context(form: str) -> None:
    """Without context there is no field of the task."""
    with in_task():
        assert one(record(), url=TCP, context=False).structured_data == {}
        assert "task_id" not in one(record(), format=form, context=False).fields


VALUES = [
    ("text", "text", "text"),
    (7, "7", 7),
    (1.5, "1.5", 1.5),
    (True, "True", True),
    (None, "None", None),
    ({"a": [1, None]}, '{"a": [1, null]}', {"a": [1, None]}),
    ([1, "b"], '[1, "b"]', [1, "b"]),
    ((1, 2), "[1, 2]", [1, 2]),
    ({1: "one"}, '{"1": "one"}', {"1": "one"}),
    ({(1, 2): 3}, '{"(1, 2)": 3}', {"(1, 2)": 3}),
    (float("nan"), "nan", None),
    (2**70, str(2**70), 2**70),
    (Decimal("1.5"), "1.5", "1.5"),
    (uuid.UUID(int=1), str(uuid.UUID(int=1)), str(uuid.UUID(int=1))),
]


@pytest.mark.parametrize(("value", "as_text", "as_json"), VALUES)
@pytest.mark.parametrize("fast", [True, False])
def test_values(
    monkeypatch: pytest.MonkeyPatch, form: str, fast: bool, value: Any, as_text: str, as_json: Any
) -> None:
    """Values of extra= keep their shape in JSON, with orjson or without, and become text elsewhere."""
    if not fast:
        monkeypatch.setitem(sys.modules, "pythonjsonlogger.orjson", None)
    assert extra(one(record(order=value), url=TCP)) == {"order": as_text}
    found = one(record(order=value), format=form).fields["order"]
    assert found == as_json or (as_json is None and found == "nan")


def test_objects(form: str) -> None:
    """Dates are ISO 8601, and an object JSON has no form for is its text."""

    class Colour(Enum):
        RED = 1

    class Thing:
        def __repr__(self) -> str:
            return "a thing"

    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    fields = one(record(at=moment, colour=Colour.RED, thing=Thing()), format=form).fields
    assert fields["at"].startswith("2026-01-02T03:04:05")
    assert fields["thing"] == "a thing"
    assert fields["colour"] in (1, "Colour.RED")


@pytest.mark.parametrize("name", [*PLAIN, *ESCAPED])
@pytest.mark.parametrize("fast", [True, False])
def test_nasty_texts(monkeypatch: pytest.MonkeyPatch, form: str, fast: bool, name: str) -> None:
    """JSON gives any text back exactly: message, field name, value, nested or not."""
    if not fast:
        monkeypatch.setitem(sys.modules, "pythonjsonlogger.orjson", None)
    nasty = PLAIN.get(name) or ESCAPED[name][0]
    message = one(record("%s", nasty, order={"deep": [nasty]}, plain=nasty), format=form)
    assert (message.message, message.fields["order"], message.fields["plain"]) == (
        nasty,
        {"deep": [nasty]},
        nasty,
    )
    (data,) = encoder(format=form)(record("%s", nasty))
    data.decode()
    assert not any(byte < 0x20 or byte == 0x7F for byte in data)


@pytest.mark.parametrize("name", [*PLAIN, *ESCAPED])
def test_nasty_values_of_structured_data(name: str) -> None:
    """Structured data gives any text back, controls escaped."""
    nasty, expected = ESCAPED.get(name, (PLAIN.get(name, ""),) * 2)
    assert extra(one(record(order=nasty), url=TCP)) == {"order": expected}


def test_nasty_names() -> None:
    """A name the grammar forbids becomes one it allows; an underscore in front keeps a field private."""
    made = record()
    made.__dict__.update({'a ="]b': 1, "é": 2, "": 3, "n" * 40: 4, 5: 5, "_private": 6})
    message = one(made, url=TCP)
    assert extra(message) == {"a____b": "1", "_": "2,3", "n" * 32: "4", "5": "5"}
    assert one(made, format="json").fields["5"] == 5


def test_precedence() -> None:
    """extra= wins over bind(), bind() over constant fields, and inner bind() over outer."""
    fields = {"a": "constant", "b": "constant", "c": "constant", "d": "constant"}
    with bind(b="outer", c="outer", d="outer"), bind(c="inner", d="inner"):
        made = record(d="extra")
        message = one(made, url=TCP, fields=fields)
        found = one(made, format="json", fields=fields).fields
    expected = {"a": "constant", "b": "outer", "c": "inner", "d": "extra"}
    assert extra(message) == expected
    assert {name: found[name] for name in expected} == expected


def test_reserved_names(form: str) -> None:
    """A field of the user's cannot pass for one of ours: it is called extra_ and its name."""
    with in_task():
        fields = one(record(severity="emerg", task_id="forged", event="failed", part="x"), format=form).fields
        message = one(record(task_id="forged"), url=TCP)
    assert (fields["severity"], fields["task_id"]) == ("info", TASK_ID)
    assert fields["extra_severity"] == "emerg"
    assert fields["extra_task_id"] == "forged"
    assert fields["extra_event"] == "failed"
    assert fields["extra_part"] == "x"
    assert "event" not in fields
    assert (message.structured_data[PEN]["task_id"], extra(message)) == (TASK_ID, {"task_id": "forged"})


def test_what_other_formatters_leave() -> None:
    """What formatters write on records is no field of the user's: Celery's task names among it."""
    left = {"message": "hello", "asctime": "now", "task_id": "???", "task_name": "???", "taskName": "Task-1"}
    assert one(record(**left), url=TCP).structured_data == {}
    with in_task():
        message = one(record(**{**left, "task_id": TASK_ID, "task_name": NAME}), url=TCP)
    assert list(message.structured_data) == [PEN]


def test_exceptions_in_json(form: str) -> None:
    """An exception is its type, text and whole traceback, the stack beside it."""
    made = record(exc_info=raised(ValueError("bad\nvalue"), KeyError("cause")), stack_info="Stack: here")
    fields = one(made, format=form).fields
    assert (fields["exc_type"], fields["exc_message"], fields["message"]) == (
        "ValueError",
        "bad\nvalue",
        "hello",
    )
    assert "KeyError: 'cause'" in fields["traceback"]
    assert fields["traceback"].endswith("ValueError: bad\nvalue")
    assert fields["stack_info"] == "Stack: here"
    assert made.exc_text is None


def test_exception_of_a_package(form: str) -> None:
    """The type of an exception is told with its module."""
    fields = one(record(exc_info=raised(json.JSONDecodeError("bad", "x", 0))), format=form).fields
    assert fields["exc_type"] == "json.decoder.JSONDecodeError"


def test_captured_streams(form: str) -> None:
    """A line of print() or stderr says so."""
    assert one(record(syslog_event="stdout"), url=TCP).event == "stdout"
    assert one(record(syslog_event="stderr"), url=TCP).structured_data == {}
    assert one(record(syslog_event="stdout"), format=form).fields["event"] == "stdout"


TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_trace_ids_on_the_record(form: str) -> None:
    """OpenTelemetry's ids on a record are told by the names everybody uses; its zeros are none."""
    ids = {"otelTraceID": TRACE, "otelSpanID": SPAN, "otelTraceSampled": True, "otelServiceName": "shop"}
    assert one(record(**ids), url=TCP).structured_data == {PEN: {"trace_id": TRACE, "span_id": SPAN}}
    fields = one(record(**ids), format=form).fields
    assert (fields["trace_id"], fields["span_id"], "otelTraceSampled" in fields) == (TRACE, SPAN, False)
    assert one(record(**{**ids, "otelTraceID": "0", "otelSpanID": "0"}), url=TCP).structured_data == {}


@pytest.mark.parametrize("valid", [True, False])
def test_trace_ids_of_the_current_span(monkeypatch: pytest.MonkeyPatch, valid: bool) -> None:
    """Where nothing put them on the record, they are the current span's."""
    module: Any = ModuleType("opentelemetry.trace")
    span = SimpleNamespace(trace_id=int(TRACE, 16), span_id=int(SPAN, 16), is_valid=valid)
    module.get_current_span = lambda: SimpleNamespace(get_span_context=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    expected = {PEN: {"trace_id": TRACE, "span_id": SPAN}} if valid else {}
    assert one(record(), url=TCP).structured_data == expected


def test_trace_module_that_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tracing module that fails costs nothing but its ids."""
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", ModuleType("opentelemetry.trace"))
    assert one(record(), url=TCP).structured_data == {}


def test_severity() -> None:
    """Severity follows the level's range, or syslog_levels."""
    found = [
        one(record(levelno=level), levels={25: "alert", "DEBUG": "emerg"}).severity
        for level in (10, 25, 26, 55)
    ]
    assert found == [0, 1, 5, 2]
    assert one(record(levelno=25), format="json", levels={25: "alert"}).fields["severity"] == "alert"
