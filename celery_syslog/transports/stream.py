"""Messages in a stream of bytes: every one whole, in order, whatever interrupts or refuses a write."""

from __future__ import annotations

import _socket
import errno
import math
from collections import deque
from collections.abc import Callable
from time import monotonic

from ..address import Address
from ..settings import Settings
from .sockets import SocketTransport

__all__ = ["StreamTransport"]

_FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})


class StreamTransport(SocketTransport):
    """A transport over one stream socket, used under the delivery's lock.

    A message the kernel took a part of has to be tried again until it is through. If another one
    comes, or an exception of a signal handler left unknown how much went, the stream is of no use any
    more and ``send`` raises: the connection ends there, inside a frame that its reader drops.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        #: Makes of a message what is written for it; asked once for each.
        self._wire: Callable[[bytes], bytes] = bytes
        #: Bytes the kernel took on this connection.
        self._written = 0
        #: Where each message that may not have arrived ended in the stream, and the message; None: nobody
        #: can tell, so nothing is kept.
        self._kept: deque[tuple[int, bytes]] | None = None
        #: When it is time to look at what came from the peer; never, unless a subclass looks.
        self._look_at = math.inf
        self._message: bytes | None = None  # the one being written
        self._rest: bytes | None = None  # of what is written for it; None: not known

    def _begin(self, sock: _socket.socket, wire: Callable[[bytes], bytes]) -> None:
        """Take over a connected socket, on which nothing has been written."""
        self._adopt(sock)
        self._write = self.send
        self._wire = wire
        self._written = 0
        self._message = self._rest = None
        self.send = self._send

    def _look(self) -> None:
        """Look at what came from the peer, and set ``_look_at``; raises OSError when it is gone."""

    def _send(self, data: bytes) -> int:
        # All in one function: it is what a log call costs.
        if monotonic() > self._look_at:
            self._look()
        if self._message is None:
            self._message = data
            rest = self._wire(data)
        elif self._rest is None or data != self._message:
            raise ConnectionAbortedError(errno.ECONNABORTED, "a message was left unfinished")
        else:
            rest, self._rest = self._rest, None
        try:
            while (taken := self._write(rest)) < len(rest):
                self._written += taken
                rest = rest[taken:]
        except OSError as error:
            if error.errno in _FULL:
                self._rest = rest
            raise
        self._written += taken
        self._message = None
        if self._kept is not None:
            self._kept.append((self._written, data))
        return len(data)
