"""A bare unix socket that is read only when a test says so: a collector whose every moment is chosen."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from .waiting import wait_until

__all__ = ["RawSocket"]


class RawSocket:
    """The listening end of a unix socket; ``stream`` takes one connection after the other."""

    def __init__(self, path: Path, *, stream: bool = False) -> None:
        self.path = path
        self.stream = stream
        self.lines: list[bytes] = []
        self._connections: list[socket.socket] = []
        self._tails: dict[socket.socket, bytes] = {}
        self._socket: socket.socket | None = None
        self.open()

    def open(self) -> None:
        """Bind the socket, as a collector does that starts."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if self.stream else socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self.path))
        if self.stream:
            self._socket.listen(5)

    def close(self) -> None:
        """End as a careful collector does: refuse more, take what has come, unbind."""
        if self._socket is None:
            return
        os.unlink(self.path)
        for end in [*self._connections, *([] if self.stream else [self._socket])]:
            end.shutdown(socket.SHUT_RD)
        self.read()
        for end in [*self._connections, self._socket]:
            end.close()
        self._connections.clear()
        self._tails.clear()
        self._socket = None

    def crash(self) -> None:
        """End at once, with what was not read; the file stays behind."""
        assert self._socket is not None
        for end in [*self._connections, self._socket]:
            end.close()
        self._connections.clear()
        self._tails.clear()
        self._socket = None

    def read(self) -> list[bytes]:
        """Take everything that is there now; return all messages so far."""
        assert self._socket is not None
        if not self.stream:
            self._read_datagrams(self._socket)
            return self.lines
        try:
            while True:
                connection, _ = self._socket.accept()
                connection.setblocking(False)
                self._connections.append(connection)
        except OSError:
            pass
        for connection in self._connections:
            self._read_stream(connection)
        return self.lines

    def _read_datagrams(self, sock: socket.socket) -> None:
        try:
            while data := sock.recv(1 << 20):
                self.lines.append(data)
        except BlockingIOError:
            pass

    def _read_stream(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(1 << 20):
                *whole, self._tails[connection] = (self._tails.get(connection, b"") + data).split(b"\n")
                self.lines += whole
        except OSError:
            pass

    def read_until(self, count: int) -> list[bytes]:
        """Read until there are ``count`` messages in all."""
        wait_until(lambda: len(self.read()) >= count, f"{count} messages", detail=lambda: len(self.lines))
        return self.lines
