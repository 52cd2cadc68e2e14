"""RestMS: messaging over plain HTTP, shared with AMQP programs; a GET waits, a DELETE acknowledges."""

import re
from threading import Thread
from typing import Any
from urllib.request import Request, urlopen

from kombu import Exchange, Producer, Queue

from ..restms.server import Server

NEXT = """\
  python -m example_project.restms --broker URL    the same server by itself; see docs/amqp/restms.md
  make the feed a rotator and join two pipes: each message goes to one of them, in turn"""


def run(stage: Any) -> None:
    stage.say("A server that speaks HTTP on one side and AMQP on the other.")
    with Server(stage.connect(heartbeat=20)) as server, stage.connect() as connection:
        domain = f"{server.url}/restms/domain/default"

        stage.say("POST a feed: an exchange. POST a pipe: a queue, and a consumer that holds what comes.")
        name = stage.name("weather")
        _, feed = http("POST", domain, f'<feed name="{name}" type="topic"/>')
        _, pipe = http("POST", domain, "<pipe/>")
        stage.wire()
        stage.say("POST a join: a binding.")
        http("POST", pipe, f'<join feed="{feed}" address="lab.#"/>')
        stage.wire()

        with connection.channel() as channel:
            from_amqp_to_http(stage, channel, name, pipe)
            from_http_to_amqp(stage, channel, name, feed)
            request_and_reply(stage, channel, pipe)

        stage.say("DELETE takes along what a resource contains:")
        http("DELETE", feed)
        http("DELETE", pipe)
        stage.wire()


def from_amqp_to_http(stage: Any, channel: Any, name: str, pipe: str) -> None:
    stage.say("The pipe ends in an asynclet, the URI of the message to come. GET it, and wait:")
    uri = asynclet(pipe)
    answers: list[str] = []
    reader = Thread(target=lambda: answers.append(http("GET", uri)[0]))
    reader.start()
    stage.say("meanwhile an AMQP program publishes lab.temp, with what any AMQP program has: basic.publish")
    Producer(channel).publish("21.5", exchange=name, routing_key="lab.temp", content_type="text/plain")
    reader.join(stage.PATIENCE)
    answer = answers[0] if answers else ""
    stage.say("  answer  %s", " ".join(answer.partition("xmlns")[2].partition(">")[2].split()))
    stage.check(">21.5<" in answer, "the GET is answered by the message")
    stage.check(http("GET", uri)[0] == answer, "GET it again: the same. Reading consumes nothing")
    stage.wire()
    stage.say("DELETE is the acknowledgement, of all older messages of the pipe as well:")
    http("DELETE", uri)
    stage.check(
        http("GET", pipe)[0].count("<message") == 1, "in the pipe there is an asynclet, and nothing else"
    )
    stage.wire()


def from_http_to_amqp(stage: Any, channel: Any, name: str, feed: str) -> None:
    stage.say("The other way: an AMQP program binds a queue to the feed's exchange, and HTTP posts.")
    queue = Queue(stage.name("watcher"), Exchange(name, "topic"), routing_key="lab.*", exclusive=True)(
        channel
    )
    queue.declare()
    stage.frames()
    http(
        "POST",
        feed,
        '<message address="lab.door"><header name="floor" value="2"/><content>open</content></message>',
    )
    stage.say("The 200 comes after RabbitMQ's confirm:")
    stage.wire()
    message = queue.get(no_ack=True)
    stage.check(
        message.payload == "open" and message.headers == {"floor": "2"}, "text and header have arrived"
    )
    stage.frames()


def request_and_reply(stage: Any, channel: Any, pipe: str) -> None:
    stage.say("A reply_to is a name: of a queue, or of a pipe. An AMQP service answers an HTTP client:")
    service = Queue(stage.name("service"), exclusive=True)(channel)
    service.declare()
    default = re.sub("/restms/.*", "/restms/feed/default", pipe)
    name = pipe.rpartition("/")[2]
    uri = asynclet(pipe)
    http(
        "POST",
        default,
        f'<message address="{service.name}" reply_to="{name}"><content>2+2</content></message>',
    )
    asked = service.get(no_ack=True)
    Producer(channel).publish("4", routing_key=asked.properties["reply_to"], content_type="text/plain")
    stage.check(">4<" in http("GET", uri)[0], "asked over HTTP, answered over AMQP")
    stage.frames()


def asynclet(pipe: str) -> str:
    """Return the URI of the message that comes next."""
    found: list[str] = re.findall(r'href="(\S+)" async', http("GET", pipe)[0])
    return found[0]


def http(method: str, uri: str, inner: str = "") -> tuple[str, str]:
    """Send a request with a document, or without one; return the answer's body and Location."""
    body = f"<restms>{inner}</restms>".encode() if inner else None
    request = Request(uri, body, {"Content-Type": "text/xml"}, method=method)
    with urlopen(request, timeout=60) as reply:
        return reply.read().decode(), reply.headers["Location"] or ""
