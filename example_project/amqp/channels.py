"""Several conversations in one TCP connection; trouble in one ends only that one."""

from typing import Any

from kombu import Queue

from .stage import Stage

NEXT = """\
  ask for more than the broker allows: connection.connection.channel_max is agreed on when connecting
  a thread that publishes needs a channel of its own; one that must survive others' errors does too"""


def run(stage: Stage) -> None:
    with stage.connect() as connection:
        connection.connect()
        stage.say("One TCP connection, opened and tuned once. Its own conversation is number 0:")
        stage.wire(everything=True)

        stage.say("Two channels in it. Each is opened by a small message and has a number:")
        first, second = connection.channel(), connection.channel()
        stage.wire(everything=True)
        ports = {channel.connection.sock.getsockname()[1] for channel in (first, second)}
        stage.check(first.channel_id != second.channel_id, "%d and %d", first.channel_id, second.channel_id)
        stage.check(len(ports) == 1, "both in the one TCP connection from our port %d", *ports)

        left, right = Queue(stage.name("left"))(first), Queue(stage.name("right"))(second)
        independent(stage, connection, left, right)
        channel_error(stage, connection, left, right)
        connection_error(stage, connection)


def independent(stage: Stage, connection: Any, left: Any, right: Any) -> None:
    """What is done on one channel does not wait for the other."""
    stage.say("They are used independently, turn and turn about:")
    left.declare()
    right.declare()
    for number in range(2):
        for queue in (left, right):
            connection.Producer(queue.channel).publish(number, routing_key=queue.name)
    stage.wire()


def channel_error(stage: Stage, connection: Any, left: Any, right: Any) -> None:
    """The broker closes the channel on which a mistake was made, and says why."""
    stage.say("What is wrong on one channel closes it. Say it has a message in hand, and errs:")
    taken = left.get()  # and does not acknowledge it
    stage.wire()
    with stage.refused(*connection.channel_errors):
        Queue(stage.name("nowhere"))(left.channel).queue_declare(passive=True)
    number = left.channel.channel_id
    closed = {frame.channel for frame in stage.wire(everything=True)}
    stage.check(closed == {number}, "channel %d alone was closed", number)
    # py-amqp opens it again at once, under the same number. What it had open is gone all the same: its
    # consumers, and its hold on messages that it had not acknowledged.
    stage.wait(lambda: stage.size(left) == 2, "the message goes back to its queue")
    again = left.get(no_ack=True)
    stage.check(
        (taken.payload, again.payload, again.delivery_info["redelivered"]) == (0, 0, True),
        "the message in its hands went back to the queue: the next who gets it sees redelivered",
    )
    stage.say("The other channel and the connection have not noticed:")
    found = [right.get(no_ack=True).payload for _ in range(2)]
    stage.check(found == [0, 1], "channel %d gets its messages: %s", right.channel.channel_id, found)
    stage.check(connection.connected, "the connection is up")


def connection_error(stage: Stage, connection: Any) -> None:
    """What concerns no channel in particular is the end of all of them."""
    stage.say("What is wrong with the connection closes all: bytes that are no frame.")
    connection.connection.sock.sendall(b"\xff" * 8)
    with stage.refused(*connection.connection_errors, OSError):
        while True:
            connection.drain_events(timeout=stage.PATIENCE)
    stage.check(not connection.connected, "the connection and all in it is closed")
