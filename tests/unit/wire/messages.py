"""Strategies for messages that each RFC can carry exactly."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from celery_syslog.wire.message import Message

__all__ = ["MOMENTS", "TEXTS", "build", "messages_3164", "messages_5424"]

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(timezones=ZONES, min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30))

#: Text without what is escaped.
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]))


def _printable(length: int, without: str = "") -> st.SearchStrategy[str]:
    """PRINTUSASCII of a length that is no NILVALUE."""
    alphabet = st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=without)
    return st.text(alphabet, min_size=1, max_size=length).filter(lambda text: text != "-")


def build(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Message]:
    """Messages of the given fields, the others left out."""
    return st.fixed_dictionaries(fields).map(lambda values: Message(**values))


def _nil(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | strategy


_NAMES = _printable(32, '=]"')
_ELEMENTS = st.dictionaries(_NAMES, st.dictionaries(_NAMES, TEXTS, max_size=4), max_size=3)

#: What a text cannot begin with if it is to come back: a BOM is taken off.
_MSG = TEXTS.filter(lambda text: not text.startswith("\ufeff"))

messages_5424 = build(
    facility=st.integers(0, 23),
    severity=st.integers(0, 7),
    timestamp=st.none() | MOMENTS,
    hostname=_nil(_printable(255)),
    app_name=_nil(_printable(48)),
    procid=_nil(_printable(128)),
    msgid=_nil(_printable(32)),
    structured_data=_ELEMENTS,
    msg=_MSG,
)

messages_3164 = build(
    facility=st.integers(0, 23),
    severity=st.integers(0, 7),
    timestamp=st.datetimes(datetime(1972, 1, 1), datetime(1972, 12, 31, 23, 59, 59)).map(
        lambda moment: moment.replace(microsecond=0)
    ),
    hostname=_nil(_printable(100, ":")),
    app_name=_nil(_printable(48, ":[]")),
    procid=_nil(_printable(20, "[]")),
    msg=TEXTS,
    version=st.just(0),
)
