"""The sockets of a receiver while it is bound, and the loop that empties them."""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import DecodeError
from ..wire.framing import FrameReader
from .inbox import Inbox
from .limits import Limits

if TYPE_CHECKING:
    import ssl

__all__ = ["Reader"]

#: Reads of one socket before the others have their turn: datagrams, and pieces of a stream.
_BURST = 512
_PIECES = 32
_READ = 1 << 16
#: Rounds of reading before a close gives up on senders that never pause; no queue holds as much.
_LAST_ROUNDS = 256


class _Link:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, max_size: int, again: tuple[type[OSError], ...]) -> None:
        self.sock = sock
        self.frames = FrameReader(max_size=max_size)
        self.again = again
        self.pending: Callable[[], int] = getattr(sock, "pending", lambda: 0)
        self.left: float = float("inf")  # bytes that are read yet; bounded once the receiver stops

    def answer(self) -> None:
        """Answer close_notify with our own, as RFC 5425 section 4.4 has it; others just close."""
        try:
            getattr(self.sock, "unwrap", bool)()
        except (OSError, ValueError):
            pass  # it did not wait for it


class Reader:
    """Reads one listening socket, and the connections made to it, into an inbox."""

    def __init__(
        self,
        listener: socket.socket,
        inbox: Inbox,
        limits: Limits,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.listener = listener
        self._inbox = inbox
        self._limits = limits
        self._tls = tls
        self._links: set[_Link] = set()
        self._stopping = False
        self._again: tuple[type[OSError], ...] = (BlockingIOError, InterruptedError)
        if tls is not None:
            import ssl

            self._again += (ssl.SSLWantReadError, ssl.SSLWantWriteError)
        self._bell, self._button = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)
        stream = listener.type == socket.SOCK_STREAM
        read = self._accept if stream else self._read_datagrams
        self._selector.register(listener, selectors.EVENT_READ, read)

    def run(self) -> None:
        """Read until ``wake()`` is called."""
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    self._bell.recv(1)
                    return
                key.data()

    def wake(self) -> None:
        """Make ``run()`` return soon; from another thread."""
        self._button.send(b"x")

    def drain(self) -> None:
        """Read what the kernel has already taken from senders, so that stopping loses nothing."""
        if self.listener.type == socket.SOCK_DGRAM and self.listener.family == getattr(
            socket, "AF_UNIX", None
        ):
            try:
                self.listener.shutdown(socket.SHUT_RD)  # what is not in by now is refused to its sender
            except OSError:
                pass  # macOS: then the last message may be in nobody's hands
        self._stopping = True
        for link in self._links:
            link.left = _unread(link.sock)
        for _ in range(_LAST_ROUNDS):
            reads = [key.data for key, _ in self._selector.select(0) if key.data is not None]
            found = [read() for read in reads]
            if not any(found):
                return

    def close(self) -> None:
        """Close every socket; connected senders see their connection end."""
        for link in self._links:
            link.sock.close()
        self._links.clear()
        self._selector.close()
        for sock in (self.listener, self._bell, self._button):
            sock.close()

    def _read_datagrams(self) -> bool:
        # One byte more than allowed shows that the datagram was longer.
        limit = self._limits.message_size
        receive, batch = self.listener.recv, []
        try:
            for _ in range(_BURST):
                batch.append(receive(limit + 1))
        except (BlockingIOError, ConnectionError):
            pass  # Windows tells a UDP receiver that its answers, never sent, found nobody
        if long := sum(len(data) > limit for data in batch):
            batch = [data[:limit] for data in batch]
            self._inbox.drop("cut", long)
        self._inbox.add([data for data in batch if data])
        return bool(batch)

    def _accept(self) -> bool:
        try:
            sock, _ = self.listener.accept()
        except (BlockingIOError, ConnectionError):
            return False
        if len(self._links) >= self._limits.connections:
            self._inbox.drop("connections")
            sock.close()
            return True
        sock.setblocking(False)
        try:
            if self._tls is not None:
                # The handshake goes on in recv(), so that a slow client holds up nobody.
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            self._inbox.drop("connection", detail=str(error))
            sock.close()
            return True
        link = _Link(sock, self._limits.message_size, self._again)
        if self._stopping:
            link.left = _unread(sock)
        self._links.add(link)
        self._selector.register(sock, selectors.EVENT_READ, lambda: self._read_stream(link))
        return True

    def _read_stream(self, link: _Link) -> bool:
        left = _PIECES
        # What TLS has already decrypted never wakes the selector, so it is read to the end.
        while (left > 0 and link.left >= 0) or link.pending():
            left -= 1
            try:
                data = link.sock.recv(_READ)
                if not data:
                    link.answer()
                    self._end(link)
                    return True
                link.left -= len(data)
                self._inbox.add(link.frames.feed(data))
            except link.again:
                return left < _PIECES - 1
            except OSError as error:
                self._end(link, "connection", str(error))
                return True
            except DecodeError as error:
                self._end(link, "framing", str(error))
                return True
        return left < _PIECES

    def _end(self, link: _Link, reason: str = "", detail: str = "") -> None:
        if not reason:
            reason, detail = self._tail(link.frames)
        if reason:
            self._inbox.drop(reason, detail=detail)
        self._selector.unregister(link.sock)
        self._links.discard(link)
        link.sock.close()  # last, so that a sender that sees it finds everything counted

    def _tail(self, frames: FrameReader) -> tuple[str, str]:
        """Take in a last line without LF, as rsyslog does; a counted frame must be whole."""
        try:
            tail = frames.close()
        except DecodeError as error:
            return "framing", str(error)
        if tail and frames.framing == "octet":
            return "incomplete", f"a connection ended inside a frame, after {len(tail)} bytes of it"
        if tail:
            self._inbox.add([tail])
        return "", ""


def _unread(sock: socket.socket) -> int:
    """Return how many bytes the kernel holds for us, or may hold where it does not tell."""
    try:
        from fcntl import ioctl
        from termios import FIONREAD

        return int.from_bytes(ioctl(sock.fileno(), FIONREAD, bytes(4)), sys.byteorder)
    except (ImportError, OSError):
        return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
