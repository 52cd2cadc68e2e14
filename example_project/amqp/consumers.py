"""Subscribing against polling, with the throughput of each; consumers that take turns."""

import time
from typing import Any

from kombu import Queue

from .stage import Stage

NEXT = """\
  change PREFETCH to 1, and to 0 (no limit), and compare the throughput; then do without acks (no_ack)
  python -m example_project.amqp acknowledgements   what becomes of a message that was taken
  python -m example_project.amqp parallel           a work queue with several consumers"""

COUNT = 1000
PREFETCH = 100


def run(stage: Stage) -> None:
    with stage.connect() as connection, connection.channel() as channel:
        numbers = Queue(stage.name("numbers"))(channel)
        by_get = polling(stage, connection, numbers)
        by_consume = subscribing(stage, connection, numbers)
        stage.say("  figures %d messages/s by get, %d messages/s by consume", by_get, by_consume)
        round_robin(stage, connection)


def polling(stage: Stage, connection: Any, numbers: Any) -> float:
    """basic.get asks for each message, and waits for the answer."""
    fill(connection, numbers, COUNT)
    stage.wire()
    stage.say("Polling, basic.get: a question for every message, and a last one for none.")
    began = time.perf_counter()
    while message := numbers.get():
        message.ack()
    seconds = time.perf_counter() - began
    questions = sum(frame.name == "basic.get" for frame in stage.wire())
    stage.check(questions == COUNT + 1, "%d messages took %d questions", COUNT, questions)
    return COUNT / seconds


def subscribing(stage: Stage, connection: Any, numbers: Any) -> float:
    """basic.consume asks once; then the broker sends, without waiting for us."""
    fill(connection, numbers, COUNT)
    stage.frames()
    stage.say("Subscribing, basic.consume: at most %d may be on their way unacknowledged.", PREFETCH)
    taken: list[int] = []

    def on_message(body: int, message: Any) -> None:
        taken.append(body)
        message.ack()

    consumer = connection.Consumer(
        numbers, channel=numbers.channel, callbacks=[on_message], prefetch_count=PREFETCH
    )
    began = time.perf_counter()
    with consumer:
        while len(taken) < COUNT:
            connection.drain_events(timeout=stage.PATIENCE)
        seconds = time.perf_counter() - began
    frames = [frame.name for frame in stage.wire()]
    stage.check(frames.count("basic.consume") == 1, "%d messages took 1 question", COUNT)
    stage.check(taken == list(range(COUNT)), "all came, in order")
    return COUNT / seconds


def round_robin(stage: Stage, connection: Any) -> None:
    """A queue gives each message to one of its consumers, in turn."""
    stage.say("Three consumers of one queue get its messages in turn:")
    cards = Queue(stage.name("cards"))(connection.channel())
    cards.declare()
    hands: list[list[int]] = [[], [], []]
    for hand in hands:
        # no_ack: the broker does not wait for us, so nobody is passed over for being slow.
        consumer = connection.Consumer(cards, channel=connection.channel(), no_ack=True)
        consumer.register_callback(lambda body, _, hand=hand: hand.append(body))
        consumer.consume()
    fill(connection, cards, 9)
    while sum(map(len, hands)) < 9:
        connection.drain_events(timeout=stage.PATIENCE)
    stage.wire()
    stage.check(hands == [[0, 3, 6], [1, 4, 7], [2, 5, 8]], "they got %s, %s and %s", *hands)


def fill(connection: Any, queue: Any, count: int) -> None:
    """Publish so many numbers."""
    producer = connection.Producer(queue.channel)
    for number in range(count):
        producer.publish(number, routing_key=queue.name, declare=[queue])
