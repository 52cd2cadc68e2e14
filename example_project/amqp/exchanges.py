"""direct, fanout, topic and headers: who gets a copy of a message."""

from collections.abc import Iterable
from typing import Any

from kombu import Exchange, Producer, Queue, binding

from .stage import Stage

MEMORY = (
    "topic patterns are read less exactly (# wants a word, in older Kombu * takes several), so only plain "
    "keys are tried; and there are no headers exchanges"
)

NEXT = """\
  add a key "log.*.disk" to the topic's bindings, and say first which messages it will get
  python -m example_project.amqp events    topics as they are used: publish and subscribe"""


def run(stage: Stage) -> None:
    # What is done on one channel happens in that order: whoever publishes on it and then gets, finds.
    with stage.connect() as connection, connection.channel() as channel:
        direct(stage, channel)
        fanout(stage, channel)
        topic(stage, channel)
        if stage.in_memory:
            stage.say("Left out, because only a broker has them: headers exchanges and durability.")
        else:
            headers(stage, channel)
            durability(stage, connection)


def direct(stage: Stage, channel: Any) -> None:
    """The routing key is the binding's key, or the queue does not get the message."""
    stage.say("direct: the routing key is the binding's key. A queue may have several.")
    jobs = Exchange(stage.name("jobs"), "direct")
    fast = queue(stage, "fast", [binding(jobs, routing_key="mail"), binding(jobs, routing_key="sms")])
    slow = queue(stage, "slow", [binding(jobs, routing_key="video")])
    found = deliver(channel, jobs, [fast, slow], ["mail", "sms", "video", "fax"])
    stage.check(found == [["mail", "sms"], ["video"]], "mail, sms | video; fax has no queue: gone")
    stage.wire()


def fanout(stage: Stage, channel: Any) -> None:
    """Everybody who is bound."""
    stage.say("fanout: every queue gets a copy; keys do not matter.")
    news = Exchange(stage.name("news"), "fanout")
    readers = [queue(stage, f"reader{number}", [binding(news)]) for number in (1, 2, 3)]
    found = deliver(channel, news, readers, ["extra"])
    stage.check(found == [["extra"]] * 3, "one publish, three copies")


def topic(stage: Stage, channel: Any) -> None:
    """The binding's key is a pattern."""
    stage.say("topic: keys are words with dots; * is one word, # any number of words.")
    bus = Exchange(stage.name("bus"), "topic")
    watchers = [
        queue(stage, "logs", [binding(bus, routing_key="log.*")]),
        queue(stage, "messages", [binding(bus, routing_key="message.*")]),
        queue(stage, "below", [binding(bus, routing_key="log.#")]),
        queue(stage, "all", [binding(bus, routing_key="#")]),
    ]
    # Any number may be none, so log.# takes "log" too.
    keys = ["log.disk", "message.new", *([] if stage.in_memory else ["log.disk.full", "log"])]
    logs, messages, below, everything = deliver(channel, bus, watchers, keys)
    stage.check(logs == ["log.disk"], "log.* got %s", logs)
    stage.check(messages == ["message.new"], "message.* got %s", messages)
    stage.check(below == [key for key in keys if key.startswith("log")], "log.# got %s", below)
    stage.check(everything == keys, "# got all of them")


def headers(stage: Stage, channel: Any) -> None:
    """The routing key is not looked at; the binding's arguments are compared with the headers."""
    stage.say("headers: any or all of the binding's arguments must be among the message's headers.")
    prints = Exchange(stage.name("prints"), "headers")
    pdf_a4 = {"x-match": "all", "format": "pdf", "size": "a4"}
    either = {"x-match": "any", "format": "pdf", "size": "a4"}
    queues = [
        queue(stage, "both", [binding(prints, arguments=pdf_a4)]),
        queue(stage, "either", [binding(prints, arguments=either)]),
    ]
    for each in queues:
        each(channel).declare()
    for size in ("a4", "a5"):
        Producer(channel).publish(size, exchange=prints, headers={"format": "pdf", "size": size})
    found = [take_all(channel, each) for each in queues]
    stage.check(found == [["a4"], ["a4", "a5"]], "all: a4 | any: a4, a5")


def durability(stage: Stage, connection: Any) -> None:
    """Durable is part of what an exchange is: it is there again after a restart (lesson queues)."""
    stage.say("An exchange is what it was declared to be. The same with other properties is refused:")
    durable = Exchange(stage.name("kept"), "direct", durable=True)
    durable(connection.channel()).declare()
    with stage.refused(*connection.channel_errors):
        Exchange(durable.name, "direct", durable=False)(connection.channel()).declare()


def queue(stage: Stage, name: str, bindings: Iterable[Any]) -> Queue:
    """Return a queue with bindings; declaring it declares their exchanges too."""
    return Queue(stage.name(name), bindings=bindings)


def deliver(channel: Any, exchange: Exchange, queues: list[Queue], keys: list[str]) -> list[list[str]]:
    """Publish a message for each key (its body is the key) and return what each queue got."""
    # First the queues: what is published before a queue is bound does not reach it.
    for each in queues:
        each(channel).declare()
    for key in keys:
        Producer(channel).publish(key, exchange=exchange, routing_key=key)
    return [take_all(channel, each) for each in queues]


def take_all(channel: Any, source: Queue) -> list[str]:
    """Take what is in a queue, one basic.get after the other."""
    bound, found = source(channel), []
    while message := bound.get(no_ack=True):
        found.append(message.payload)
    return found
