"""What there is to say about a record, gathered from the record, its task, bind() and the settings."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from ..context import TASK_FIELDS, TaskContext, bound
from ..events import MASK, TaskEvent, event_of
from ..settings import Settings
from .record import STANDARD, Trouble, message_of, pass_on, safe_str, trouble_of
from .redact import Redactor

__all__ = ["Collector", "Facts"]

#: What OpenTelemetry's logging instrumentation puts on records, and what it is called everywhere else.
_TRACE = {"otelTraceID": "trace_id", "otelSpanID": "span_id"}

#: Attributes that are not ``extra=``: ours, and OpenTelemetry's.
_NOT_EXTRA = STANDARD | {"syslog_event", *_TRACE, "otelServiceName", "otelTraceSampled"}

#: What Celery's own formatter leaves on records.
_TASK_NAMES = ("task_id", "task_name")

_FRESH = list(logging.LogRecord("", 0, "", 0, "", None, None).__dict__)
_SIZE, _LAST = len(_FRESH), _FRESH[-1:]

_NO_EVENT = TaskEvent()


class Facts:
    """One record, understood.

    ``task`` is what it is about and ``task_fields`` the fields of it that are wanted; ``about`` are our
    other fields and ``extra`` the user's. ``masked`` are attributes to use in place of the record's own.
    """

    __slots__ = ("about", "event", "extra", "masked", "message", "record", "task", "task_fields", "trouble")

    def __init__(self, record: logging.LogRecord, task: TaskContext | None, event: str | None) -> None:
        self.record = record
        self.task = task
        self.event = event
        self.task_fields: Mapping[str, Any] = {}
        self.about: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.masked: dict[str, Any] = {}
        self.message = ""
        self.trouble = Trouble()

    def fields(self) -> dict[str, Any]:
        """Return every field by its name; ours win over the user's."""
        event = {"event": self.event} if self.event else {}
        return {**self.extra, **self.task_fields, **self.about, **event}


class Collector:
    """Gathers the facts that the settings ask for."""

    def __init__(self, settings: Settings) -> None:
        wanted = settings.context
        self._wanted = TASK_FIELDS if wanted is True else wanted or ()
        self._runtime = wanted is not False
        self._task_data = settings.task_data
        self.redactor = Redactor(settings.redact) if settings.redact else None
        self.static = self._masked(settings.fields)

    def collect(self, record: logging.LogRecord, task: TaskContext | None) -> Facts:
        """Return the facts about a record made in ``task``; the record is only read."""
        found = event_of(record) or _NO_EVENT
        if found.task is not None and (task is None or found.task.task_id not in (None, task.task_id)):
            task = found.task
        facts = Facts(record, task, found.event or record.__dict__.get("syslog_event"))
        facts.task_fields = self.task_fields(task)
        if found.runtime is not None and self._runtime:
            facts.about["runtime"] = found.runtime
        if self._task_data and found.data:
            facts.about.update(self._masked(found.data))
        facts.about.update(_trace(record))
        facts.extra = self.user_fields(record, task, found)
        if found.masked_args is not None and not self._task_data:
            facts.masked = {"args": found.masked_args}
            if "data" in record.__dict__:
                facts.masked["data"] = found.masked_args
        facts.message = message_of(record, facts.masked.get("args"))
        facts.trouble = trouble_of(record)
        if self.redactor is not None:
            mask = self.redactor.text
            facts.message = mask(facts.message)
            facts.trouble = Trouble(*map(mask, facts.trouble))
        return facts

    def user_fields(
        self, record: logging.LogRecord, task: TaskContext | None, found: TaskEvent | None = None
    ) -> dict[str, Any]:
        """Return the user's fields: ``extra=`` over ``bind()`` over ``syslog_fields``."""
        own = _extra(record, task)
        if found is not None and found is not _NO_EVENT:
            own.pop("data", None)  # Celery's own lines: all that is in it is told otherwise
        if self.redactor is None:
            return {**self.static, **bound(), **own}
        return {**self.static, **self._masked({**bound(), **own})}

    def task_fields(self, task: TaskContext | None) -> Mapping[str, Any]:
        """Return the fields of a task that are wanted and have a value; not to be changed."""
        if task is None or not self._wanted:
            return {}
        found: Mapping[str, Any] | None = task.cache.get(self)
        if found is None:
            found = {name: value for name, value in task.fields().items() if name in self._wanted}
            task.cache[self] = found
        return found

    def _masked(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        if self.redactor is None:
            return dict(fields)
        try:
            return self.redactor.fields(fields)
        except Exception as error:  # some value's own code; what cannot be looked into is not shown
            pass_on(error)
            return dict.fromkeys(fields, MASK)


def _extra(record: logging.LogRecord, task: TaskContext | None) -> dict[str, Any]:
    """Return what came by ``extra=``, or was set on the record.

    Celery's own formatter leaves task_id and task_name on records, ``???`` outside tasks: these are
    not the user's.
    """
    attributes = record.__dict__
    names = list(attributes)
    # What the record's constructor sets comes first; only an unusual class changes that.
    names = names[_SIZE:] if names[_SIZE - 1 : _SIZE] == _LAST else names
    extra = {}
    for name in names:
        value = attributes[name]
        text = name if type(name) is str else safe_str(name)
        if text in _NOT_EXTRA or text[:1] == "_":
            continue
        if text in _TASK_NAMES and value in ("???", getattr(task, text, None)):
            continue
        extra[text] = value
    return extra


def _trace(record: logging.LogRecord) -> dict[str, str]:
    """Return OpenTelemetry's ids: those put on the record, else the current span's, if it is in use."""
    attributes = record.__dict__
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None and "otelTraceID" not in attributes:
        return {}
    told = {name: str(attributes.get(attribute) or "") for attribute, name in _TRACE.items()}
    if told["trace_id"].strip("0"):
        return {name: value for name, value in told.items() if value.strip("0")}
    try:
        span = None if trace is None else trace.get_current_span().get_span_context()
        if span is None or not span.is_valid:
            return {}
        return {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
    except Exception as error:
        pass_on(error)
        return {}
