"""Hello world: the smallest producer and consumer, and the queue between them."""

from typing import Any

from kombu import Queue

from .stage import Stage

MEMORY = "nothing goes over a wire, and the queue is forgotten with the process"

NEXT = """\
  python -m example_project.amqp exchanges           who decides which queue a message goes to
  python -m example_project.amqp acknowledgements    what becomes of a message that is taken"""


def run(stage: Stage) -> None:
    # Only a name so far. Nobody has to create a queue beforehand: whoever needs it declares it.
    inbox = Queue(stage.name("inbox"), auto_delete=True)

    with stage.connect() as connection:
        stage.say("The producer declares the queue and publishes a message to it, by its name.")
        with connection.Producer() as producer:
            producer.publish({"hello": "world"}, routing_key=inbox.name, declare=[inbox])
        stage.wire()

    stage.say("The producer is gone, its connection closed. The message is the broker's now.")

    with stage.connect() as connection:
        received = []

        def on_message(body: Any, message: Any) -> None:
            received.append((body, message.content_type))
            message.ack()  # done: the broker may forget it

        stage.say("A consumer, which the producer never met, subscribes to the queue.")
        with connection.Consumer(inbox, callbacks=[on_message]):
            connection.drain_events(timeout=stage.PATIENCE)
        stage.wire()

    stage.check(received == [({"hello": "world"}, "application/json")], "it got %s", received[0])
