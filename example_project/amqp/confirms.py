"""The broker tells the publisher what became of each message: ack, nack, return."""

from typing import Any

from amqp.exceptions import MessageNacked
from kombu import Queue

from .stage import Stage

NEXT = """\
  change COUNT to 5000: the broker confirms many at once (multiple), and few acks do for all
  python -m example_project.amqp messages    what a confirm of a persistent message costs"""

COUNT = 200


def run(stage: Stage) -> None:
    publish_on(stage)
    wait_for_each(stage)


def publish_on(stage: Stage) -> None:
    """Confirms come while publishing goes on: nothing waits, and nothing is lost unnoticed."""
    queue = Queue(stage.name("orders"))
    with stage.connect() as connection, connection.channel() as channel:
        queue(channel).declare()
        channel.confirm_select()
        stage.wire()
        # In confirm mode both sides count the channel's messages: 1, 2, 3, ... This number is the
        # delivery tag with which the broker confirms: one message, or all up to it ("multiple").
        outstanding: set[int] = set()
        most = 0

        def on_ack(tag: int, multiple: bool) -> None:
            outstanding.difference_update(range(1, tag + 1) if multiple else [tag])

        channel.events["basic_ack"].add(on_ack)
        stage.say("%d messages are published; none waits for the confirm of the one before.", COUNT)
        producer = connection.Producer(channel)
        for tag in range(1, COUNT + 1):
            outstanding.add(tag)
            producer.publish(tag, routing_key=queue.name)  # on_ack is called meanwhile, for earlier ones
            most = max(most, len(outstanding))
        while outstanding:
            connection.drain_events(timeout=stage.PATIENCE)
        stage.check(most > 1, "up to %d confirms were outstanding while more was published", most)
        acks = sum(frame.name == "basic.ack" for frame in stage.wire())
        stage.check(acks <= COUNT, "%d basic.ack confirmed all %d", acks, COUNT)
        # The confirm means: the message is in its queue.
        count = queue(channel).queue_declare(passive=True).message_count
        stage.check(count == COUNT, "%d messages are in the queue", count)


def wait_for_each(stage: Stage) -> None:
    """With Kombu's ``confirm_publish`` each publish waits for its confirm, and a nack is an exception."""
    full = Queue(stage.name("full"), queue_arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    with stage.connect(transport_options={"confirm_publish": True}) as connection:
        stage.say("A queue for one message at most, which refuses more. The first is confirmed:")
        returned: list[Any] = []

        def on_return(error: Any, *_: Any) -> None:
            returned.append(f"{error.reply_code} {error.reply_text}")

        with connection.Producer(on_return=on_return) as producer:
            producer.publish("one", routing_key=full.name, declare=[full])
            stage.wire()
            stage.say("the second is refused, and publish() raises:")
            with stage.refused(MessageNacked):
                producer.publish("two", routing_key=full.name)
            last = stage.wire()[-1].name
            stage.check(last == "basic.nack", "the broker answered %s", last)

            stage.say("A message that no queue wants, published as mandatory, comes back:")
            producer.publish("to nobody", routing_key=stage.name("nowhere"), mandatory=True)
            names = [frame.name for frame in stage.wire()]
            # It was dealt with as asked, so it is confirmed as well: after the return.
            stage.check(
                names[-2:] == ["basic.return", "basic.ack"], "it was returned (%s), then confirmed", *returned
            )
            stage.say("The same without mandatory is confirmed, and gone:")
            producer.publish("to nobody", routing_key=stage.name("nowhere"))
            names = [frame.name for frame in stage.wire()]
            stage.check(names == ["basic.publish", "basic.ack"], "confirmed, though no queue has it")
