"""Where rejected, expired and surplus messages go, and how they tell why."""

from typing import Any

from kombu import Exchange, Queue

from .stage import Stage

NEXT = """\
  bind one queue for each reason: x-dead-letter-routing-key names the key under which they come
  a queue with x-message-ttl whose dead letters go back to the first queue makes a retry with a delay"""


def run(stage: Stage) -> None:
    # An ordinary exchange with an ordinary queue: all that is special is that other queues name it.
    morgue = Exchange(stage.name("morgue"), "fanout")
    to_morgue = {"x-dead-letter-exchange": morgue.name}
    work = Queue(stage.name("work"), queue_arguments=to_morgue)
    brief = Queue(stage.name("brief"), queue_arguments={**to_morgue, "x-message-ttl": 20})
    small = Queue(stage.name("small"), queue_arguments={**to_morgue, "x-max-length": 1})

    with stage.connect() as connection, connection.channel() as channel:
        dead = Queue(stage.name("dead"), morgue)(channel)
        dead.declare()
        producer = connection.Producer(channel)

        stage.say("Rejected without requeue:")
        producer.publish("rejected", routing_key=work.name, declare=[work])
        work(channel).get().reject()
        stage.wire()
        post_mortem(stage, dead, "rejected", work.name, "rejected")

        stage.say("Not taken within the queue's time to live, 20 ms:")
        producer.publish("too old", routing_key=brief.name, declare=[brief])
        post_mortem(stage, dead, "too old", brief.name, "expired")

        stage.say("One more than the queue may hold: the oldest has to go.")
        producer.publish("pushed out", routing_key=small.name, declare=[small])
        producer.publish("stays", routing_key=small.name)
        post_mortem(stage, dead, "pushed out", small.name, "maxlen")
        stage.check(small(channel).get(no_ack=True).payload == "stays", "the newer one stayed")

        die_twice(stage, producer, work(channel), dead)


def die_twice(stage: Stage, producer: Any, work: Any, dead: Any) -> None:
    """The header counts how often, by queue and reason."""
    stage.say("Sent again with its headers, as a program that retries would do, and rejected again:")
    producer.publish("unwanted", routing_key=work.name)
    for times in (1, 2):
        work.get().reject()
        message = wait_for(stage, dead)
        count = message.headers["x-death"][0]["count"]
        stage.check(count == times, "x-death count %d", count)
        producer.publish(message.payload, routing_key=work.name, headers=message.headers)


def post_mortem(stage: Stage, dead: Any, payload: str, queue: str, reason: str) -> None:
    """Take a message from the dead letters and read in it where it died, and of what."""
    message = wait_for(stage, dead)
    death = message.headers["x-death"][0]
    stage.say(
        "  header  x-death: queue=%s reason=%s count=%d", *(death[k] for k in ("queue", "reason", "count"))
    )
    stage.check(
        (message.payload, death["queue"], death["reason"]) == (payload, queue, reason),
        "%r is among the dead letters: %s",
        payload,
        reason,
    )


def wait_for(stage: Stage, dead: Any) -> Any:
    """Return the next dead letter: they are moved in the broker's own time."""
    stage.wait(lambda: stage.size(dead) == 1, "a dead letter arrives")
    return dead.get(no_ack=True)
