"""Opaque bytes, content type, headers; persistent or not, and what that costs."""

import pickle
import time
from typing import Any

from kombu import Queue
from kombu.exceptions import ContentDisallowed

from .stage import Stage

NEXT = """\
  python -m example_project.amqp messages --private    with a restart of the broker at the end
  python -m example_project.amqp outside               the headers and the body that make a Celery task"""

COUNT = 300
PERSISTENT, TRANSIENT = 2, 1  # the protocol's delivery modes; Kombu's default is persistent


def run(stage: Stage) -> None:
    with stage.connect() as connection, connection.channel() as channel:
        inbox = Queue(stage.name("inbox"))(channel)
        inbox.declare()
        opaque(stage, connection, inbox)
        serialised(stage, connection, inbox)
        described(stage, connection, inbox)
    cost(stage)
    if stage.node:
        restart(stage)
    else:
        stage.say("Left out: what a restart of the broker leaves. --private has one that may be restarted.")


def opaque(stage: Stage, connection: Any, inbox: Any) -> None:
    """The broker does not look into a body."""
    stage.say("Any bytes, with the content type that we say they have:")
    body = bytes(range(256))
    producer = connection.Producer(inbox.channel)
    producer.publish(body, routing_key=inbox.name, content_type="image/png", content_encoding="binary")
    message = inbox.get(no_ack=True)
    stage.check(message.body == body, "the same %d bytes came back", len(body))
    stage.check(message.content_type == "image/png", "as %s", message.content_type)


def serialised(stage: Stage, connection: Any, inbox: Any) -> None:
    """Kombu turns values into bytes and back, and takes only what it was told to trust."""
    stage.say("A value is written as JSON by default. Pickle can run code, so it is not read unasked:")
    producer = connection.Producer(inbox.channel)
    producer.publish({"n": 1}, routing_key=inbox.name)
    message = inbox.get(no_ack=True)
    stage.check(
        (message.body, message.payload) == ('{"n": 1}', {"n": 1}),
        "%s: %s",
        message.content_type,
        message.body,
    )
    producer.publish(
        pickle.dumps({"n": 1}),
        routing_key=inbox.name,
        content_type="application/x-python-serialize",
        content_encoding="binary",
    )
    message = inbox.get(no_ack=True)
    with stage.refused(ContentDisallowed):
        message.decode()


def described(stage: Stage, connection: Any, inbox: Any) -> None:
    """Headers are ours; properties are the protocol's, and what they mean is agreed upon."""
    stage.say("Headers of our own and the protocol's properties travel beside the body:")
    connection.Producer(inbox.channel).publish(
        "body",
        routing_key=inbox.name,
        headers={"tenant": "acme", "attempt": 3},
        correlation_id="42",
        reply_to="answers",
        message_id="m-1",
        timestamp=1_700_000_000,
        app_id="lesson",
    )
    message = inbox.get(no_ack=True)
    wanted = {
        name: message.properties[name] for name in ("correlation_id", "reply_to", "message_id", "app_id")
    }
    stage.check(message.headers == {"tenant": "acme", "attempt": 3}, "headers %s", message.headers)
    stage.check(list(wanted.values()) == ["42", "answers", "m-1", "lesson"], "properties %s", wanted)


def cost(stage: Stage) -> None:
    """A confirm says that a persistent message is on disk; so it takes as long as the disk does."""
    stage.say("%d messages of either kind, each confirmed before the next is sent:", COUNT)
    ledger = Queue(stage.name("ledger"))
    with stage.connect(transport_options={"confirm_publish": True}) as connection:
        producer = connection.Producer()
        seconds = {}
        for kind, mode in (("transient", TRANSIENT), ("persistent", PERSISTENT)):
            producer.publish("first", routing_key=ledger.name, declare=[ledger], delivery_mode=mode)
            began = time.perf_counter()
            for _ in range(COUNT):
                producer.publish("x" * 1000, routing_key=ledger.name, delivery_mode=mode)
            seconds[kind] = time.perf_counter() - began
        figures = [COUNT / spent for spent in seconds.values()]
        stage.say("  figures %d transient/s, %d persistent/s", *figures)
        stage.say("  figures persistence cost %.2f ms a message", 1000 * (1 / figures[1] - 1 / figures[0]))
        waiting = stage.size(ledger(connection))
        stage.check(waiting == 2 * (COUNT + 1), "all %d are in the queue", waiting)


def restart(stage: Stage) -> None:
    """It takes both: a durable queue and a persistent message."""
    assert stage.node is not None
    safe = Queue(stage.name("safe"), durable=True)
    with stage.connect(transport_options={"confirm_publish": True}) as connection:
        producer = connection.Producer()
        for text, mode in (("transient", TRANSIENT), ("persistent", PERSISTENT)):
            producer.publish(text, routing_key=safe.name, declare=[safe], delivery_mode=mode)
        stage.check(stage.size(safe(connection)) == 2, "two messages are in a durable queue")
        stage.say("The broker is restarted ...")
        stage.node.restart()
    with stage.connect() as connection:
        bound = safe(connection)
        found = [bound.get(no_ack=True).payload for _ in range(stage.size(bound))]
        stage.check(found == ["persistent"], "what is left: %s", found)
