"""A received message as a line for a person, or as one JSON object for a program."""

from __future__ import annotations

import json
import re
import sys
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from celery_syslog.formatters.jsonbody import printable
from celery_syslog.wire.escape import escape
from celery_syslog.wire.framing import frame_lf
from celery_syslog.wire.message import Message

__all__ = ["FORMS", "Printer", "as_line", "as_object", "fields_of", "task_of"]

#: How a command may print: for a person, as JSON, or as it came.
FORMS = ("text", "json", "raw")

_SEVERITY: Mapping[str, dict[str, Any]] = {
    "emerg": {"fg": "bright_red", "bold": True, "reverse": True},
    "alert": {"fg": "bright_red", "bold": True, "reverse": True},
    "crit": {"fg": "bright_red", "bold": True},
    "err": {"fg": "red"},
    "warning": {"fg": "yellow"},
    "notice": {"fg": "cyan"},
    "info": {"fg": "green"},
    "debug": {"dim": True},
}

#: Colours (of the 256) that are readable on dark and on light, for the ids of tasks.
_TASK_COLOURS = (33, 37, 64, 71, 98, 104, 125, 130, 133, 136, 166, 170, 172, 203)

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
#: How the default formats and Celery's own lines name a task.
_IN_TEXT = re.compile(rf"([\w.]+)\[({_UUID})\]")

_SHORT = 8

#: What has a column of its own, or says nothing to a person.
_SHOWN = frozenset(
    (
        *("timestamp", "severity", "facility", "ident", "pid", "message", "level", "logger"),
        *("task_id", "root_id", "parent_id", "group_id", "worker", "traceback", "stack_info"),
    )
)
#: What the JSON object has outside ``fields``.
_OWN = frozenset(("timestamp", "severity", "facility", "ident", "pid", "message", "event", "task_id"))


def fields_of(message: Message) -> dict[str, Any]:
    """Return every field of a message: structured data, and the JSON payload over it."""
    found: dict[str, Any] = {}
    for params in reversed(list(message.structured_data.values())):
        found.update(params)
    return {**found, **message.fields}


def task_of(message: Message) -> tuple[str | None, str | None]:
    """Return the id and name of the task a message is about: from its fields, else from its text."""
    if message.task_id:
        return message.task_id, message.task_name
    found = _IN_TEXT.search(message.msg)
    return (found[2], found[1]) if found else (None, None)


def time_of(message: Message) -> datetime | None:
    """Return when a message was made: a JSON payload tells it more exactly than RFC 3164."""
    told = message.fields.get("timestamp")
    try:
        # Python 3.10 does not know Z.
        return (
            datetime.fromisoformat(told.replace("Z", "+00:00"))
            if isinstance(told, str)
            else message.timestamp
        )
    except ValueError:
        return message.timestamp


def as_object(message: Message) -> dict[str, Any]:
    """Return a message as JSON shows it: what it lacks is left out, its further fields are in ``fields``."""
    task_id, task_name = task_of(message)
    found = {
        "timestamp": time.isoformat() if (time := time_of(message)) else None,
        "facility": message.facility_name,
        "severity": message.severity_name,
        "hostname": message.hostname,
        "ident": message.ident,
        "pid": message.pid if message.pid is not None else message.procid,
        "event": message.event,
        "task_id": task_id,
        "task_name": task_name,
        "message": message.message,
    }
    own = {*_OWN, "task_name"}
    rest = {name: value for name, value in fields_of(message).items() if name not in own}
    return {name: value for name, value in {**found, "fields": rest or None}.items() if value is not None}


def as_line(message: Message, dated: bool = False, unfold: bool = False) -> str:
    """Return a message as a line: time, severity, sender, task, text, and its fields dimmed.

    Nothing in it can drive the terminal. ``unfold`` shows the line breaks of a message as such, each
    behind a bar, so that none can pass for another message.
    """
    task_id, _ = task_of(message)
    sender = f"{message.ident or '-'}[{message.procid}]" if message.procid else message.ident or "-"
    parts = [
        click.style(_time(time_of(message), dated), dim=True),
        click.style(f"{message.severity_name:7}", **_SEVERITY[message.severity_name]),
        f"{_plain(sender):14}",
        _task(task_id),
        _text(message, task_id, unfold),
    ]
    return " ".join(part for part in parts if part)


def _time(time: datetime | None, dated: bool) -> str:
    if time is None:
        return " " * (23 if dated else 12)
    local = time.astimezone()
    part = f".{local.microsecond // 1000:03}" if local.microsecond else "    "
    return local.strftime("%Y-%m-%d %H:%M:%S" if dated else "%H:%M:%S") + part


def _task(task_id: str | None) -> str:
    if not task_id:
        return " " * _SHORT
    colour = _TASK_COLOURS[zlib.crc32(task_id.encode()) % len(_TASK_COLOURS)]
    return click.style(f"{_plain(task_id[:_SHORT]):{_SHORT}}", fg=colour)


def _text(message: Message, task_id: str | None, unfold: bool) -> str:
    text = message.message
    if task_id and len(task_id) > _SHORT:
        text = text.replace(f"[{task_id}]", f"[{task_id[:_SHORT]}]")
    fields = fields_of(message)
    text, *more = _lines(text, unfold)
    for name in ("traceback", "stack_info"):
        if unfold and name in fields:
            more += _lines(str(fields[name]).rstrip("\n"), True)
    if message.severity <= 3:
        text = click.style(text, **_SEVERITY[message.severity_name])
    shown = " ".join(
        f"{_plain(name)}={_value(value)}" for name, value in fields.items() if _worth(name, value, text)
    )
    if message.msgid and "event" not in fields:
        shown = f"event={_plain(message.msgid)} {shown}".rstrip()
    head = f"{text}  {click.style(shown, dim=True)}" if shown else text
    return "\n".join([head, *(click.style(f"{'':9}│ {line}", dim=True) for line in more)])


def _lines(text: str, unfold: bool) -> list[str]:
    if not unfold:
        return [_plain(text)]
    return [_plain(line) for line in text.replace("#012", "\n").split("\n")] or [""]


def _worth(name: str, value: object, text: str) -> bool:
    """Tell whether a field says more than the rest of the line."""
    return not (
        name in _SHOWN
        or (name == "task_name" and str(value) in text)
        or (name == "retries" and str(value) == "0")
    )


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and not re.search(r'[\s"=]', value):
        return _plain(value)
    return _plain(json.dumps(value, ensure_ascii=False, default=str))


def _plain(text: str) -> str:
    """Return text that cannot drive a terminal or break a line."""
    return escape(text).decode()


class Printer:
    """Prints messages to stdout in one of FORMS; ``raw`` is one a line, breaks inside as ``#012``."""

    def __init__(self, form: str, dated: bool = False) -> None:
        self._form = form
        self._dated = dated
        self._out = sys.stdout.buffer
        self._tty = self._out.isatty()

    def __call__(self, message: Message) -> None:
        """Print a message; raises BrokenPipeError when nobody reads any more."""
        if self._form == "raw":
            # To a file as it came; to a terminal, which it could drive, with every control in octal.
            raw = escape(message.raw.decode("utf-8", "surrogateescape")) if self._tty else message.raw
            self._out.write(frame_lf(raw))
            self._out.flush()
        elif self._form == "json":
            click.echo(printable(json.dumps(as_object(message), ensure_ascii=False, default=str)))
        else:
            click.echo(as_line(message, self._dated, self._tty))
