"""What Celery's own lines are about: event, task and runtime, read off the record alone.

Celery tells them in three ways (checked on 5.4 to 5.7): a ``data`` dictionary on the record, whose
keys differ by event; ``%s[%s]`` in the message with name and id among the arguments; or not at
all, for a task that took its process along.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .context import TaskContext

__all__ = ["LOGGERS", "MASK", "TASK_DATA", "TaskEvent", "event_of", "set_process_tasks"]

#: What stands where something is hidden.
MASK = "***"

#: The parts of a task that may hold secrets, written only with ``syslog_task_data``.
TASK_DATA = ("args", "kwargs", "return_value")

_NAME_AND_ID = re.compile(r"%s\[%s\]")
_CONVERSION = re.compile(r"%[^%]")

# celery/worker/request.py; what the templates begin with.
_TEMPLATES = (
    ("Discarding revoked task", "revoked"),
    ("Task accepted", "started"),
    ("Soft time limit", "timeout"),
    ("Hard time limit", "timeout"),
    ("Failed to retry task", "lost"),
    ("Task %s[%s] succeeded before", "succeeded"),
    ("Task %s[%s] retry", "retry"),
)

_LOST = {"WorkerLostError": "lost", "TimeLimitExceeded": "timeout", "Terminated": "revoked"}

_MAX_FRAMES = 50


class TaskEvent(NamedTuple):
    """What a line of Celery's says about a task."""

    event: str | None = None
    task: TaskContext | None = None
    runtime: float | None = None
    #: args, kwargs and return_value, as far as the line has them.
    data: Mapping[str, Any] = {}
    #: The record's arguments with task data masked; None if there was nothing to mask.
    masked_args: Any = None


_process_tasks: Callable[[int], TaskContext | None] | None = None


def set_process_tasks(lookup: Callable[[int], TaskContext | None] | None) -> None:
    """Make ``lookup`` answer which task a pool process, given by pid, works on; None undoes it.

    billiard's line about a process that died names the process only.
    """
    global _process_tasks
    _process_tasks = lookup


def event_of(record: logging.LogRecord) -> TaskEvent | None:
    """Return what a line of Celery's own says about a task, None for any other record."""
    reader = LOGGERS.get(record.name)
    if reader is None:
        return None
    try:
        return reader(record)
    except Exception:
        return None  # not the shape Celery gives it: then it is a line like any other


def _from_data(record: logging.LogRecord) -> TaskEvent | None:
    """celery.app.trace and celery.worker.strategy: ``record.data`` (also the record's only argument)."""
    data = record.__dict__.get("data")
    if not isinstance(data, dict) or "id" not in data:
        return _from_args(record)
    return TaskEvent(
        event=_event_of_data(data),
        task=TaskContext(task_id=_text(data["id"]), task_name=_text(data.get("name"))),
        runtime=data.get("runtime"),
        data={name: data[name] for name in TASK_DATA if name in data},
        masked_args=_mask(record.args),
    )


def _event_of_data(data: Mapping[str, Any]) -> str | None:
    """The message may be anything (users replace celery.app.trace's templates), so the keys decide."""
    if "return_value" in data:
        return "succeeded"
    if "eta" in data:
        return "received"
    description = str(data.get("description", "retry" if "exc" in data else ""))
    if description == "Task already completed successfully.":
        return "ignored"
    if description.startswith(("raised", "INTERNAL ERROR")):
        return "failed"
    return description if description in ("retry", "rejected", "ignored") else None


def _mask(args: Any) -> Any:
    """Return the arguments of a message with a task's own data masked, None if there is none.

    A return value of None is left: it is what most tasks return, and tells nothing.
    """
    if not isinstance(args, Mapping) or not any(name in args for name in TASK_DATA):
        return None
    hidden = {name: MASK for name in TASK_DATA if name in args and args[name] not in (None, "None")}
    return {**args, **hidden} if hidden else None


def _from_args(record: logging.LogRecord) -> TaskEvent | None:
    """celery.worker.request: name and id among the arguments, or nowhere."""
    template, args = str(record.msg), record.args
    found = _NAME_AND_ID.search(template)
    if isinstance(args, tuple) and found is not None:
        at = len(_CONVERSION.findall(template[: found.start()].replace("%%", "")))
        event = next((event for start, event in _TEMPLATES if template.startswith(start)), None)
        return TaskEvent(event, TaskContext(task_id=_text(args[at + 1]), task_name=_text(args[at])))
    if template.startswith("Task handler raised error") and isinstance(args, tuple) and args:
        error = getattr(args[0], "exc", None) or args[0]
        return TaskEvent(_LOST.get(type(error).__name__, "failed"), _failing_task())
    if template.startswith("Couldn't convert ETA") and isinstance(args, tuple):
        request: Any = args[-1]
        task = TaskContext(task_id=_text(request["id"]), task_name=_text(request["name"]))
        return TaskEvent(None, task, masked_args=(*args[:-1], _mask(request) or request))
    return None


def _failing_task() -> TaskContext | None:
    """Return the task of the request that is being failed on this thread's stack.

    The line has no id, and the pool's result handler runs in no task; the request itself is the ``self`` of
    Request.on_failure, which is what logs it.
    """
    frame = sys._getframe(1)
    for _ in range(_MAX_FRAMES):
        following = frame.f_back
        if following is None:
            break
        frame = following
        if (
            frame.f_code.co_name == "on_failure"
            and frame.f_globals.get("__name__") == "celery.worker.request"
        ):
            request = frame.f_locals["self"]
            return TaskContext(task_id=_text(request.id), task_name=_text(request.name))
    return None


def _from_consumer(record: logging.LogRecord) -> TaskEvent | None:
    """celery.worker.consumer.consumer: messages that are no task here, dumped whole into the log."""
    template, args = str(record.msg), record.args
    if template.startswith("Received unregistered task") and isinstance(args, tuple) and len(args) == 4:
        error, _, headers, delivery = args
        task = None
        if isinstance(headers, Mapping):
            task = TaskContext(task_id=_text(headers.get("id")), task_name=_text(headers.get("task")))
            hidden = {name: MASK for name in ("argsrepr", "kwargsrepr") if name in headers}
            headers = {**headers, **hidden}
        return TaskEvent("rejected", task, masked_args=(error, MASK, headers, delivery))
    if template.startswith("Received invalid task message") and isinstance(args, tuple):
        return TaskEvent("rejected", masked_args=(args[0], *[MASK] * (len(args) - 1)))
    if template.startswith("Received and deleted unknown message"):
        return TaskEvent("rejected", masked_args=(MASK,))
    return None


def _from_control(record: logging.LogRecord) -> TaskEvent | None:
    """celery.worker.control: ``Terminating %s (%s)`` and ``Tasks flagged as revoked: %s``."""
    template, args = str(record.msg), record.args
    if not isinstance(args, tuple) or not template.startswith(("Terminating %s", "Tasks flagged as revoked")):
        return None
    ids = str(args[0])
    one = None if "," in ids else TaskContext(task_id=ids)
    return TaskEvent("revoked", one)


def _from_pool(record: logging.LogRecord) -> TaskEvent | None:
    """billiard's ``Process %r pid:%r exited with %r``."""
    args = record.args
    if "exited with" not in str(record.msg) or not isinstance(args, tuple) or len(args) != 3:
        return None
    pid = args[1]
    if _process_tasks is None or not isinstance(pid, int):
        return TaskEvent("lost")
    return TaskEvent("lost", _process_tasks(pid))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


#: Logger name -> how its records are read.
LOGGERS: Mapping[str, Callable[[logging.LogRecord], TaskEvent | None]] = {
    "celery.app.trace": _from_data,
    "celery.worker.strategy": _from_data,
    "celery.worker.request": _from_args,
    "celery.worker.consumer.consumer": _from_consumer,
    "celery.worker.control": _from_control,
    "multiprocessing": _from_pool,
}
