"""Records made to break a formatter: each still goes out, none is written to, and both ways agree."""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import FORMS, decoded, encoder, in_task, one, raised, record

from celery_syslog.context import bind
from celery_syslog.formatters.encoder import Encoder
from celery_syslog.wire.decode import decode

BASIC = [form for form in FORMS if form["format"] == logging.BASIC_FORMAT]
#: The forms that have a short way.
QUICK = [form for form in FORMS if "asctime" not in form["format"]]


class Unprintable:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for you")


class Liar(str):
    """Text that lies about itself."""

    def __str__(self) -> str:
        return "lie"

    def encode(self, *_: Any) -> bytes:
        raise RuntimeError("no bytes for you")

    def isascii(self) -> bool:
        raise RuntimeError("no")


class Mapping(dict[str, Any]):
    """A mapping that cannot be looked into."""

    def items(self) -> Any:
        raise RuntimeError("no items for you")


def nested(depth: int) -> list[Any]:
    """A list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def endless() -> dict[str, Any]:
    """A mapping that holds itself, twice."""
    value: dict[str, Any] = {"a": 1}
    value["self"] = [value, value]
    return value


HOSTILE: dict[str, logging.LogRecord] = {
    "too few arguments": record("%s %s", 1),
    "too many arguments": record("hello", 1, 2),
    "wrong type": record("%d", "x"),
    "bad conversion": record("%y", 1),
    "bare percent": record("100%", 1),
    "mapping without the key": record("%(a)s", {"b": 1}),
    "unprintable argument": record("%s", Unprintable()),
    "unprintable message": record(Unprintable()),
    "unprintable everything": record(Unprintable(), Unprintable()),
    "bytes": record(b"\xff\xfe"),
    "none": record(None),
    "lying message": record(Liar("truth")),
    "lying argument": record("%s", Liar("truth")),
    "lying field": record(order=Liar("truth")),
    "unprintable field": record(order=Unprintable(), deep={"a": [Unprintable()]}),
    "mapping that fails": record(order=Mapping(a=1)),
    "field that holds itself": record(order=endless()),
    "deep field": record(order=nested(5000)),
    "huge number": record(order=10**5000, small=-(10**5000)),
    "infinite": record(order=math.inf, other=-math.inf),
    "exc_info is True": record(exc_info=True),
    "exc_info is an exception": record(exc_info=ValueError("x")),
    "exc_info is empty": record(exc_info=(None, None, None)),
    "exc_info is nonsense": record(exc_info=(1, 2, 3)),
    "exc_info is short": record(exc_info=("x",)),
    "exc_text is nonsense": record(exc_text=object()),
    "stack_info is nonsense": record(stack_info=object()),
    "exception without text": record(exc_info=raised(type("Bad", (Exception,), {"__str__": None})())),
    "created is text": record(created="yesterday"),
    "created is NaN": record(created=math.nan),
    "created is infinite": record(created=math.inf),
    "created before 1970": record(created=-1.5),
    "created far ahead": record(created=1e18),
    "created in the year 9999": record(created=253402300799.9),
    "msecs is missing": record(msecs=None),
    "level is text": record(levelno="high"),
    "level is none": record(levelno=None),
    "level is negative": record(levelno=-5),
    "level name is none": record(levelname=None),
    "name is none": record(name=None),
    "name is a list": record(name=[]),
    "name has controls": record(name="a\n<0>b\x1b"),
    "args is nonsense": record("%s", args=5),
    "lineno is text": record(lineno="seven"),
    "pathname is none": record(pathname=None, filename=None),
    "data of Celery's that is none": record(name="celery.app.trace", data=5, args=7),
    "event is nonsense": record(syslog_event=["\n", None]),
}
for name in ("created", "msg", "args", "levelno", "exc_info", "name", "levelname"):
    HOSTILE[f"without {name}"] = record()
    del HOSTILE[f"without {name}"].__dict__[name]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("redact", [(), ("password", "hello")])
@pytest.mark.parametrize("tasked", [False, True])
def test_every_record_goes_out(name: str, redact: tuple[str, ...], tasked: bool) -> None:
    """Whatever is wrong with a record, it goes out as one message that decodes, and stays as it was."""
    made = HOSTILE[name]
    before = dict(made.__dict__)
    for form in FORMS:
        if tasked:
            with in_task():
                messages = decoded(made, redact=redact, **form)
        else:
            messages = decoded(made, redact=redact, **form)
        assert len(messages) == 1 or name == "huge number"
        assert list(made.__dict__) == list(before)
        assert all(made.__dict__[key] is before[key] for key in before)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_wrong_is_said(form: dict[str, Any]) -> None:
    """A message whose arguments do not fit is sent with both, and with what is wrong."""
    text = one(record("%d items", "x"), **form).message
    assert (
        "'%d items' with arguments ('x',) (TypeError: %d format: a real number is required, not str)" in text
    )


@pytest.mark.parametrize("form", FORMS)
def test_record_that_cannot_be_written(form: dict[str, Any]) -> None:
    """Of a record that cannot be written at all there is a line that says so."""
    text = one(record(created="yesterday"), **form).msg
    assert text.startswith("a record of logger 'shop.cart' could not be written: TypeError")


class SoftTimeLimitExceeded(Exception):
    """Stands for billiard's: it is told by its name."""


class Slow:
    """An object whose text takes so long that the task's soft limit comes meanwhile, once."""

    reached = False

    def __str__(self) -> str:
        if not self.reached:
            self.reached = True
            raise SoftTimeLimitExceeded
        return "slow"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("place", ["argument", "field", "nested"])
@pytest.mark.parametrize("redact", [(), ("password",)])
def test_soft_limit_goes_through(form: dict[str, Any], place: str, redact: tuple[str, ...]) -> None:
    """A soft time limit raised while a record is written is the task's, and is not swallowed."""
    slow = Slow()
    made = record("%s", slow) if place == "argument" else record(order=slow if place == "field" else [slow])
    try:
        encoder(redact=redact, **form)(made)
    except SoftTimeLimitExceeded:
        return
    assert not slow.reached


@pytest.mark.parametrize("form", FORMS)
def test_logging_while_a_soft_limit_is_handled(form: dict[str, Any]) -> None:
    """A bad log call in the very handler of a soft limit does not raise the limit again."""
    try:
        raise SoftTimeLimitExceeded
    except SoftTimeLimitExceeded:
        assert "with arguments" in one(record("%d", "x", order=Unprintable()), **form).message


ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=())),
        st.binary(), st.builds(Unprintable), st.dates(), st.decimals(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(deadline=None)
@given(
    message=ANYTHING,
    args=st.lists(ANYTHING, max_size=2),
    fields=st.dictionaries(st.text(), ANYTHING, max_size=3),
    form=st.sampled_from(FORMS),
    multiline=st.sampled_from(["escape", "split", "keep"]),
)
def test_any_record(
    message: Any, args: list[Any], fields: dict[str, Any], form: dict[str, Any], multiline: str
) -> None:
    """Any message, arguments and fields make messages without a control byte that decode strictly."""
    made = record(message, *args)
    made.__dict__.update({name: value for name, value in fields.items() if name not in made.__dict__})
    before = dict(made.__dict__)
    messages = encoder(multiline=multiline, **form)(made)
    assert messages
    for data in messages:
        decode(data, strict=True)
        shown = data.decode()
        allowed = "\n" if multiline == "keep" else ""
        assert not [char for char in shown if char not in allowed and (char < " " or "\x7f" <= char < "\xa0")]
        assert "\u2028" not in shown
        assert multiline == "keep" or len(shown.splitlines()) == 1
    assert made.__dict__ == before or any(value != value for value in before.values())


@settings(deadline=None)
@given(
    text=st.text(st.characters(exclude_categories=())),
    fields=st.dictionaries(st.sampled_from("abc"), st.text() | st.integers(), max_size=2),
    bound=st.dictionaries(st.sampled_from("bcd"), st.text(), max_size=2),
    form=st.sampled_from(QUICK),
    created=st.floats(0, 4e9),
    options=st.sampled_from(
        [
            {},
            {"multiline": "split"},
            {"multiline": "keep"},
            {"fields": {"a": 1, "z": "]"}},
            {"context": False},
        ]
    ),
    tasked=st.booleans(),
)
def test_short_way_is_the_long_way(
    text: str,
    fields: dict[str, Any],
    bound: dict[str, str],
    form: dict[str, Any],
    created: float,
    options: dict[str, Any],
    tasked: bool,
) -> None:
    """The short way for ordinary records gives the same bytes as the long one, the first time and after."""
    made = record(text, created=created, **fields)
    quick = encoder(**form, **options)
    assert type(quick) is not Encoder
    with bind(**bound):
        if tasked:
            with in_task():
                found = [list(quick(made)) for _ in range(2)]
                expected = list(quick.slow(made))
        else:
            found = [list(quick(made)) for _ in range(2)]
            expected = list(quick.slow(made))
    assert found == [expected, expected]


def test_times_move_on() -> None:
    """What is kept for a second is not used in another, and the task's pieces not for another task."""
    encode = encoder(url="tcp://127.0.0.1:1")
    for created in (1700000000.0, 1700000000.999999, 1700000001.0, 1699999999.5, 1700000000.5):
        (data,) = encode(record(created=created))
        stamp = decode(data, strict=True).timestamp
        assert stamp is not None
        assert stamp.timestamp() == created


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@pytest.mark.parametrize("form", BASIC)
def test_pid_after_fork(form: dict[str, Any]) -> None:
    """A forked child's messages have the child's process id."""
    encode = encoder(pid=None, **form)
    assert decode(encode(record())[0]).pid == os.getpid()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, encode(record())[0])
        os._exit(0)
    os.waitpid(child, 0)
    found = decode(os.read(reading, 10000)).pid
    os.close(reading)
    os.close(writing)
    assert found == child


@pytest.mark.parametrize("form", FORMS)
def test_many_threads(form: dict[str, Any]) -> None:
    """Any number of threads may use an encoder: each gets its own record's messages."""
    encode = encoder(**form)
    wrong: list[str] = []

    def work(number: int) -> None:
        for step in range(200):
            made = record(f"{number}-{step}", created=1700000000 + step / 7, name=f"logger{number}")
            message = decode(encode(made)[0], strict=True)
            if not message.message.endswith(f"{number}-{step}") or f"logger{number}" not in (
                message.msg if "BASIC" in form else message.msg + f"logger{number}"
            ):
                wrong.append(message.msg)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert wrong == []


def test_many_call_sites() -> None:
    """A format that names the line keeps only so much for it."""
    encode = encoder(format="%(lineno)d %(message)s")
    for line in range(5000):
        assert encode(record(lineno=line))[0].endswith(f"{line} hello".encode())
