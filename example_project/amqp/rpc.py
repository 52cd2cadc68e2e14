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


class Caller:
    """The calling side: a queue for the replies, and the calls that are still to be answered, by number."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.answers: dict[str, Any] = {}
        # Named by the server, exclusive: ours alone, and gone with us.
        self.replies = connection.Consumer(Queue("", exclusive=True), no_ack=True)
        self.replies.register_callback(self.on_answer)
        self.replies.consume()

    def on_answer(self, body: Any, message: Any) -> None:
        """Put an answer where its call looks for it."""
        self.answers[message.properties["correlation_id"]] = body

    def call(self, queue: Queue, timeout: float, **arguments: int) -> Any:
        """Send a call and wait for its answer, but not for ever."""
        number = str(uuid4())
        self.connection.Producer().publish(
            arguments,
            routing_key=queue.name,
            declare=[queue],
            reply_to=self.replies.queues[0].name,
            correlation_id=number,
            expiration=timeout,  # nobody needs to work for a caller who has given up
        )
        while number not in self.answers:  # another number is the answer to another call
            self.connection.drain_events(timeout=timeout)
        return self.answers.pop(number)["result"]


def by_hand(stage: Stage, calls: Queue) -> None:
    """Call somebody, then somebody who does not answer."""
    with stage.connect() as connection:
        stage.say("The caller has a reply queue: exclusive, named by the server, gone with the caller.")
        caller = Caller(connection)
        stage.check(caller.call(calls, stage.PATIENCE, x=2, y=3) == 5, "2 + 3 is 5, from %s", calls.name)
        stage.say("A call that nobody answers ends with its timeout:")
        deaf = Queue(stage.name("deaf"))
        with stage.refused(TimeoutError):
            caller.call(deaf, 0.3, x=2, y=3)
        stage.wait(lambda: stage.size(deaf(connection)) == 0, "the call expires")
        stage.check(deaf(connection).get() is None, "the call itself has expired: nobody will do it in vain")


def with_celery(stage: Stage) -> None:
    """Celery does the same: a reply queue for each process that calls, the task's id as correlation id."""
    stage.say("Celery's rpc:// backend is the same, ready made:")
    app = make_app(stage, result_backend="rpc://")
    with working(stage, "--concurrency", "1"), stage.connect() as connection:
        result = app.send_task("lessons.add", (2, 3), connection=connection)
        stage.check(result.get(timeout=stage.PATIENCE) == 5, "2 + 3 is 5, correlation id %s", result.id)
        # A reply is a message, taken once and gone: only this process can ask for this result.
        stage.say("  reply   queue %s", app.backend.oid)
