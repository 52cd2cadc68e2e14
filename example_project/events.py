"""``python -m example_project.events``: what the workers of a broker do, live, by Celery's events.

Nothing of Celery is needed to follow them: an event is a JSON message (or a list of them) on the exchange
``celeryev``, and Kombu consumes it like any other. Workers send them with ``worker -E`` or
``worker_send_task_events = True``, as the example's does.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from kombu import Connection, Consumer, Exchange, Queue
from kombu.mixins import ConsumerMixin

from .board import Board
from .checks import check_connection
from .live import Live
from .options import Problem

__all__ = ["Events", "main"]


class Events(ConsumerMixin):
    """Takes events off the broker, and comes back to it when the connection is lost.

    Each event is for everyone who listens: the queue is ours alone, and goes when we do.
    """

    def __init__(self, connection: Connection, board: Board, live: Live) -> None:
        self.connection = connection
        self.board = board
        self.live = live

    def get_consumers(self, consumer: type[Consumer], _channel: Any) -> list[Consumer]:
        """Return the one consumer; Kombu asks at every new connection."""
        # Redis has no topics, so Celery publishes to everyone there; the rest is sorted out by type.
        redis = self.connection.transport.driver_type == "redis"
        exchange = Exchange("celeryev", "fanout" if redis else "topic")
        queue = Queue("", exchange, routing_key="#", exclusive=True, auto_delete=True, durable=False)
        return [consumer([queue], callbacks=[self.take], accept=["json"], no_ack=True)]

    def on_consume_ready(self, *_: Any, **__: Any) -> None:
        """Say that from now on no event is missed."""
        self.live.say(f"Following the events on {self.connection.as_uri()}; Ctrl-C ends it.")

    def on_iteration(self) -> None:
        """Draw, at least once a second."""
        self.live.draw(self.board)

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        """Say so and go on trying."""
        self.live.say(f"The broker is gone ({exc}); trying again in {interval:g} s.")

    def take(self, body: Any, _message: Any) -> None:
        """Note what a message tells: one event, or the several that a busy worker sends at once."""
        for event in body if isinstance(body, list) else [body]:
            if change := self.board.take(event):
                self.live.show(change)


def main(argv: Sequence[str] | None = None) -> int:
    """Follow events until Ctrl-C and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m example_project.events",
        description="Show live what the workers of a broker do: a table on a terminal, else a line an event.",
        epilog="exit status: 0 Ctrl-C, 1 nobody reads the output, 2 it could not run, 143 SIGTERM",
    )
    parser.add_argument("--broker", metavar="URL", required=True, help="amqp://... or redis://...")
    url = parser.parse_args(argv).broker
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    live = Live(sys.stdout)
    try:
        if url.startswith(("filesystem:", "memory:")):
            raise Problem("events need a broker that reaches many at once: amqp:// or redis://")
        check_connection(url, lambda: Connection(url), "there are no events without one")
        with closing(live), Connection(url) as connection:
            Events(connection, Board(), live).run()
    except Problem as problem:
        print(f"example_project.events: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
