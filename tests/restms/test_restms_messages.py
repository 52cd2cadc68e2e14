"""Routing, delivery and interoperation: points 21 to 32 and 34 of the list in docs/amqp/restms.md."""

from __future__ import annotations

import base64
import socket
from typing import Any

import pytest
from kombu import Producer, Queue
from restms_client import DEFAULT, NAMESPACE, Client, message
from support.waiting import wait_until

from example_project.restms.server import Server

pytestmark = pytest.mark.xdist_group("rabbitmq")


def name(path: str) -> str:
    """A resource's name in RabbitMQ."""
    return path.rpartition("/")[2]


def received(amqp: Any, queue: Queue) -> Any:
    """The next message of a queue, read by a plain AMQP client."""
    return wait_until(lambda: queue(amqp).get(no_ack=True), f"a message in {queue}")


def count(client: Client, feed: str, *messages: str) -> str:
    """What the answer to a publish says of the joins that matched."""
    return client.send(feed, *messages).item.attrib["count"]


def test_21_default_type_counts_joins(client: Client) -> None:
    """The answer of a feed of the default type is the number of joins with just that address."""
    feed = client.feed()
    assert count(client, feed, message("x", address="a b")) == "0"
    pipes = [client.reader(feed, "a b")]
    assert count(client, feed, message("x", address="a b")) == "1"
    pipes += [client.reader(feed, "a b"), client.reader(feed, "a c")]
    assert count(client, feed, message("y", address="a b"), message("z", address="a c")) == "3"
    assert [client.texts(pipe, n) for pipe, n in zip(pipes, (2, 1, 1), strict=True)] == [
        ["x", "y"],
        ["y"],
        ["z"],
    ]


def test_22_default_feed_leads_to_one_pipe(client: Client) -> None:
    """A message to the default feed reaches the pipe of that name, and only that one."""
    pipe, other = client.pipe(), client.pipe()
    assert count(client, DEFAULT, message("for you", address=name(pipe))) == "1"
    assert count(client, DEFAULT, message("for nobody", address="nobody")) == "0"
    assert client.texts(pipe, 1) == ["for you"]
    assert client.held(other) == []


def test_23_fanout_and_direct(client: Client) -> None:
    """A fanout feed copies to all its joins, a direct one to those with the equal address."""
    fanout, direct = client.feed("fanout"), client.feed("direct")
    pipes = [client.pipe() for _ in range(3)]
    for pipe, address in zip(pipes, ("a", "b", "*"), strict=True):
        client.join(pipe, fanout, address)
        client.join(pipe, direct, address)
    client.send(fanout, message("all", address="b"))
    client.send(direct, message("one", address="b"))
    client.send(fanout, message("end", address="z"))
    assert [client.texts(pipe, n) for pipe, n in zip(pipes, (2, 3, 2), strict=True)] == [
        ["all", "end"],
        ["all", "one", "end"],
        ["all", "end"],
    ]


def test_24_topic(client: Client) -> None:
    """In a topic pattern a star is one word and a hash is any number of them."""
    feed = client.feed("topic")
    star, hash_ = client.reader(feed, "a.*"), client.reader(feed, "a.#")
    client.send(feed, *(message(key, address=key) for key in ("a", "a.b", "a.b.c", "b.a")))
    assert client.texts(hash_, 3) == ["a", "a.b", "a.b.c"]
    assert client.texts(star, 1) == ["a.b"]


def test_25_headers(client: Client) -> None:
    """A headers feed takes what has all of a join's headers; the join cannot ask for any of them."""
    feed = client.feed("headers")
    both = client.reader(feed, headers={"unit": "C", "lab": "1", "x-match": "any"})
    either = client.reader(feed, headers={"unit": "C"})
    client.send(feed, message("one", {"unit": "C"}), message("two", {"unit": "C", "lab": "1", "more": "x"}))
    client.send(feed, message("none", {"lab": "1"}))
    assert client.texts(either, 2) == ["one", "two"]
    assert client.texts(both, 1) == ["two"]
    (join,) = [each for each in client.children(both, "join") if each.attrib["feed"].endswith(feed)]
    shown = {each.attrib["name"]: each.attrib["value"] for each in client("GET", join.attrib["href"]).item}
    assert shown == {"unit": "C", "lab": "1", "x-match": "any"}


def test_26_rotator(client: Client) -> None:
    """A rotator keeps messages until a pipe joins, then gives each to one pipe, in turn."""
    feed = client.feed("rotator")
    client.send(feed, message("early", address="job"))
    pipes = [client.reader(feed)]
    (early,) = client.held(pipes[0], 1)
    assert client("GET", early).item.attrib["message_id"] == "job"
    pipes += [client.reader(feed) for _ in range(2)]
    client.send(feed, *(message(str(number)) for number in range(9)))
    found = [client.held(pipe, 3 + (pipe is pipes[0])) for pipe in pipes]
    assert [len(each) for each in found] == [4, 3, 3]
    texts = [text for pipe in pipes for text in client.texts(pipe, 3 + (pipe is pipes[0]))]
    assert sorted(texts) == [*map(str, range(9)), "early"]


def test_26_what_a_gone_pipe_did_not_delete_goes_to_another(client: Client) -> None:
    """A rotator's messages that were held and not deleted are not lost with their pipe."""
    feed = client.feed("rotator")
    first = client.reader(feed)
    client.send(feed, message("1"), message("2"))
    client("DELETE", client.held(first, 2)[0])
    second = client.reader(feed)
    assert client("DELETE", first).status == 200
    assert client.texts(second, 1) == ["2"]


def test_27_service_goes_with_its_last_join(client: Client, amqp: Any) -> None:
    """A service feed and its queue are there as long as somebody serves."""
    feed = client.feed("service")
    client.send(feed, message("early"))
    pipe, other = client.pipe(), client.pipe()
    join = client.join(pipe, feed)
    client.join(other, feed)
    assert client.texts(pipe, 1) == ["early"]
    assert client("DELETE", join).status == 200
    assert client("GET", feed).status == 200
    assert client("DELETE", other).status == 200
    assert client("GET", feed).status == 404
    with pytest.raises(amqp.connection.client.channel_errors):
        amqp.queue_declare(name(feed), passive=True)


def test_28_asynclet(client: Client) -> None:
    """GET on the asynclet waits for a message; then its URI is that message's, and there is a new one."""
    feed = client.feed("fanout")
    pipe = client.reader(feed)
    uri = client.asynclet(pipe)
    with client.waiting(uri) as first, client.waiting(uri) as second:
        first.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            first.sock.recv(1)
        first.sock.settimeout(60)
        client.send(feed, message("now"))
        for each in (first, second):
            reply = each.getresponse()
            assert reply.status == 200
            assert b"now" in reply.read()
    assert b"now" in client("GET", uri).body
    assert client.held(pipe) == [uri]
    assert client.asynclet(pipe) != uri
    assert client("DELETE", client.asynclet(pipe)).status == 403


def test_28_the_message_ends_the_wait(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits is woken by the message itself: with no clock ticking, each is answered all the same."""
    monkeypatch.setattr("example_project.restms.server.LOOK", 3600.0)
    feed = client.feed("fanout")
    pipe = client.reader(feed)
    for number in range(20):
        with client.waiting(client.asynclet(pipe)) as connection:
            client.send(feed, message(str(number)))
            assert f">{number}<".encode() in connection.getresponse().read()


def test_28_deleted_pipe_ends_the_wait(client: Client) -> None:
    """Who waits on a pipe that is deleted learns that it is gone."""
    pipe = client.pipe()
    with client.waiting(client.asynclet(pipe)) as connection:
        assert client("DELETE", pipe).status == 200
        assert connection.getresponse().status == 404


def test_29_message_for_a_client_that_left(client: Client) -> None:
    """A message that comes after the client hung up stays, under the URI he was waiting on."""
    feed = client.feed("fanout")
    pipe = client.reader(feed)
    uri = client.asynclet(pipe)
    with client.waiting(uri):
        pass
    client.send(feed, message("kept"))
    assert client.held(pipe, 1) == [uri]
    assert b"kept" in client("GET", uri).body


def test_30_delete_takes_older_messages_along(client: Client, server: Server) -> None:
    """GET consumes nothing. DELETE is an acknowledgement, of all older messages as well.

    RabbitMQ tells which ones it counts as acknowledged: after a lost connection it sends the others again.
    """
    feed = client.feed("fanout")
    pipe, other = client.reader(feed), client.reader(feed)
    client.send(feed, *(message(str(number)) for number in range(5)))
    uris = client.held(pipe, 5)
    client.held(other, 5)
    assert client("GET", uris[2]).body == client("GET", uris[2]).body
    assert client("DELETE", uris[2]).status == 200
    assert client.held(pipe) == uris[3:]
    assert [client("GET", uri).status for uri in uris] == [404, 404, 404, 200, 200]
    assert client("DELETE", uris[0]).status == 200
    broken = server.loop._connection.connection.sock
    broken.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: client("GET", uris[3]).status == 404, "what was held to be taken back")
    wait_until(lambda: client("GET", pipe).status == 200, "the next connection")
    assert client.texts(pipe, 2) == ["3", "4"]
    assert client.texts(other, 5) == ["0", "1", "2", "3", "4"]
    client.send(feed, message("5"))
    assert client.texts(pipe, 3) == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"plain <&> text\n \xc3\xa9", "plain"),
        (b"carriage\r\nreturn", "base64"),
        (b"\x00\xff binary", "base64"),
        (b"long" * 2000, None),
        (b"", None),
    ],
)
def test_31_contents_arrive_as_they_were(client: Client, data: bytes, encoding: str | None) -> None:
    """Short text comes as it is, other short bytes as base64, long contents under a URI of their own."""
    feed = client.feed("fanout")
    pipe = client.reader(feed)
    text = base64.b64encode(data).decode()
    client.send(feed, f'<message><content type="a/b" encoding="base64">{text}</content></message>')
    item = client("GET", client.held(pipe, 1)[0]).item
    contents = item.findall(f"{NAMESPACE}content")
    if not data:
        assert not contents
        return
    (content,) = contents
    assert content.attrib["type"] == "a/b"
    assert content.get("encoding") == encoding
    if encoding == "plain":
        assert (content.text or "").encode() == data
    elif encoding == "base64":
        assert base64.b64decode(content.text or "") == data
    else:
        reply = client("GET", content.attrib["href"])
        assert (reply.body, reply.headers["Content-Type"]) == (data, "a/b")
        assert client("DELETE", content.attrib["href"]).status == 200
        assert client("GET", client.held(pipe)[0]).item.find(f"{NAMESPACE}content") is None


PROPERTIES = {
    "message_id": "id-1",
    "reply_to": "who",
    "correlation_id": "42",
    "delivery_mode": "1",
    "priority": "7",
    "expiration": "600000",
    "timestamp": "Tue, 03 Nov 2026 12:00:00 GMT",
    "type": "reading",
    "app_id": "lab",
    "sender_id": "me",
}


def test_31_properties_and_headers_arrive_in_order(client: Client) -> None:
    """Every property of a message and its headers come through RabbitMQ; one POST keeps its order."""
    feed = client.feed("topic")
    pipe = client.reader(feed, "#")
    headers = {"unit": "°C", "n": "1"}
    first = message("a", headers, address="lab.temp", user_id="root", **PROPERTIES)
    client.send(feed, first, *(message(str(number), address="lab.n") for number in range(20)))
    item = client("GET", client.held(pipe, 21)[0]).item
    assert item.attrib == {"address": "lab.temp", **PROPERTIES}
    shown = {each.attrib["name"]: each.attrib["value"] for each in item.findall(f"{NAMESPACE}header")}
    assert shown == headers
    assert client.texts(pipe, 21) == ["a", *map(str, range(20))]


def test_32_amqp_publisher_reaches_a_pipe(client: Client, amqp: Any) -> None:
    """Whatever an AMQP program publishes to a feed's exchange, or to a pipe's queue, comes out over HTTP."""
    feed = client.feed("topic")
    pipe = client.reader(feed, "lab.#")
    producer = Producer(amqp)
    producer.publish({"t": 21.5}, exchange=name(feed), routing_key="lab.temp", headers={"n": 1, "deep": [1]})
    producer.publish(b"x", routing_key=name(pipe), content_type="evil\r\nSet-Cookie: a", expiration=900)
    first, second = (client("GET", uri).item for uri in client.held(pipe, 2))
    assert first.attrib["address"] == "lab.temp"
    assert [(each.get("name"), each.get("value")) for each in first[:2]] == [("n", "1"), ("deep", "[1]")]
    assert (first[2].attrib["type"], first[2].text) == ("application/json", '{"t": 21.5}')
    assert second[0].attrib["type"] == "application/octet-stream"
    assert second.attrib["expiration"] == "900000"


def test_32_restms_reaches_an_amqp_queue(client: Client, amqp: Any) -> None:
    """What is posted to a feed is routed by its address to queues of AMQP programs."""
    feed, queue = client.feed("topic"), Queue("amqp-reader", exclusive=True)
    queue(amqp).declare()
    amqp.queue_bind(queue.name, name(feed), "lab.*")
    client.send(feed, message("21.5", {"unit": "C"}, address="lab.temp", message_id="7"))
    found = received(amqp, queue)
    assert found.delivery_info["routing_key"] == "lab.temp"
    assert (found.content_type, found.headers) == ("text/plain", {"unit": "C"})
    assert found.body in ("21.5", b"21.5")
    assert found.properties["message_id"] == "7"


def test_32_requests_and_replies_both_ways(client: Client, amqp: Any) -> None:
    """A reply_to is a pipe's name or a queue's name: either side can answer the other."""
    service = client.feed("service")
    server, caller = client.reader(service), Queue("amqp-caller", exclusive=True)
    caller(amqp).declare()
    Producer(amqp).publish("2+2", routing_key=name(service), reply_to=caller.name, correlation_id="1")
    asked = client("GET", client.held(server, 1)[0]).item.attrib
    client.send(DEFAULT, message("4", address=asked["reply_to"], correlation_id=asked["correlation_id"]))
    assert received(amqp, caller).properties["correlation_id"] == "1"

    worker = Queue("amqp-worker", exclusive=True)
    worker(amqp).declare()
    pipe = client.pipe()
    client.send(DEFAULT, message("3+3", address=worker.name, reply_to=name(pipe)))
    reply_to = received(amqp, worker).properties["reply_to"]
    Producer(amqp).publish("6", routing_key=reply_to)
    assert client.texts(pipe, 1) == ["6"]


def test_34_ondemand(client: Client) -> None:
    """An ondemand pipe takes one message, when it is asked for, from shared queues only."""
    feed, pipe = client.feed("rotator"), client.pipe("ondemand")
    assert client("POST", pipe, f'<join feed="{client.feed("topic")}"/>').status == 403
    client.join(pipe, feed)
    client.send(feed, message("1"), message("2"))
    assert client.held(pipe) == []
    uri = client.asynclet(pipe)
    assert client("GET", uri).item.findtext(f"{NAMESPACE}content") == "1"
    assert client.held(pipe) == [uri]
    with client.waiting(client.asynclet(pipe)) as connection:
        assert client("DELETE", uri).status == 200
        assert b">2<" in connection.getresponse().read()
    assert client("DELETE", client.held(pipe)[0]).status == 200
    with client.waiting(client.asynclet(pipe)) as connection:
        client.send(feed, message("3"))
        assert b">3<" in connection.getresponse().read()
    other = client.reader(feed)
    client.send(feed, message("4"))
    assert client.texts(other, 1) == ["4"], "nobody waits at the ondemand pipe"
