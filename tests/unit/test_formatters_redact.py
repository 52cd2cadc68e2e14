"""Redaction: what is named secret is in no message, wherever it stood."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from records import FORMS, extra, one, raised, record

from celery_syslog.formatters.redact import Redactor

TCP = "tcp://127.0.0.1:1"
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"password={SECRET}", "password=***"),
        (f"password: {SECRET}, user: bob", "password: ***, user: bob"),
        (f"PASSWORD = '{SECRET} and more' x", "PASSWORD = '***' x"),
        (f"{{'password': '{SECRET}', 'user': 'bob'}}", "{'password': '***', 'user': 'bob'}"),
        (f'{{"password": "{SECRET}"}}', '{"password": "***"}'),
        (f"https://x/?user=bob&password={SECRET}&a=b", "https://x/?user=bob&password=***&a=b"),
        (f"db_password={SECRET}", "db_password=***"),
        ("the password is wrong", "the password is wrong"),
        ("password=", "password="),
        ("token=abc password=x", "token=*** password=***"),
    ],
)
def test_names_in_text(text: str, expected: str) -> None:
    """What is assigned to a name in a text is masked, quoted or not, and nothing else is."""
    assert Redactor(["password", "token"]).text(text) == expected


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"\d{4}-\d{4}", "card 1234-5678!", "card ***!"),
        (r"card (\d{4})-(\d{4})", "card 1234-5678!", "card ***-***!"),
        (r"(?:Bearer) (\S+)", "Bearer abc, Bearer def", "Bearer *** Bearer ***"),
        (r"(a)?b(c)?", "b abc bc", "b ***b*** b***"),
        (r"((x)y)", "xy", "***"),
        (r"(?<=(k))=\w+", "k=v", "k=v"),
    ],
)
def test_patterns(pattern: str, text: str, expected: str) -> None:
    """A pattern masks its groups or, if it has none, all it matches."""
    assert Redactor([pattern]).text(text) == expected


@pytest.mark.parametrize("form", FORMS)
def test_everywhere(form: dict[str, Any]) -> None:
    """A secret is masked in message, arguments, fields at any depth, names of the text, and tracebacks."""
    made = record(
        f"password={SECRET} %s",
        f"card 1234-{SECRET}",
        password=SECRET,
        order={"Password": {"deep": SECRET}, "list": [f"password={SECRET}"], "card": f"1234-{SECRET}"},
        number=12345678,
        exc_info=raised(ValueError(f"password={SECRET}")),
        stack_info=f"Stack: password='{SECRET}'",
    )
    found = one(made, redact=["password", rf"1234-{SECRET}", "12345678"], fields={"password": SECRET}, **form)
    assert SECRET not in found.raw.decode()
    assert "***" in found.message
    if form["format"] in ("json", "cee"):
        assert found.fields["order"] == {"Password": "***", "list": ["password=***"], "card": "***"}


def test_format_that_names_a_field() -> None:
    """A text format shows the masked value of a field."""
    assert (
        one(record(password=SECRET), redact=["password"], format="%(password)s %(message)s").msg
        == "*** hello"
    )


def test_format_that_names_the_arguments() -> None:
    """A text format cannot show what is masked by another name."""
    made = record("password=%s", f"1234-{SECRET}")
    assert SECRET not in one(made, redact=["password", "1234-[a-z0-9]+"], format="%(args)s %(message)s").msg


def test_fields_that_are_no_secret() -> None:
    """Other fields keep their value, and in JSON their kind."""
    made = record(count=7, ratio=1.5, flag=True, nothing=None, items=[1, "a"])
    found = one(made, redact=["password"], format="json").fields
    assert [found[name] for name in ("count", "ratio", "flag", "nothing", "items")] == [
        7,
        1.5,
        True,
        None,
        [1, "a"],
    ]
    assert extra(one(made, redact=["password"], url=TCP))["items"] == '[1, "a"]'


@given(st.text(), st.lists(st.sampled_from(["password", "a", r"\d+", "(x)"]), min_size=1))
def test_any_text(text: str, items: list[str]) -> None:
    """Any text can be looked through, and masking it again changes nothing more of a field name's value."""
    Redactor(items).text(text)


def test_long_text() -> None:
    """A megabyte is looked through in one pass."""
    redactor = Redactor(["password"])
    for text in (
        "password" * 131072,
        "password=" * 116508,
        "password='" * 104857,
        "x" * 1048576,
        "=" * 1048576,
    ):
        redactor.text(text)
