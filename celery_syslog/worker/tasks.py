"""The task a record is made in, taken from Celery's own stack of running tasks."""

from __future__ import annotations

import sys
import threading
from typing import Any

from celery._state import _task_stack

from celery_syslog.context import TaskContext

__all__ = ["current_task", "forget", "task_of_process"]


class _Last(threading.local):
    """The last request seen by this thread (or greenlet) and what was made of it."""

    request: Any = None
    context: TaskContext | None = None


_last = _Last()


def current_task() -> TaskContext | None:
    """Return the context of the task that runs in this thread, or None.

    It is made once per request, not per record. The request itself is no place to keep it: Celery
    copies a request's attributes into the headers of messages (celery/app/task.py, Context).
    """
    task = _task_stack.top
    if task is None:
        return None
    request = task.request_stack.top
    if request is None:
        return None
    if request is not _last.request:
        _last.context = _context(task, request)
        _last.request = request
    return _last.context


def _context(task: Any, request: Any) -> TaskContext | None:
    if request.id is None:
        return None
    delivery = request.delivery_info or {}
    return TaskContext(
        task_id=request.id,
        task_name=task.name,
        root_id=request.root_id,
        parent_id=request.parent_id,
        group_id=request.group,
        retries=request.retries,
        queue=delivery.get("routing_key"),
        worker=request.hostname,
    )


def task_of_process(pid: int) -> TaskContext | None:
    """Return the task a pool process works on, as the worker's main process knows it.

    billiard's line about a process that died names the process only.
    """
    state = sys.modules.get("celery.worker.state")
    for request in list(state.active_requests) if state else ():
        if request.worker_pid == pid:
            return _context(request.task, _Request(request))
    return None


class _Request:
    """A main process's request with the names that a task's own request has."""

    def __init__(self, request: Any) -> None:
        headers = request.request_dict
        self.id = request.id
        self.root_id, self.parent_id = headers.get("root_id"), headers.get("parent_id")
        self.group, self.retries = headers.get("group"), headers.get("retries")
        self.delivery_info, self.hostname = request.delivery_info, request.hostname


def forget() -> None:
    """Let go of the last request, so that a task's arguments are not kept alive after it."""
    _last.request = _last.context = None
