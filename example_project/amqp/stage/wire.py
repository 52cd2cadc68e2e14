"""Kombu transports that note what goes over the wire and what was declared."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

from amqp import spec
from kombu.transport import memory, pyamqp

from .topology import Topology

__all__ = ["Frame", "Trace", "traced"]


def _names() -> dict[tuple[int, int], str]:
    """Map (class id, method id) to the specification's name: (60, 40) is ``basic.publish``."""
    found = {}
    for cls in (value for value in vars(spec).values() if hasattr(value, "CLASS_ID")):
        for name, value in vars(cls).items():
            if isinstance(value, tuple):
                words = "".join(f"-{char.lower()}" if char.isupper() else char for char in name)
                found[value] = f"{cls.__name__.lower()}.{words.lstrip('-')}"
    return found


_NAMES = _names()
#: So many steps of a conversation are shown at most.
_LONG = 16


#: The broker closes a channel on which something was wrong.
_COMPLAINT = ("<-", "channel.close")


class Frame(NamedTuple):
    """One method: on which channel, from us (``->``) or from the broker (``<-``), and its name."""

    channel: int
    arrow: str
    name: str

    @property
    def is_ceremony(self) -> bool:
        """Whether it only opens or closes a connection or channel, and nobody complained."""
        return self.name.startswith(("connection.", "channel.")) and (self.arrow, self.name) != _COMPLAINT


class Trace:
    """What the connections of one lesson said, heard and declared."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        #: By virtual host: the same name in two of them is two things.
        self.topologies: dict[str, Topology] = {}

    def frame(self, channel: int, arrow: str, method: tuple[int, int]) -> None:
        """Note one method."""
        self.frames.append(Frame(channel, arrow, _NAMES[method]))

    def topology(self, channel: Any) -> Topology:
        """Return the topology of the virtual host that a channel is in."""
        host = channel.connection.client.virtual_host or "/"
        return self.topologies.setdefault(host, Topology())


def as_text(frames: Iterable[Frame]) -> str:
    """Write frames in one line: ``[1] -> basic.publish x3 <- basic.ack``; [0] is the connection itself."""
    pieces, shown = [], None
    for frame, same in groupby(frames):
        count = len(list(same))
        channel = f"[{frame.channel}] " if frame.channel != shown else ""
        shown = frame.channel
        pieces.append(f"{channel}{frame.arrow} {frame.name}{f' x{count}' if count > 1 else ''}")
    return " ".join(pieces if len(pieces) <= _LONG else [*pieces[: _LONG - 4], "...", *pieces[-2:]])


def _speaking(base: Any, trace: Trace) -> Any:
    """Return a py-amqp class (channel, or connection, which is channel 0) that notes its methods."""

    class Speaking(base):
        def send_method(self, sig: Any, *args: Any, **kwargs: Any) -> Any:
            trace.frame(self.channel_id, "->", sig)
            if sig == spec.Basic.Publish:
                _, (_, exchange, *_), *_ = args  # how py-amqp writes the method's fields
                trace.topology(self).published[exchange] += 1
            return super().send_method(sig, *args, **kwargs)

        def dispatch_method(self, method_sig: Any, payload: Any, content: Any) -> Any:
            trace.frame(self.channel_id, "<-", method_sig)
            return super().dispatch_method(method_sig, payload, content)

    return Speaking


def _declaring(base: Any, trace: Trace) -> Any:
    """Return a channel class that notes each declaration once the broker has accepted it."""

    class Declaring(base):
        def exchange_declare(self, exchange: str, type: str, **options: Any) -> Any:  # noqa: A002
            answer = super().exchange_declare(exchange=exchange, type=type, **options)
            if not options.get("passive"):
                trace.topology(self).exchange(exchange, type, options)
            return answer

        def queue_declare(self, queue: str = "", **options: Any) -> Any:
            answer = super().queue_declare(queue=queue, **options)
            if not options.get("passive"):
                trace.topology(self).queue(answer[0], options)  # where we gave no name, the broker did
            return answer

        def queue_bind(self, queue: str, exchange: str, routing_key: str = "", **options: Any) -> Any:
            answer = super().queue_bind(queue=queue, exchange=exchange, routing_key=routing_key, **options)
            trace.topology(self).bind(exchange, routing_key, options.get("arguments"), queue)
            return answer

        def basic_consume(self, queue: str, **options: Any) -> Any:
            answer = super().basic_consume(queue=queue, **options)
            trace.topology(self).consume(queue, options["consumer_tag"])
            return answer

        def basic_cancel(self, consumer_tag: str, **options: Any) -> Any:
            trace.topology(self).cancel(consumer_tag)
            return super().basic_cancel(consumer_tag, **options)

    return Declaring


def _publishing(base: Any, trace: Trace) -> Any:
    """Return an in-memory channel class that notes what is published: it has no methods to look at."""

    class Publishing(base):
        def basic_publish(self, message: Any, exchange: str, routing_key: str, **options: Any) -> Any:
            trace.topology(self).published[exchange] += 1
            return super().basic_publish(message, exchange, routing_key, **options)

    return Publishing


def traced(trace: Trace, in_memory: bool) -> Any:
    """Return a transport for ``kombu.Connection(url, transport=...)``."""
    if in_memory:
        channel = _declaring(_publishing(memory.Channel, trace), trace)
        return type("Transport", (memory.Transport,), {"Channel": channel})
    channel = _declaring(_speaking(pyamqp.Channel, trace), trace)
    connection = type("Connection", (_speaking(pyamqp.Connection, trace),), {"Channel": channel})
    return type("Transport", (pyamqp.Transport,), {"Connection": connection})
