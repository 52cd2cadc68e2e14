"""The resources on RabbitMQ, through Kombu. Called by one thread only: neither Kombu nor py-amqp allows two.

A feed is an exchange, or for rotator and service a queue that its joins share. A pipe is a queue of its name,
so the default exchange is the feed ``default``; its channel holds every message unacknowledged until that is
deleted. A join is a binding, or a consumer on the shared queue.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from amqp import exceptions as amqp
from kombu import Connection, Exchange, Message, Queue

from .convert import Incoming, Outgoing, incoming
from .model import Feed, Join, Pipe
from .refusal import Refused

__all__ = ["Broker"]

#: Seconds after which RabbitMQ removes the queue of a pipe when its gateway is gone.
EXPIRES = 300.0

#: Seconds until a confirm that does not come counts as a lost connection.
PATIENCE = 30.0

#: Messages that a pipe holds in this process; RabbitMQ keeps the others.
PREFETCH = 1000

#: What RabbitMQ's reply codes mean to an HTTP client.
_STATUS = {403: 403, 404: 404, 405: 403, 406: 403}


class Broker:
    """One connection. ``on_message`` gets what arrives in a pipe.

    ``on_gone`` is called with a pipe or feed whose queue somebody deleted, ``on_closed`` after RabbitMQ
    closed the channel of a pipe: it does so when a message is held for half an hour.
    """

    def __init__(
        self,
        connection: Connection,
        on_message: Callable[[Pipe, Incoming, Message], None],
        on_gone: Callable[[Pipe | Feed], None],
        on_closed: Callable[[], object],
    ) -> None:
        self._connection = connection
        self._on_message, self._on_gone, self._on_closed = on_message, on_gone, on_closed
        self._out: Any = None
        self._in: dict[Pipe, Any] = {}

    def open_feed(self, feed: Feed) -> None:
        """Declare its exchange or queue; a public one outlives a restart of RabbitMQ."""
        if feed.configured:
            return
        with self._channel() as channel:
            if feed.exchange:
                Exchange(feed.name, feed.exchange, durable=feed.public, channel=channel).declare()
            else:
                _shared(feed)(channel).declare()

    def close_feed(self, feed: Feed) -> None:
        """Delete its exchange or queue."""
        with self._channel() as channel:
            if feed.exchange:
                Exchange(feed.name, channel=channel).delete()
            else:
                _shared(feed)(channel).delete()

    def publish(self, feed: Feed, message: Outgoing) -> None:
        """Publish, and wait until RabbitMQ confirms that it has the message."""
        exchange, key, properties = feed.name, message.address, dict(message.properties)
        if feed.configured:
            exchange = ""
        elif not feed.exchange:
            exchange, key = "", feed.name
            properties.setdefault("message_id", message.address)
        with _refusals(), self._publishing() as channel:
            priority = properties.pop("priority", None)
            made = channel.prepare_message(
                message.body, priority, message.content_type, None, message.headers, properties
            )
            channel.basic_publish_confirm(made, exchange=exchange, routing_key=key, timeout=PATIENCE)

    @contextmanager
    def _publishing(self) -> Iterator[Any]:
        """Yield the channel for publishing; after a mistake it could take one confirm for another."""
        self._out = self._out or self._connection.channel()
        try:
            yield self._out
        except BaseException:
            spoilt, self._out = self._out, None
            spoilt.close()
            raise

    def is_open(self, pipe: Pipe) -> bool:
        """Tell whether the pipe is read on this connection."""
        return pipe in self._in and bool(self._in[pipe].is_open)

    def open_pipe(self, pipe: Pipe) -> None:
        """Declare its queue and take what comes, on a channel of its own."""
        with _refusals():
            if pipe in self._in:
                self._in[pipe].collect()
            channel = self._in[pipe] = self._connection.channel()
            channel.auto_decode = False  # bytes stay bytes
            # What py-amqp does with a closed channel: but without its consumers nobody would know.
            channel.open = self._on_closed
            # For the channel as a whole, not for each of its consumers: a pipe may have several.
            channel.basic_qos(0, 1 if pipe.type == "ondemand" else PREFETCH, True)
            if pipe.type != "ondemand":
                queue = Queue(pipe.name, durable=False, expires=EXPIRES)
                queue(channel).declare()
                self._consume(pipe, queue, pipe.name, pipe)

    def close_pipe(self, pipe: Pipe) -> None:
        """Delete its queue; messages of a shared queue that nobody deleted go to other pipes."""
        channel = self._in.pop(pipe)
        with _refusals():
            if channel.is_open and pipe.type != "ondemand":
                channel.basic_cancel(pipe.name)
            channel.close()
            channel.collect()
        with self._channel() as own:
            own.queue_delete(pipe.name)

    def join(self, join: Join) -> None:
        """Bind the pipe's queue, or read the shared queue."""
        if join.feed.configured:
            return
        if join.feed.exchange:
            with self._channel() as own:
                own.queue_bind(join.pipe.name, join.feed.name, join.address, arguments=_arguments(join))
        elif join.pipe.type != "ondemand":
            self._consume(join.pipe, _shared(join.feed), join.path, join.feed)

    def part(self, join: Join) -> None:
        """Undo ``join``; what is in the pipe already stays there."""
        if join.feed.configured:
            return
        if join.feed.exchange:
            with self._channel() as own:
                own.queue_unbind(join.pipe.name, join.feed.name, join.address, arguments=_arguments(join))
        else:
            with _refusals():
                self._in[join.pipe].basic_cancel(join.path)

    def pull(self, pipe: Pipe) -> None:
        """Let an ondemand pipe read from its shared queues until a message has come."""
        for join in pipe.joins:
            if join.path not in self._in[pipe].callbacks:
                self._consume(pipe, _shared(join.feed), join.path, join.feed)

    def acknowledge(self, receipt: Message) -> None:
        """Tell RabbitMQ that a message and all older ones of its pipe are done with."""
        with _refusals():
            receipt.ack(multiple=True)

    def _consume(self, pipe: Pipe, queue: Queue, tag: str, owner: Pipe | Feed) -> None:
        channel = self._in[pipe]
        with _refusals():
            channel.basic_consume(
                queue.name,
                consumer_tag=tag,
                callback=lambda raw: self._received(pipe, channel.message_to_python(raw)),
                on_cancel=lambda _: self._on_gone(owner),
            )

    def _received(self, pipe: Pipe, message: Message) -> None:
        if pipe.type == "ondemand":
            for tag in list(message.channel.callbacks):
                message.channel.basic_cancel(tag, nowait=True)
                del message.channel.callbacks[tag]  # py-amqp does so only when it waits
        address = message.delivery_info["routing_key"]
        body = bytes(message.body or b"")
        found = incoming(address, message.properties, message.headers, message.content_type, body)
        self._on_message(pipe, found, message)

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        """Yield a channel for one thing: RabbitMQ answers a mistake by closing the channel it was made on."""
        with _refusals(), self._connection.channel() as channel:
            yield channel


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what RabbitMQ refuses into what HTTP says; a lost connection passes."""
    try:
        yield
    except amqp.ResourceError:  # py-amqp's, and no trouble of the connection
        raise Refused(503, "RabbitMQ has no channel left") from None
    except amqp.ConnectionError:
        raise
    except (amqp.AMQPError, amqp.MessageNacked) as error:
        text = getattr(error, "reply_text", None) or str(error)
        raise Refused(_STATUS.get(getattr(error, "reply_code", 0) or 0, 503), f"RabbitMQ: {text}") from None


def _shared(feed: Feed) -> Queue:
    """Return the queue that all joins of a rotator or service share.

    Not one that goes with its last consumer: an ondemand pipe consumes only while somebody waits.
    """
    return Queue(feed.name, durable=feed.public and feed.type == "rotator")


def _arguments(join: Join) -> dict[str, str] | None:
    return {**join.headers, "x-match": "all"} if join.feed.type == "headers" else None
