"""What every transport over a socket shares: a connection that knows its own descriptor."""

from __future__ import annotations

# The plain C class: it has all that is needed, and gevent and eventlet leave it alone.
import _socket
import select

from ..address import Address
from ..settings import Settings
from .base import CannotWait, Transport
from .descriptor import identity, lift, release

__all__ = ["SocketTransport", "wait_readable", "wait_writable"]


def wait_writable(fd: int, timeout: float) -> bool:
    """Wait up to ``timeout`` seconds until a descriptor can be written to or has an error to tell.

    Cooperative under gevent and eventlet, which replace what the select module holds. Raises
    CannotWait.
    """
    return _wait(fd, timeout, False)


def wait_readable(fd: int, timeout: float) -> bool:
    """Wait up to ``timeout`` seconds until there is something to read, an end or an error."""
    return _wait(fd, timeout, True)


def _wait(fd: int, timeout: float, read: bool) -> bool:
    timeout = max(0.0, timeout)
    try:
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(fd, select.POLLIN if read else select.POLLOUT)
            return bool(poll.poll(timeout * 1000))
        ready = select.select([fd] if read else [], [] if read else [fd], [], timeout)  # Windows, eventlet
        return bool(ready[0] or ready[1])
    except (OSError, ValueError):
        return True  # no descriptor any more: send will say so
    except AssertionError as error:  # what both raise when their hub is asked to wait
        raise CannotWait from error


class SocketTransport(Transport):
    """A transport with one non-blocking socket; subclasses connect it and call ``_adopt``."""

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        self._socket: _socket.socket | None = None
        self._identity: tuple[int, int] | None = None

    def _adopt(self, sock: _socket.socket) -> None:
        """Take over a connected socket and move it to a descriptor of its own."""
        family, kind, proto = sock.family, sock.type, sock.proto
        fd = lift(sock.detach())
        self._identity = identity(fd)
        self._socket = _socket.socket(family, kind, proto, fileno=fd)
        self._socket.setblocking(False)
        self.send = self._socket.send

    def fileno(self) -> int:
        """Return the descriptor, -1 when there is none."""
        return -1 if self._socket is None else self._socket.fileno()

    def writable(self, timeout: float) -> bool:
        return self._socket is None or wait_writable(self.fileno(), timeout)

    def genuine(self) -> bool:
        return self._socket is None or identity(self.fileno()) == self._identity

    def __del__(self) -> None:
        self.abandon()

    def abandon(self) -> None:
        sock, self._socket = self._socket, None
        super().abandon()
        if sock is not None:
            # detach() first: a socket object closes its number even if that belongs to others now.
            release(sock.detach(), self._identity)
