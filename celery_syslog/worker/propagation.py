"""bind() fields that travel with a message to the task it starts (``syslog_propagate``)."""

from __future__ import annotations

import json
from typing import Any

from celery_syslog.context import bind, bound

__all__ = ["HEADER", "arrive", "depart", "leave"]

#: The message header that carries the fields, as JSON text: what every broker can transport.
HEADER = "celery_syslog_fields"

#: Task id -> the fields bound for its run.
_running: dict[str, bind] = {}


def depart(headers: dict[str, Any] | None) -> None:
    """Put the fields bound here into a message's headers; what is no JSON travels as its text.

    A task published by a task takes along what came with the first one, and so on down a chain.
    """
    fields = bound()
    if fields and headers is not None:
        headers[HEADER] = json.dumps(dict(fields), default=str)


def arrive(task_id: str, request: Any) -> None:
    """Bind what the message of a task brought, for the run that begins."""
    text = request.get(HEADER)
    if text is None:
        return
    try:
        fields = json.loads(text)
    except (TypeError, ValueError):
        return  # somebody else's header
    if isinstance(fields, dict):
        _running[task_id] = bind(**fields)
        _running[task_id].__enter__()


def leave(task_id: str) -> None:
    """Unbind what arrive bound, at the run's end."""
    fields = _running.pop(task_id, None)
    if fields is not None:
        try:
            fields.__exit__(None, None, None)
        except (LookupError, ValueError):
            pass  # bound in another context: a task that was moved between greenlets
