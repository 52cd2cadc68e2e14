"""The journal's native protocol: any value comes back from it, and any name is one that journald takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.entry import parse_entry

from celery_syslog.wire.journal import FIELD_OVERHEAD, field, field_name


@given(st.lists(st.tuples(st.text().map(field_name), st.binary() | st.just(b"a\nB=c"))))
def test_round_trip(fields: list[tuple[str, bytes]]) -> None:
    """Fields with any bytes as values are read back, in order: no value can begin another field."""
    data = b"".join(field(name.encode(), value) for name, value in fields)
    assert parse_entry(data) == fields
    assert len(data) <= sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)


@given(st.text())
def test_names(name: str) -> None:
    """A name is upper-case letters, digits and underscores, begins with a letter, and is short enough."""
    assert re.fullmatch("[A-Z][A-Z0-9_]{0,63}", field_name(name))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("order", "ORDER"),
        ("order-id", "ORDER_ID"),
        ("HTTP_2", "HTTP_2"),
        ("_pid", "EXTRA_PID"),
        ("2nd", "EXTRA_2ND"),
        ("größe", "GR_SSE"),
        ("a=b\nPRIORITY=0", "A_B_PRIORITY_0"),
        ("", "EXTRA"),
        ("n" * 70, "N" * 64),
    ],
)
def test_how_names_change(name: str, expected: str) -> None:
    """What journald would drop, a leading underscore above all, becomes a name that it keeps."""
    assert field_name(name) == expected
