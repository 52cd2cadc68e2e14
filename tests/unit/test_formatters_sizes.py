"""Size: whatever is too long is cut into parts that stand alone, or cut short, and never too long."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from corpus import NASTY
from hypothesis import given, settings
from hypothesis import strategies as st
from records import FORMS, NAME, PEN, TASK_ID, decoded, encoder, in_task, one, raised, record

from celery_syslog.wire.decode import decode
from celery_syslog.wire.message import Message
from celery_syslog.wire.parts import join

TCP = "tcp://127.0.0.1:1"
TEXT_FORMS = [form for form in FORMS if form["format"] not in ("json", "cee")]
JSON_FORMS = [form for form in FORMS if form["format"] in ("json", "cee")]
LONG = "0123456789 " * 1000


def parts(made: logging.LogRecord, max_size: int, **form: Any) -> list[Message]:
    """The parts of a record, each checked for its size."""
    messages = encoder(max_size=max_size, **form)(made)
    assert all(len(message) <= max_size for message in messages)
    return [decode(message, strict=True) for message in messages]


@pytest.mark.parametrize(
    ("url", "size"),
    [
        ("/dev/log", 8192),
        ("udp://127.0.0.1:1", 2048),
        ("tcp://127.0.0.1:1", 65536),
        ("memory://x", 65536),
    ],
)
def test_limits_by_transport(url: str, size: int) -> None:
    """Unless set, the limit is the transport's, and it is used to the full."""
    lengths = [len(message) for message in encoder(url=url)(record("x" * 200000))]
    assert size - 10 <= max(lengths) <= size


@pytest.mark.parametrize("form", FORMS)
def test_at_the_limit(form: dict[str, Any]) -> None:
    """A message of exactly the limit is one; a byte more and it is two."""
    fixed = {"created": 1700000000.5, "msecs": 500.0}
    length = len(encoder(**form)(record("x" * 1000, **fixed))[0])
    assert len(encoder(max_size=length, **form)(record("x" * 1000, **fixed))) == 1
    assert len(encoder(max_size=length, **form)(record("x" * 1001, **fixed))) == 2


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_text_parts_stand_alone(form: dict[str, Any]) -> None:
    """Each part has the header, the task and which part it is; together they are the whole."""
    with in_task():
        made = record(LONG)
        messages = parts(made, 1000, **form)
        whole = one(made, **{**form, "max_size": 1000000})
    count = len(messages)
    assert count > 10
    for number, message in enumerate(messages, 1):
        assert f"{NAME}[{TASK_ID}]: " in message.msg
        assert f": (part {number}/{count}) " in message.msg
        if message.version == 1:
            expected = {"task_id": TASK_ID, "task_name": NAME, "part": f"{number}/{count}"}
            assert message.structured_data == {PEN: expected}
    assert join(messages).msg == whole.msg


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json_parts_stand_alone(form: dict[str, Any]) -> None:
    """Each part is a JSON object with all the short fields; the long ones go on from part to part."""
    made = record(LONG, order={"id": 7}, exc_info=raised(ValueError("bad " * 1000)))
    with in_task():
        messages = parts(made, 1500, **form)
        whole = one(made, **{**form, "max_size": 1000000})
    count = len(messages)
    for number, message in enumerate(messages, 1):
        fields = message.fields
        assert (fields["part"], fields["task_id"], fields["order"]) == (
            f"{number}/{count}",
            TASK_ID,
            {"id": 7},
        )
        assert (fields["severity"], fields["exc_type"]) == ("info", "ValueError")
        if message.version == 1:
            assert message.structured_data[PEN]["part"] == f"{number}/{count}"
    assert join(messages).fields == whole.fields


@settings(deadline=None, max_examples=50)
@given(
    text=st.text(st.characters(exclude_categories=()), min_size=1).map(lambda text: text * 300),
    size=st.integers(480, 1200),
    form=st.sampled_from(FORMS),
    tasked=st.booleans(),
)
def test_parts_reassemble_exactly(text: str, size: int, form: dict[str, Any], tasked: bool) -> None:
    """Whatever the text, its parts fit, decode strictly and join to exactly what one message would say."""
    made = record("%s", text, created=1700000000.5, msecs=500.0)

    def encoded(limit: int) -> list[Message]:
        return parts(made, limit, **form)

    if tasked:
        with in_task():
            messages, whole = encoded(size), encoded(100000000)
    else:
        messages, whole = encoded(size), encoded(100000000)
    joined = join(messages)
    if form["format"] in ("json", "cee"):
        assert joined.fields == whole[0].fields
    else:
        assert joined.msg == whole[0].msg
    assert joined.structured_data == whole[0].structured_data


@pytest.mark.parametrize("form", TEXT_FORMS)
def test_lines_stay_whole(form: dict[str, Any]) -> None:
    """A part ends with a line where lines are short enough."""
    lines = [f"line {number:04}" for number in range(500)]
    messages = parts(record("\n".join(lines)), 700, **form)
    assert all(message.msg.endswith("#012") for message in messages[:-1])


@pytest.mark.parametrize("form", FORMS)
def test_truncate(form: dict[str, Any]) -> None:
    """Cut short, a message says how many bytes went, and still fits and decodes."""
    with in_task():
        (message,) = parts(
            record(LONG, exc_info=raised(ValueError("bad"))), 1500, oversize="truncate", **form
        )
    assert "bytes cut]" in message.message
    assert message.message.startswith(("0123456789", "INFO", "["))
    kept = len(message.message.partition("...[")[0])
    cut = int(message.message.partition("...[")[2].partition(" ")[0])
    if form["format"] in ("json", "cee"):
        assert kept + cut == len(LONG)
        assert (message.fields["task_id"], message.fields["exc_type"]) == (TASK_ID, "ValueError")
    else:
        assert kept + cut > len(LONG)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("oversize", ["split", "truncate"])
@pytest.mark.parametrize(
    "fields",
    [
        {"big": "x" * 1000000},
        {"nested": {"deep": ["y" * 5000] * 10}},
        {f"field{number}": "value" for number in range(1000)},
        {f"{number}" * 500: "x" * 500 for number in range(9)},
    ],
)
def test_big_fields(form: dict[str, Any], oversize: str, fields: dict[str, Any]) -> None:
    """Fields that leave no room for the message are cut, with a mark, or left out."""
    made = record("hello")
    made.__dict__.update(fields)
    messages = parts(made, 2048, oversize=oversize, **form)
    assert "hello" in join(messages).message
    if "big" in fields and (form["protocol"] == "rfc5424" or form["format"] in ("json", "cee")):
        assert "characters cut]" in str(messages[0].param("big"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in NASTY if name.startswith("a megabyte")])
def test_a_megabyte(form: dict[str, Any], name: str) -> None:
    """A megabyte of anything is cut into parts that are the whole, in one pass."""
    messages = parts(record("%s", NASTY[name]), 8192, **form)
    length = sum(len(message.msg) for message in messages)
    assert length >= len(NASTY[name])
    if form["format"] in ("json", "cee"):
        assert join(messages).message == NASTY[name]


def test_long_beginning() -> None:
    """A beginning too long to repeat is written once."""
    made = record("text " * 100, name="n" * 3000)
    messages = parts(made, 1000)
    assert "n" * 3000 in join(messages).msg.replace("INFO:", "")


def test_split_lines_are_cut_too() -> None:
    """With one message a line, a line that is too long is still cut."""
    messages = decoded(record("short\n" + "x" * 2000), max_size=1000, multiline="split")
    assert messages[0].msg == "INFO:shop.cart:short"
    assert "(part 1/3)" in messages[1].msg


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json_stays_json(form: dict[str, Any]) -> None:
    """Text that is all escapes is cut between them."""
    for text in ("\0" * 5000, "\\" * 5000, '"\n' * 3000, "\U0001f600" * 2000, "\ud800" * 3000):
        messages = parts(record("%s", text), 600, **form)
        assert join(messages).message == text
        for message in messages:
            json.loads(message.msg.removeprefix("@cee:"))
