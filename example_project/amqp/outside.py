"""A Celery task sent, and its result received, by a program that knows only Kombu."""

from typing import Any
from uuid import uuid4

from kombu import Queue

from .stage import Stage
from .stage.celery import make_app, working

NEXT = """\
  any language with an AMQP client can do this: it is JSON and headers (Celery's message protocol 2)
  send a task that does not exist: the worker logs it and drops it, and this waits until it gives up"""


def run(stage: Stage) -> None:
    app = make_app(stage, result_backend="rpc://")  # for its worker; from here on it is Kombu alone
    received: list[Any] = []
    with working(stage, "--concurrency", "1"), stage.connect() as connection:
        replies = connection.Consumer(Queue("", exclusive=True), no_ack=True, accept=["json"])
        replies.register_callback(lambda answer, message: received.append((answer, message)))
        with replies:
            stage.wire()
            task_id = str(uuid4())
            send(stage, connection, app.conf.task_default_queue, task_id, replies.queues[0].name)
            while not received:
                connection.drain_events(timeout=stage.PATIENCE)
        stage.wire()
    answer, message = received[0]
    stage.say("The result is a message too: %s", answer)
    stage.check((answer["status"], answer["result"]) == ("SUCCESS", 5), "2 + 3 is %s", answer["result"])
    stage.check(message.properties["correlation_id"] == task_id, "its correlation id is the task's")


def send(stage: Stage, connection: Any, queue: str, task_id: str, reply_to: str) -> None:
    """Publish what ``add.delay(2, 3)`` would."""
    # Positional arguments, keyword arguments, and what is to follow (callbacks, chain, chord): nothing.
    body = [[2, 3], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    # Which task it is stands in the headers: a worker can judge a message without reading its body.
    headers = {"lang": "py", "task": "lessons.add", "id": task_id, "root_id": task_id}
    stage.say("Headers: %s", headers)
    stage.say("Body: %s", body)
    connection.Producer().publish(
        body,
        serializer="json",
        routing_key=queue,
        headers=headers,
        correlation_id=task_id,
        reply_to=reply_to,
    )
