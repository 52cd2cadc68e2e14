"""What becomes of a message that has no exchange, no queue, or too little time."""

from typing import Any

from kombu import Exchange, Queue

from .stage import Stage

NEXT = """\
  python -m example_project.amqp confirms     how a producer hears of a message that nobody got
  producer.publish(..., retry=True)           Kombu connects again and publishes again"""


def run(stage: Stage) -> None:
    orders = Exchange(stage.name("orders"), "direct")
    inbox = Queue(stage.name("inbox"), orders, routing_key="order")
    with stage.connect() as connection:
        no_exchange(stage, connection, orders)
        no_queue(stage, connection, orders, inbox)
        declaring(stage, connection, orders, inbox)
    expiring(stage, inbox)


def no_exchange(stage: Stage, connection: Any, orders: Exchange) -> None:
    """The broker complains later: publish() itself waits for no answer."""
    stage.say("To an exchange that does not exist: publish() returns, then the broker closes the channel.")
    channel = connection.channel()
    # Given as a name: a Producer made with an Exchange object would declare it, as all of Kombu does.
    connection.Producer(channel).publish("lost", exchange=orders.name, routing_key="order")
    with stage.refused(*connection.channel_errors):
        while True:
            connection.drain_events(timeout=stage.PATIENCE)
    closed = stage.wire()[-1].name
    stage.check(closed == "channel.close", "the broker closed the channel; py-amqp opens it again")


def no_queue(stage: Stage, connection: Any, orders: Exchange, inbox: Queue) -> None:
    """An exchange keeps nothing: a message that no binding wants is gone, and nobody is told."""
    stage.say("To an exchange without a queue: nothing happens at all.")
    orders(connection.channel()).declare()
    connection.Producer().publish("lost", exchange=orders.name, routing_key="order")
    frames = stage.wire()
    stage.check(frames[-1].name == "basic.publish", "no answer, no error")
    inbox(connection).declare()
    stage.check(inbox(connection).get() is None, "the queue, declared too late, is empty")


def declaring(stage: Stage, connection: Any, orders: Exchange, inbox: Queue) -> None:
    """So whoever needs a queue declares it, the producer as well: who comes second changes nothing."""
    stage.say("So both sides declare what they need. To declare the same again does no harm:")
    for _ in range(2):
        connection.Producer().publish("found", exchange=orders, routing_key="order", declare=[inbox])
    stage.wire()
    taken = [inbox(connection).get(no_ack=True).payload for _ in range(2)]
    stage.check(taken == ["found", "found"], "both messages are there")


def expiring(stage: Stage, inbox: Queue) -> None:
    """A message may have its own time to live."""
    stage.say("A message that is of no use tomorrow says so: expiration, in seconds in Kombu.")
    with stage.connect(transport_options={"confirm_publish": True}) as connection:
        connection.Producer().publish("stale", routing_key=inbox.name, expiration=0.05)
        bound = inbox(connection)
        stage.wait(lambda: stage.size(bound) == 0, "the message expires")
        stage.check(bound.get() is None, "it was in the queue (confirmed), and the broker dropped it unread")
