"""Cutting long messages: every piece fits, ends well, and together they are the whole."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celery_syslog.wire.escape import escape
from celery_syslog.wire.message import Message
from celery_syslog.wire.parts import cut_json, cut_text, head_of, join, marker

ANY_TEXT = st.text(st.characters(exclude_categories=()))
LONG_TEXTS = st.one_of(
    st.text(st.sampled_from('a\n #01\\"é漢😀\0\ud800'), max_size=400),
    ANY_TEXT.map(lambda text: text * 20),
)


@given(LONG_TEXTS, st.integers(8, 100), st.booleans())
def test_text_chunks(text: str, room: int, keep: bool) -> None:
    """Chunks of text fit, are whole characters and whole escapes, and join to the text."""
    data = escape(text, keep)
    chunks = cut_text(data, room)
    assert b"".join(chunks) == data
    for chunk in chunks:
        assert len(chunk) <= room
        chunk.decode()


@given(st.lists(st.sampled_from(["line one", "another line", "x"]), min_size=1), st.integers(40, 80))
def test_text_is_cut_at_line_ends(lines: list[str], room: int) -> None:
    """Where lines are short enough, every chunk but the last ends with a line."""
    text = "\n".join(lines)
    for data, end in ((escape(text), b"#012"), (escape(text, True), b"\n")):
        assert all(chunk.endswith(end) for chunk in cut_text(data, room)[:-1])


@given(st.lists(st.sampled_from(["word", "a", "longer"]), min_size=1), st.integers(1, 3), st.integers(40, 80))
def test_text_is_cut_before_spaces(words: list[str], width: int, room: int) -> None:
    """Between words no chunk but the last ends with a space, which journald would drop."""
    data = (" " * width).join(words).encode()
    chunks = cut_text(data, room)
    assert b"".join(chunks) == data
    assert all(not chunk.endswith(b" ") and after.startswith(b" ") for chunk, after in pairwise(chunks))


def test_escape_stays_whole() -> None:
    """No chunk ends inside an escape."""
    data = escape("\0" * 100)
    for room in range(8, 40):
        assert all(len(chunk) % 4 == 0 for chunk in cut_text(data, room))


@given(st.lists(LONG_TEXTS, min_size=1, max_size=3), st.integers(100, 200))
def test_json_chunks(texts: list[str], room: int) -> None:
    """Chunks of JSON members fit, are valid JSON each, and the fields join to the texts."""
    names = ["message", "exc_message", "traceback"][: len(texts)]
    encoded = [
        (name, json.dumps(text, ensure_ascii=True)[1:-1].encode())
        for name, text in zip(names, texts, strict=True)
    ]
    found = dict.fromkeys(names, "")
    for chunk in cut_json(encoded, room):
        assert len(chunk) <= room
        for name, value in json.loads(b"{" + chunk + b"}").items():
            found[name] += value
    assert [json.dumps(found[name]) for name in names] == [json.dumps(text) for text in texts]


def test_name_once_in_an_object() -> None:
    """A text cut early, at a line break, goes on in the next chunk, however much room is left."""
    text = "\\n".join(["a" * 200, "b" * 300, "c"])
    chunks = [json.loads(b"{" + chunk + b"}") for chunk in cut_json([("message", text.encode())], 400)]
    assert "".join(chunk["message"] for chunk in chunks) == text.replace("\\n", "\n")


@given(LONG_TEXTS, st.integers(0, 50))
def test_head_of_text(text: str, room: int) -> None:
    """The head of a text fits, begins the text and is whole characters."""
    data = escape(text)
    head = head_of(data, room)
    assert len(head) <= room
    assert data.startswith(head)
    head.decode()


@given(LONG_TEXTS, st.integers(0, 50))
def test_head_of_json(text: str, room: int) -> None:
    """The head of a JSON string is one."""
    head = head_of(json.dumps(text)[1:-1].encode(), room, in_json=True)
    assert len(head) <= room
    json.loads(b'"' + head + b'"')


def test_join_text() -> None:
    """Parts of RFC 3164 text have a marker each, and the beginning they share comes once."""
    parts = [f"INFO:a: {marker(f'{number}/2').decode()}{text}" for number, text in ((1, "one "), (2, "two"))]
    messages = [Message(app_name="a", msg=text, version=0) for text in parts]
    assert join(messages) == Message(app_name="a", msg="INFO:a: one two", version=0)


def test_join_structured() -> None:
    """Parts of RFC 5424 are told by structured data too, which loses that again."""
    data = [{"celery@1": {"task_id": "x", "part": f"{number}/2"}, "extra@1": {"a": "b"}} for number in (1, 2)]
    messages = [
        Message(structured_data=data[0], msg="a: (part 1/2) (part 1/2) "),
        Message(structured_data=data[1], msg="a: (part 2/2) two"),
    ]
    expected = {"celery@1": {"task_id": "x"}, "extra@1": {"a": "b"}}
    assert join(messages) == Message(structured_data=expected, msg="a: (part 1/2) two")


def test_join_fields() -> None:
    """Parts of JSON join field by field."""
    fields = [
        {"task_id": "x", "part": "1/2", "message": "one "},
        {"task_id": "x", "part": "2/2", "message": "two", "traceback": "t"},
    ]
    joined = join([Message(msg=json.dumps(part), fields=part) for part in fields])
    assert joined.fields == {"task_id": "x", "message": "one two", "traceback": "t"}
    assert json.loads(joined.msg) == joined.fields


@pytest.mark.parametrize("version", [0, 1])
def test_join_of_one(version: int) -> None:
    """A message that was never cut is its own whole."""
    data = {"a@1": {"b": "c", "part": "x"}} if version else {}
    message = Message(structured_data=data, msg="(part 1/1) text", version=version)
    assert join([message]) == message
