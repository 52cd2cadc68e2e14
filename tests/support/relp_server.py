"""A RELP server in a thread that acknowledges when it is told to, refuses, hangs and drops connections."""

from __future__ import annotations

import select
import socket
import threading
from types import TracebackType

from celery_syslog.wire.relp import RelpReader, pack

__all__ = ["RelpServer"]

_OFFERS = b"200 OK\nrelp_version=0\nrelp_software=test\ncommands=syslog"


class RelpServer:
    """A context manager: listening inside, on a port of its own.

    ``messages`` are those that came, whether acknowledged or not, ``commands`` all others. ``holding`` makes
    it keep its acknowledgements back until ``release``; ``refusal``, if set, is its answer to messages
    and ``opening`` that to open; ``reading`` is whether it reads at all.
    """

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.commands: list[str] = []
        self.acknowledged: list[bytes] = []
        self.holding = False
        self.reading = True
        self.refusal = b""
        self.opening = _OFFERS
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._readers: dict[socket.socket, RelpReader] = {}
        self._held: list[tuple[socket.socket, int, bytes]] = []
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self._ending = False

    @property
    def url(self) -> str:
        """The address."""
        return f"relp://127.0.0.1:{self.port}"

    def release(self, count: int | None = None) -> None:
        """Acknowledge the oldest ``count`` messages that are held back, or all and from now on."""
        with self._lock:
            if count is None:
                self.holding = False
            for connection, txnr, message in self._held[:count]:
                self._acknowledge(connection, txnr, message)
            del self._held[:count]

    def drop(self) -> None:
        """End all connections; what is held back is never acknowledged."""
        with self._lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()
            self._held.clear()

    @property
    def connections(self) -> int:
        """How many connections there are."""
        return len(self._readers)

    def _acknowledge(self, connection: socket.socket, txnr: int, message: bytes) -> None:
        try:
            connection.sendall(pack(txnr, b"rsp", self.refusal or b"200 OK"))
            self.acknowledged.append(message)
        except OSError:
            pass  # the client has gone

    def _run(self) -> None:
        while not self._ending:
            with self._lock:
                ends = [self._listener, *self._readers] if self.reading else [self._listener]
                ready, _, _ = select.select(ends, [], [], 0.005)
                for end in ready:
                    if end is self._listener:
                        self._readers[end.accept()[0]] = RelpReader(1 << 20)
                    else:
                        self._read(end)
            threading.Event().wait(0.0005)  # let others at the lock

    def _read(self, end: socket.socket) -> None:
        try:
            data = end.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._readers.pop(end).feed(b"")
            end.close()
            return
        for txnr, command, message in self._readers[end].feed(data):
            if command == "syslog":
                self.messages.append(message)
                if self.holding:
                    self._held.append((end, txnr, message))
                else:
                    self._acknowledge(end, txnr, message)
                continue
            self.commands.append(command)
            end.sendall(pack(txnr, b"rsp", self.opening if command == "open" else b""))

    def __enter__(self) -> RelpServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._thread.join()
        self.drop()
        self._listener.close()
