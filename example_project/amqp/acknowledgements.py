"""ack, reject, requeue and redelivered; and no_ack, which wants none of it."""

from typing import Any

from kombu import Queue

from .stage import Stage

MEMORY = (
    "what somebody took and did not acknowledge is lost when he goes, and what comes again is not marked as "
    "redelivered"
)

NEXT = """\
  python -m example_project.amqp deadletters    rejected messages that are not simply gone
  celery's acks_late is this: ack after the task instead of before, so that a dead worker's task runs again"""


def run(stage: Stage) -> None:
    with stage.connect() as connection, connection.channel() as channel:
        letters = Queue(stage.name("letters"))(channel)
        letters.declare()
        producer = connection.Producer(channel)

        def send(text: str) -> None:
            producer.publish(text, routing_key=letters.name)

        send("one")
        if not stage.in_memory:
            taker_goes(stage, letters)
        rejecting(stage, letters)

        stage.say("basic.ack: done. The broker forgets it.")
        send("two")
        letters.get().ack()
        stage.wire()
        stage.check(letters.get() is None, "the queue is empty")

        stage.say("no_ack: the broker forgets it while it sends it. Who dies now has lost it.")
        send("three")
        with stage.connect() as other:
            other_letters = Queue(letters.name)(other.channel())
            stage.wait(lambda: other_letters.get(no_ack=True), "a message is there")
        stage.wire()
        stage.check(letters.get() is None, "taken and lost: the queue is empty")


def taker_goes(stage: Stage, letters: Any) -> None:
    """Until it hears an ack the broker keeps a message that it has sent."""
    stage.say("Taken, and the taker goes away without a word:")
    with stage.connect() as other:
        others = Queue(letters.name)(other.channel())
        stage.wait(lambda: stage.size(others) == 1 and others.get(), "somebody takes the message")
        stage.check(stage.size(letters) == 0, "while he has it, nobody else sees it")
    stage.wait(lambda: stage.size(letters) == 1, "the message goes back")
    message = letters.get()
    stage.check(message.delivery_info["redelivered"], "it comes again, marked as redelivered")
    message.requeue()


def rejecting(stage: Stage, letters: Any) -> None:
    """Two ways of saying no."""
    stage.frames()
    stage.say("basic.reject with requeue: not now, or not me. It comes again.")
    letters.get().requeue()
    message = letters.get()
    stage.wire()
    marked = message.delivery_info.get("redelivered", False)
    stage.check(
        marked is not stage.in_memory, "here it is, %s as redelivered", "marked" if marked else "not marked"
    )
    stage.say("basic.reject without requeue: never again. It is gone.")
    message.reject()
    stage.wire()
    stage.check(letters.get() is None, "the queue is empty")
