"""A TCP proxy that does to connections what networks do: resets, stalls, tiny segments, delays."""

from __future__ import annotations

import array
import fcntl
import selectors
import socket
import struct
import termios
import threading
import time
from collections.abc import Callable
from types import TracebackType

__all__ = ["Proxy"]

_RESET = struct.pack("ii", 1, 0)
_READ = 1 << 16


class _Pair:
    """One connection made to the proxy, and its own one to the target."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = client
        self.server = server


class Proxy:
    """Listens on ``port`` of the loopback address and passes everything on to ``target``, a port.

    What it is told takes effect before the call returns. It answers a call at once also while it stalls.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: list[_Pair] = []
        self._selector = selectors.DefaultSelector()
        self._bell, self._button = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        self._orders: list[tuple[Callable[[], object], threading.Event]] = []
        self._stalled = False
        self._size = _READ
        self._delay = 0.0
        self._ended = False
        self.connections = 0
        #: Bytes that the kernel had acknowledged and a reset threw away.
        self.discarded = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select():
                if key.data is not None:
                    key.data()
                    continue
                self._bell.recv(1)
                order, done = self._orders.pop(0)
                order()
                done.set()

    def _do(self, order: Callable[[], object]) -> None:
        done = threading.Event()
        self._orders.append((order, done))
        self._button.send(b"x")
        assert done.wait(60)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # gone again, or the listener is, by what was done just before
        client.setblocking(True)
        self.connections += 1
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        pair = _Pair(client, server)
        self._pairs.append(pair)
        self._selector.register(server, selectors.EVENT_READ, lambda: self._pass(server, client, pair))
        if not self._stalled:
            self._watch(pair)

    def _watch(self, pair: _Pair) -> None:
        client, server = pair.client, pair.server
        self._selector.register(client, selectors.EVENT_READ, lambda: self._pass(client, server, pair))

    def _pass(self, source: socket.socket, sink: socket.socket, pair: _Pair) -> None:
        if pair not in self._pairs:
            return  # ended by what was done just before
        try:
            data = source.recv(_READ)
            if self._delay:
                time.sleep(self._delay)
            for start in range(0, len(data), self._size):
                sink.sendall(data[start : start + self._size])
        except OSError:
            data = b""
        if not data:
            self._end(pair)

    def _end(self, pair: _Pair, option: bytes = b"") -> None:
        self._pairs.remove(pair)
        for end in (pair.client, pair.server):
            if end in self._selector.get_map():
                self._selector.unregister(end)
        if option:
            self.discarded += _waiting(pair.client)
            pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        pair.client.close()
        pair.server.close()

    def _end_all(self, option: bytes = b"") -> None:
        for pair in list(self._pairs):
            self._end(pair, option)

    def reset(self) -> None:
        """End every connection by a reset (RST); what was read has been passed on."""
        self._do(lambda: self._end_all(_RESET))

    def drop(self) -> None:
        """End every connection in order (FIN)."""
        self._do(self._end_all)

    def stall(self) -> None:
        """Read nothing more from those who connect, but for the handshakes of the kernel."""

        def order() -> None:
            self._stalled = True
            for pair in self._pairs:
                self._selector.unregister(pair.client)

        self._do(order)

    def resume(self) -> None:
        """Read again."""

        def order() -> None:
            self._stalled = False
            for pair in self._pairs:
                self._watch(pair)

        self._do(order)

    def split(self, size: int) -> None:
        """Pass on at most so many bytes in a segment."""

        def order() -> None:
            self._size = size
            for pair in self._pairs:
                pair.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        self._do(order)

    def delay(self, seconds: float) -> None:
        """Hold up every piece for so long."""

        def order() -> None:
            self._delay = seconds

        self._do(order)

    def refuse(self) -> None:
        """Take no connections any more, and end those there are; the port stays ours."""

        def order() -> None:
            self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = socket.socket()
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.setblocking(False)
            self._listener.bind(("127.0.0.1", self.port))
            self._end_all()

        self._do(order)

    def listen(self) -> None:
        """Take connections again."""

        def order() -> None:
            self._listener.listen()
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

        self._do(order)

    def unread(self) -> int:
        """Return how many bytes the kernel has acknowledged that the proxy has not read."""
        return sum(_waiting(pair.client) for pair in self._pairs)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        def order() -> None:
            self._ended = True
            self._end_all()

        self._do(order)
        self._thread.join(60)
        self._selector.close()
        for end in (self._listener, self._bell, self._button):
            end.close()


def _waiting(end: socket.socket) -> int:
    """Return how many bytes wait to be read."""
    found = array.array("i", [0])
    fcntl.ioctl(end.fileno(), termios.FIONREAD, found, True)
    return found[0]
