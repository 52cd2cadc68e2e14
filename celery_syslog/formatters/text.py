"""%-style formats, split once into what changes with each record and what recurs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from ..context import TASK_FIELDS
from .record import pass_on, safe_str

__all__ = ["TextFormat", "fill", "task_format_of"]

# A conversion as printf has it: %(name)s, %(lineno)5d, and the literal %%.
_CONVERSION = re.compile(r"%(?:\((?P<key>[^)]*)\)[#0+ -]*\d*(?:\.\d+)?[hlL]?[a-zA-Z]|%)")
_MESSAGE = re.compile(r"%\(message\)[#0+ -]*\d*(?:\.\d+)?s")
_TASK_PREFIX = "%(task_name)s[%(task_id)s]: "

#: What stands for the task outside of one, as in Celery's own formatter, and for any other absent key.
NO_TASK, ABSENT = "???", "-"

#: Attributes that come from the call site or the process, so that text made of them recurs.
_RECURRING = frozenset(
    (
        *("name", "levelname", "levelno", "pathname", "filename", "module", "lineno", "funcName"),
        *("process", "processName", "thread", "threadName"),
    )
)

_formatter = logging.Formatter()


def task_format_of(text: str) -> str:
    """Return a format with the task in front of its message, unless it already names the task."""
    if text in ("json", "cee") or "%(task_id)" in text or "%(task_name)" in text:
        return text
    found = _MESSAGE.search(text)
    at = found.start() if found else 0
    return text[:at] + _TASK_PREFIX + text[at:]


class _Values(dict[str, Any]):
    """The values a format may name; an absent one never costs the line."""

    def __missing__(self, key: str) -> str:
        return NO_TASK if key in ("task_id", "task_name") else ABSENT


class TextFormat:
    """A %-style format, cut at its ``%(message)s`` into what comes before and after.

    ``names`` are the attributes of a record both ends are made of, apart from the task's fields;
    ``recurring`` tells whether these recur from record to record.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        found = [match[0] for match in _MESSAGE.finditer(text)]
        self.cut = found == ["%(message)s"]
        self.before, self.after = text.split("%(message)s") if self.cut else ("", "")
        keys = {match["key"] for match in _CONVERSION.finditer(text) if match["key"]} - {"message"}
        self._asctime = "asctime" in keys
        self.names = keys - set(TASK_FIELDS)
        self.recurring = self.cut and _RECURRING.issuperset(self.names)

    def values(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the format may name for a record, apart from its message."""
        values = _Values(record.__dict__)
        if self._asctime:
            values["asctime"] = _formatter.formatTime(record)
        values.update(fields)
        return values


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Return ``text % values``; a value that does not fit its conversion is written as it is."""
    try:
        return text % values
    except Exception as error:
        pass_on(error)
        return _CONVERSION.sub(lambda match: _fill_one(match, values), text)


def _fill_one(match: re.Match[str], values: Mapping[str, Any]) -> str:
    try:
        return match[0] % values
    except Exception as error:
        pass_on(error)
        return safe_str(values[match["key"]])
