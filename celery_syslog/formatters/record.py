"""Reading a LogRecord without ever failing on it or writing to it."""

from __future__ import annotations

import logging
import sys
from typing import Any, NamedTuple

__all__ = ["STANDARD", "Trouble", "message_of", "pass_on", "safe_repr", "safe_str", "trouble_of"]

#: Attributes that every record has or that formatters put there; any other came by ``extra=``.
STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

_formatter = logging.Formatter()

# How far back the causes of an exception are looked at.
_CHAIN = 10


class Trouble(NamedTuple):
    """The exception and stack of a record, as text."""

    exc_type: str = ""
    exc_message: str = ""
    traceback: str = ""
    stack: str = ""

    @property
    def text(self) -> str:
        """All there is to read, as logging.Formatter appends it to a message."""
        return "\n".join(filter(None, (self.traceback, self.stack)))


_NO_TROUBLE = Trouble()


def pass_on(error: BaseException) -> None:
    """Raise the soft time limit that ``error`` is, or came of: thrown in from outside, it is the task's.

    It is told by its name, so that neither billiard nor Celery need be imported.
    """
    found: BaseException | None = error
    for _ in range(_CHAIN):
        if found is None:
            break
        if any(kind.__name__ == "SoftTimeLimitExceeded" for kind in type(found).__mro__):
            raise found
        found = found.__cause__  # not __context__: a task that handles its soft limit may log


def safe_str(value: object) -> str:
    """Return str(value), or what kept it from being made."""
    try:
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception as error:
        pass_on(error)
        return f"<unprintable {type(value).__name__}: {_describe(error)}>"


def safe_repr(value: object) -> str:
    """Return repr(value), or what kept it from being made."""
    try:
        return repr(value)
    except Exception as error:
        pass_on(error)
        return f"<unprintable {type(value).__name__}: {_describe(error)}>"


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def message_of(record: logging.LogRecord, args: Any = None) -> str:
    """Return the record's message, with ``args`` in place of its own if given.

    If they do not fit the message, both are returned, and what is wrong.
    """
    try:
        text = record.getMessage() if args is None else str(record.msg) % args
        return text if type(text) is str else str.__str__(text)
    except Exception as error:
        pass_on(error)
        given = record.args if args is None else args
        with_args = f" with arguments {safe_repr(given)}" if given else ""
        return f"{safe_repr(record.msg)}{with_args} ({_describe(error)})"


def trouble_of(record: logging.LogRecord) -> Trouble:
    """Return the exception and stack of a record; nothing is kept on it."""
    if not (record.exc_info or record.exc_text or record.stack_info):
        return _NO_TROUBLE
    info: Any = record.exc_info
    if info and not isinstance(info, tuple):  # a record made by hand: exc_info=True, or an exception
        info = (type(info), info, info.__traceback__) if isinstance(info, BaseException) else sys.exc_info()
    kind = info[0] if info and len(info) == 3 else None
    return Trouble(
        exc_type=_name(kind) if kind else "",
        exc_message=safe_str(info[1]) if kind else "",
        traceback=_traceback(record, info if kind else None),
        stack=safe_str(record.stack_info) if record.stack_info else "",
    )


def _traceback(record: logging.LogRecord, info: Any) -> str:
    if record.exc_text:
        return safe_str(record.exc_text)
    if info is None:
        return ""
    try:
        return _formatter.formatException(info)
    except Exception as error:
        pass_on(error)
        return f"{_name(info[0])}: {safe_str(info[1])} (no traceback: {_describe(error)})"


def _name(kind: Any) -> str:
    module = getattr(kind, "__module__", "builtins")
    name = getattr(kind, "__qualname__", None) or safe_str(kind)
    return name if module in ("builtins", "__main__") else f"{module}.{name}"
