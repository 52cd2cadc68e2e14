"""Escaping: nothing that controls anything gets through, and nothing else is touched."""

from __future__ import annotations

import re

import pytest
from corpus import ESCAPED, NASTY, PLAIN
from hypothesis import given
from hypothesis import strategies as st

from celery_syslog.wire.escape import escape

ANY_TEXT = st.text(st.characters(exclude_categories=()))

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@pytest.mark.parametrize("name", PLAIN)
def test_text_passes(name: str) -> None:
    """Text without controls goes out byte for byte."""
    assert escape(PLAIN[name]) == PLAIN[name].encode()


@pytest.mark.parametrize("name", ESCAPED)
def test_controls_become_octal(name: str) -> None:
    """A control, separator or surrogate becomes each of its bytes as # and three octal digits."""
    text, expected = ESCAPED[name]
    assert escape(text) == expected.encode()


@given(ANY_TEXT, st.booleans())
def test_no_control_gets_through(text: str, keep: bool) -> None:
    """Whatever the text, the bytes are UTF-8 and hold no control, but for the line feeds kept on purpose."""
    shown = escape(text, keep).decode()
    assert not CONTROL.search(shown.replace("\n", "") if keep else shown)
    assert shown.count("\n") == (text.count("\n") if keep else 0)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_anything_else_is_untouched(text: str) -> None:
    """Characters that control nothing are left alone, unassigned and private ones too."""
    assert escape(text).decode() == text


@pytest.mark.parametrize("name", ["a megabyte", "a megabyte of line breaks"])
def test_long_texts(name: str) -> None:
    """A long text takes one pass: the result is no longer than four bytes a control."""
    assert len(escape(NASTY[name])) <= 4 * len(NASTY[name])
