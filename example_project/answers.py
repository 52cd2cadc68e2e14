"""A task whose result comes back as a message: Celery's ``rpc://`` backend, for one task of many.

It cannot be the backend of all of them: a chord's members have to be counted, and a message is read once.
"""

from functools import cached_property
from typing import Any

from celery.backends.rpc import RPCBackend

from .celery import app

__all__ = ["Answered"]


class Answered(app.Task):
    """The base of a task that is asked; where the broker is not RabbitMQ, an ordinary one."""

    @cached_property
    def backend(self) -> Any:
        """The reply queue: the worker publishes the result to it, under the task's id."""
        if not app.conf.broker_url.startswith("amqp"):
            return app.backend
        return RPCBackend(app, url="rpc://", expires=300.0)

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send the question, once there is a queue for the answer: it may be here before we look for it."""
        with app.producer_or_acquire() as producer:
            self.backend.on_task_call(producer, None)
        return super().apply_async(*args, **options)
