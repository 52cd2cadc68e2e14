"""What goes wrong around the server: RabbitMQ, clients, and the command line."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from restms_client import DEFAULT, DOMAIN, Client, message, xml
from support.inbox import Inbox
from support.rabbitmq import RabbitMq
from support.waiting import free_port, wait_until

from example_project.restms.server import Server

pytestmark = pytest.mark.xdist_group("rabbitmq")

ROOT = Path(__file__).parents[2]


def name(path: str) -> str:
    """A resource's name in RabbitMQ."""
    return path.rpartition("/")[2]


def test_broker_away_and_back(rabbitmq: RabbitMq, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RabbitMQ requests get 503; with it again everything is as it was, also who waits."""
    with Server(rabbitmq.url) as server:
        client = Client(server.url)
        rotator, pipe, slow = client.feed("rotator"), client.pipe(), client.pipe("ondemand")
        client.join(slow, rotator)
        with client.waiting(client.asynclet(pipe)) as one, client.waiting(client.asynclet(slow)) as two:
            for each in (pipe, slow):
                resource: Any = server.service.space.find(each)
                wait_until(lambda found=resource: found.asynclet.arrived._waiters, "a GET to wait")
            with monkeypatch.context() as away:
                away.setattr(server.loop, "_connect", lambda: os.read(-1, 1))
                server.loop._connection.connection.sock.shutdown(socket.SHUT_RDWR)
                wait_until(lambda: client("GET", pipe).status == 503, "the loss to be noticed")
            wait_until(lambda: client("GET", pipe).status == 200, "the next connection")
            client.send(DEFAULT, message("back", address=name(pipe)))
            client.send(rotator, message("too"))
            assert b"back" in one.getresponse().read()
            assert b"too" in two.getresponse().read()


def test_closed_channel_is_opened_again(client: Client, server: Server) -> None:
    """A channel that RabbitMQ closes, as for a message held too long, costs no message."""
    pipe = client.pipe()
    client.send(DEFAULT, message("kept", address=name(pipe)))
    (uri,) = client.held(pipe, 1)
    resource: Any = server.service.space.find(pipe)
    server.loop.call(lambda: resource.held[0].receipt.channel.basic_ack(99)).result()
    wait_until(lambda: client("GET", uri).status == 404, "the channel to be closed")
    assert client.texts(pipe, 1) == ["kept"]


def test_queue_deleted_by_an_administrator(client: Client, amqp: Any) -> None:
    """A pipe whose queue is deleted is gone, as its client expects; so is a feed."""
    pipe, feed = client.pipe(), client.feed("rotator")
    client.join(pipe, feed)
    with client.waiting(client.asynclet(pipe)) as connection:
        amqp.queue_delete(name(feed))
        wait_until(lambda: client("GET", feed).status == 404, "the feed to go")
        assert client("GET", pipe).status == 200
        amqp.queue_delete(name(pipe))
        assert connection.getresponse().status == 404
    topic = client.feed("topic")
    amqp.exchange_delete(name(topic))
    reply = client("POST", topic, message("x"))
    assert (reply.status, b"no exchange" in reply.body) == (404, True)


def test_name_taken_in_rabbitmq(client: Client, amqp: Any) -> None:
    """A feed cannot take an exchange over that is of another kind; the server goes on."""
    amqp.exchange_declare("taken", "fanout", auto_delete=True)
    reply = client("POST", DOMAIN, '<feed name="taken" type="topic"/>')
    assert (reply.status, b"inequivalent arg" in reply.body) == (403, True)
    assert client("GET", "/restms/feed/taken").status == 404
    amqp.exchange_delete("taken")


def test_what_would_end_the_connection_is_refused(client: Client) -> None:
    """A text too long for AMQP gets 400, wherever it stands; pipes keep what they hold."""
    feed, pipe = client.feed("topic"), client.pipe()
    client.send(DEFAULT, message("kept", address=name(pipe)))
    held = client.held(pipe, 1)
    long = "x" * 256
    assert client("POST", feed, message("x", address=long)).status == 400
    assert client("POST", feed, message("x", {"a": "b" * 70000})).status == 400
    assert client("POST", pipe, f'<join feed="{feed}" address="{long}"/>').status == 400
    assert client("POST", feed, b"x", Content_Type=f"a/{long}").status == 400
    assert client.held(pipe) == held


def test_no_channel_left(rabbitmq: RabbitMq) -> None:
    """Too many pipes are refused without harm to the others, until one of them goes."""
    with Server(rabbitmq.url) as server:
        client = Client(server.url)
        first = client.pipe()
        client.send(DEFAULT, message("kept", address=name(first)))
        held = client.held(first, 1)
        server.loop._connection.connection.channel_max = 10
        others = []
        while (reply := client("POST", DOMAIN, "<pipe/>")).status == 201:
            others.append(reply.location)
        assert (reply.status, b"no channel" in reply.body, len(others) > 5) == (503, True, True)
        assert client.held(first) == held
        assert client("DELETE", others[0]).status == 200
        client.pipe()


def test_pages_of_other_sites_are_refused(client: Client) -> None:
    """What a browser sends for a page from elsewhere has no effect."""
    for origin, status in (("http://evil.example", 403), ("null", 403), (client.url, 201)):
        assert client("POST", DOMAIN, "<feed/>", Origin=origin).status == status


def test_uris_that_are_none(client: Client) -> None:
    """Something that cannot be read as a URI leads nowhere."""
    assert client("POST", client.pipe(), '<join feed="http://["/>').status == 404
    feed = client.feed()
    assert client("POST", feed, '<message><content href="http://["/></message>').status == 404
    with socket.create_connection(client.netloc.rsplit(":", 1), 60) as raw:
        raw.sendall(b"GET http://[ HTTP/1.1\r\n\r\n")
        assert raw.recv(100)[9:12] == b"404"


def test_keep_alive_and_bad_requests(client: Client) -> None:
    """Requests share a connection; what cannot be read ends it with an error, and half a body is nothing."""
    connection = http.client.HTTPConnection(client.netloc, timeout=60)
    for status, path in ((200, DOMAIN), (404, "/nowhere"), (200, DEFAULT)):
        connection.request("GET", path, headers={"Host": "<evil>"})
        reply = connection.getresponse()
        assert reply.status == status
        assert b"evil" not in reply.read()
    connection.close()
    before = client("GET", DOMAIN).body
    body = xml('<feed name="half"/>')
    head = f"POST {DOMAIN} HTTP/1.1\r\nHost: h\r\n"
    for rest, status in (
        (f"Content-Length: {len(body) + 9}\r\n\r\n".encode() + body, b""),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
        (b"Content-Length: -1\r\n\r\n", b"400"),
        (b"Content-Type: text/plain;\r\n x\r\n\r\n", b"400"),
    ):
        with socket.create_connection(client.netloc.rsplit(":", 1), 60) as raw:
            raw.sendall(head.encode() + rest)
            raw.shutdown(socket.SHUT_WR)
            reply = b"".join(iter(lambda raw=raw: raw.recv(65536), b""))
            assert reply[9:12] == status, reply
    assert client("GET", DOMAIN).body == before


def test_many_writers_and_readers(client: Client) -> None:
    """Eight writers at once: each message reaches both readers, and each writer's order is kept."""
    feed = client.feed("fanout")
    pipes = [client.reader(feed) for _ in range(2)]

    def write(writer: int) -> None:
        for number in range(15):
            client.send(feed, message(f"{writer}:{number}"))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for pipe in pipes:
        texts = client.texts(pipe, 120)
        for writer in range(8):
            mine = [text for text in texts if text.startswith(f"{writer}:")]
            assert mine == [f"{writer}:{number}" for number in range(15)]


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The server as a user starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "example_project.restms", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_command(rabbitmq: RabbitMq, collector: Inbox, amqp: Any) -> None:
    """It says where it listens, logs each request to syslog, and cleans up when it is told to stop."""
    with command("--broker", rabbitmq.url, "--listen", "127.0.0.1:0", "--syslog", collector.url) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        assert line.startswith("RestMS at http://127.0.0.1:"), process.stderr.read()
        client = Client(line.split()[2].removesuffix(DOMAIN))
        pipe, private = client.pipe(), client.feed("rotator", "")
        amqp.queue_declare(name(pipe), passive=True)
        process.send_signal(signal.SIGTERM)
        assert (process.wait(60), process.stderr.read()) == (0, "")
    for gone in (pipe, private):
        with (
            amqp.connection.client.channel() as channel,
            pytest.raises(amqp.connection.client.channel_errors),
        ):
            channel.queue_declare(name(gone), passive=True)
    said = "\n".join(raw.decode() for raw in collector.receiver.raw)
    assert f"POST {DOMAIN} 201 in " in said
    assert "restms[" in said
    assert "guest:guest" not in said


@pytest.mark.parametrize("url", ["memory://", "amqp://u:secret@[::bad", "amqp://u:secret@h:port", "secret"])
def test_command_with_a_bad_url(url: str) -> None:
    """What is no URL of RabbitMQ is refused as any wrong argument is, and not repeated."""
    with command("--broker", url) as process:
        err = process.communicate(timeout=60)[1]
    assert (process.returncode, "secret" in err, "looks like amqp://" in err) == (2, False, True)


@pytest.mark.parametrize("fault", ["nobody", "password", "port", "syslog"])
def test_command_that_cannot_begin(rabbitmq: RabbitMq, collector: Inbox, fault: str) -> None:
    """One line says what is wrong, without the password, and the exit status is 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker, syslog, port = rabbitmq.url, collector.url, 0
        if fault == "nobody":
            broker = f"amqp://guest:secret@127.0.0.1:{free_port()}//"
        elif fault == "password":
            broker = broker.replace("guest:guest", "guest:secret")
        elif fault == "port":
            port = taken.getsockname()[1]
        else:
            syslog = "gopher://x"
        with command("--broker", broker, "--listen", f"127.0.0.1:{port}", "--syslog", syslog) as process:
            out, err = process.communicate(timeout=60)
    assert (process.returncode, out, len(err.splitlines())) == (2, "", 1), err
    assert "secret" not in err
