"""A call over queues: reply queue, correlation id, timeout; Celery's rpc:// beside it."""

from threading import Event, Thread
from typing import Any
from uuid import uuid4

from kombu import Queue

from .stage import Stage
from .stage.celery import make_app, working

NEXT = """\
  start two servers: the queue shares the calls out, and the caller does not notice
  python -m example_project.amqp outside    call a Celery task with nothing but Kombu"""


def run(stage: Stage) -> None:
    calls = Queue(stage.name("calls"))
    stop = Event()
    server = Thread(target=serve, args=(stage, calls, stop))
    server.start()
    try:
        by_hand(stage, calls)
    finally:
        stop.set()
        server.join()
    with_celery(stage)


def serve(stage: Stage, calls: Queue, stop: Event) -> None:
    """Take calls, and send each answer where the call says, under the number the call has."""

    def on_call(body: Any, message: Any) -> None:
        producer.publish(
            {"result": body["x"] + body["y"]},
            routing_key=message.properties["reply_to"],  # through the default exchange
            correlation_id=message.properties["correlation_id"],
        )
        message.ack()

    with stage.connect() as connection:
        producer = connection.Producer()
        with connection.Consumer(calls, callbacks=[on_call], prefetch_count=1):
            while not stop.is_set():
                try:
                    connection.drain_events(timeout=0.1)
                except TimeoutError:
                    pass


def by_hand(stage: Stage, calls: Queue) -> None:
    """Call, wait for the answer, and do not wait for ever."""
    with stage.connect() as connection:
        answers: dict[str, Any] = {}

        def on_answer(body: Any, message: Any) -> None:
            answers[message.properties["correlation_id"]] = body

        def call(timeout: float, queue: Queue, x: int, y: int) -> Any:
            number = str(uuid4())
            connection.Producer().publish(
                {"x": x, "y": y},
                routing_key=queue.name,
                declare=[queue],
                reply_to=consumer.queues[0].name,
                correlation_id=number,
                expiration=timeout,  # nobody needs to work for a caller who has given up
            )
            while number not in answers:  # another number is the answer to another call
                connection.drain_events(timeout=timeout)
            return answers.pop(number)["result"]

        stage.say("The caller has a reply queue: exclusive, named by the server, gone with the caller.")
        consumer = connection.Consumer(Queue("", exclusive=True), callbacks=[on_answer], no_ack=True)
        with consumer:
            stage.check(call(stage.PATIENCE, calls, 2, 3) == 5, "2 + 3 is 5, from %s", calls.name)
            stage.say("A call that nobody answers ends with its timeout:")
            deaf = Queue(stage.name("deaf"))
            with stage.refused(TimeoutError):
                call(0.3, deaf, 2, 3)
            stage.wait(lambda: stage.size(deaf(connection)) == 0, "the call expires")
            stage.check(not answers, "the call itself has expired too: nobody will do it in vain")


def with_celery(stage: Stage) -> None:
    """Celery does the same: a reply queue for each process that calls, the task's id as correlation id."""
    stage.say("Celery's rpc:// backend is the same, ready made:")
    app = make_app(stage, result_backend="rpc://")
    with working(stage, "--concurrency", "1"), stage.connect() as connection:
        result = app.send_task("lessons.add", (2, 3), connection=connection)
        stage.check(result.get(timeout=stage.PATIENCE) == 5, "2 + 3 is 5, correlation id %s", result.id)
        # A reply is a message, taken once and gone: only this process can ask for this result.
        stage.say("  reply   queue %s", app.backend.oid)
