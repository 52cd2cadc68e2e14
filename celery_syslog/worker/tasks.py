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

    seen: tuple[Any, TaskContext | None] = (None, None)


_last = _Last()


def current_task() -> TaskContext | None:
    """Return the context of the task that runs in this thread, or None.

    It is made once per request, not per record. The request itself is no place to keep it: Celery
    copies a request's attributes into the headers of messages (celery/app/task.py, Context).
    """
    # What `top` of Celery's two stacks does, without the four calls of each, as this runs for every
    # record: a dictionary by thread or greenlet has the lists (celery/utils/threads.py, Local).
    ident = _ident()
    found = _storage.get(ident)
    if found is None:
        return None
    task = found["stack"][-1]
    found = task.request_stack._local.__storage__.get(ident)
    if found is None:
        return None
    request = found["stack"][-1]
    seen, context = _last.seen
    if request is not seen:
        context = _context(task, request)
        _last.seen = (request, context)
    return context


def _current_task() -> TaskContext | None:
    task = _task_stack.top
    request = None if task is None else task.request_stack.top
    if request is None:
        return None
    if request is not _last.seen[0]:
        _last.seen = (request, _context(task, request))
    return _last.seen[1]


try:
    _storage: dict[Any, dict[str, list[Any]]] = _task_stack._local.__storage__
    _ident = _task_stack.__ident_func__
except AttributeError:  # USE_FAST_LOCALS is set, or Celery has changed
    current_task = _current_task


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
    _last.seen = (None, None)
