"""The one thread in which everything happens: requests one by one, and what RabbitMQ sends in between.

So no resource needs a lock, a request sees no other one half done, and Kombu is used by a single thread.
"""

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from amqp.exceptions import AMQPError
from kombu import Connection

from .refusal import Refused

__all__ = ["Loop"]

T = TypeVar("T")
logger = logging.getLogger("restms")

#: Seconds: between heartbeats, and between attempts to connect again.
HEARTBEAT, RETRY = 20, 1.0


class Loop(threading.Thread):
    """Runs jobs beside a connection, made anew when it is lost; ``on_connected`` is called each time."""

    def __init__(self, broker: str | Connection, on_connected: Callable[[Connection], None]) -> None:
        super().__init__(name="restms", daemon=True)
        if isinstance(broker, str):
            broker = Connection(broker, heartbeat=HEARTBEAT, connect_timeout=5)
        self._connection = broker
        self._on_connected = on_connected
        self._errors = (*self._connection.connection_errors, OSError)
        self._jobs: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._stopping = self._connected = False

    def begin(self) -> None:
        """Connect in the caller's thread, so that he hears of a broker that is not there; then run."""
        self._connect()
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self.start()

    def call(self, job: Callable[[], T]) -> "Future[T]":
        """Have ``job`` run in the thread; from any thread, and from a job as well."""
        future: Future[T] = Future()
        self._jobs.append((job, future))
        self._waker.send(b"!")
        return future

    def stop(self) -> None:
        """Run what was asked for before, then end."""
        self._stopping = True
        self._waker.send(b"!")
        self.join(10)
        self._waker.close()
        self._woken.close()

    def run(self) -> None:
        """Work until stopped."""
        while not self._stopping:
            try:
                if not self._connected:
                    self._connect()
                self._work()
            except Exception as error:  # also a refusal of what we declare anew: then it is tried once more
                self._connected = False
                logger.error("RabbitMQ is away: %s", str(error) or type(error).__name__)
                self._connection.collect()
                self._wait(None, RETRY)
                self._run_jobs()
        self._connection.release()

    def _connect(self) -> None:
        self._connection.ensure_connection(None, 1, 0, 0, reraise_as_library_errors=False)
        self._connected = True
        self._on_connected(self._connection)
        logger.info("connected to %s", self._connection.as_uri())

    def _work(self) -> None:
        while not self._stopping:
            self._wait(self._connection.connection.sock, HEARTBEAT / 4)
            self._run_jobs()
            self._connection.heartbeat_check()
            try:
                while True:  # a job may have read more than it waited for; so read until there is nothing
                    self._connection.drain_events(timeout=0)
            except TimeoutError:
                pass
            except AMQPError as error:
                if isinstance(error, self._errors):
                    raise
                logger.warning("RabbitMQ closed a channel: %s", error)

    def _wait(self, broker: socket.socket | None, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            for each in filter(None, (self._woken, broker)):
                selector.register(each, selectors.EVENT_READ)
            selector.select(0 if self._jobs else seconds)

    def _run_jobs(self) -> None:
        try:
            self._woken.recv(4096)
        except BlockingIOError:
            pass
        while self._jobs:
            job, future = self._jobs.popleft()
            try:
                if not self._connected:
                    raise Refused(503, "RabbitMQ is away; try again")
                future.set_result(job())
            except self._errors as error:
                future.set_exception(Refused(503, "RabbitMQ went away; try again"))
                self._connected = False
                raise error
            except Exception as error:  # the request's, not ours
                future.set_exception(error)
