"""The task the cases run in: on Celery's own stacks, where a log call looks for it."""

from __future__ import annotations

from types import SimpleNamespace

from celery._state import _task_stack
from celery.utils.threads import LocalStack

__all__ = ["FIELDS", "enter_task"]

_ID = "9a6f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e"

#: The eight task fields; with runtime and event, which only Celery's own lines have, they are ten.
FIELDS = {
    "task_id": _ID,
    "task_name": "shop.tasks.add",
    "root_id": "7b1f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e",
    "parent_id": "5c2f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e",
    "group_id": "4d3f5f0c-6f0e-4a8e-8a57-5d1f6a5a9d0e",
    "retries": 0,
    "queue": "celery",
    "worker": "celery@web1.example.org",
}


def enter_task() -> None:
    """Make this thread look as if it ran a task, for the rest of the process."""
    request = SimpleNamespace(
        id=FIELDS["task_id"],
        root_id=FIELDS["root_id"],
        parent_id=FIELDS["parent_id"],
        group=FIELDS["group_id"],
        retries=0,
        hostname=FIELDS["worker"],
        delivery_info={"routing_key": FIELDS["queue"]},
    )
    task = SimpleNamespace(name=FIELDS["task_name"], request_stack=LocalStack(), request=request)
    task.request_stack.push(request)
    _task_stack.push(task)
