"""udp://host:port (RFC 5426): one message a datagram, to whoever listens there, if anybody does."""

from __future__ import annotations

import _socket
import errno
import os
from time import monotonic
from typing import Any

from ..address import Address
from ..errors import TransportError
from ..settings import Settings
from .network import Place, resolve
from .sockets import SocketTransport

__all__ = ["UdpTransport"]

#: When a place last answered that nobody listens, so that another one of the same name has its turn.
_refusals: dict[Any, float] = {}


class UdpTransport(SocketTransport):
    """``udp://host[:514]``; names are resolved at each connect.

    Nobody acknowledges a datagram, but the host of a collector that is down says so (ICMP port
    unreachable). The error comes with the next ``send``: then the last datagram was lost as well, and
    is the one to be sent again.
    """

    #: RFC 5426 section 3.2: receivers should accept 2048 octets.
    max_size = 2048

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        self._where: Any = None
        self._last: bytes | None = None
        self._refused = False

    def connect(self, timeout: float) -> None:  # noqa: ARG002 - only the resolver takes time
        self.abandon()
        places = resolve(self.address, _socket.SOCK_DGRAM)
        failure: OSError | None = None
        for place in sorted(places, key=lambda place: _refusals.get(place[4], 0.0)):
            try:
                return self._open(place)
            except OSError as error:
                failure = failure or error
        raise failure or TransportError(errno.EHOSTUNREACH, f"host {self.address.host} has no address")

    def _open(self, place: Place) -> None:
        family, kind, proto, _, where = place
        sock = _socket.socket(family, kind, proto)
        try:
            sock.connect(where)
        except BaseException:
            sock.close()
            raise
        self._adopt(sock)
        self._where, self._last, self._refused = where, None, False
        self._write = self.send
        self.send = self._send

    def _send(self, data: bytes) -> int:
        try:
            taken = self._write(data)
        except ConnectionRefusedError:
            self._refuse()
            raise
        self._last = data
        return taken

    def _refuse(self) -> None:
        # The kernel tells once, and would then take datagrams again.
        self._write = _raise_refused
        self._refused = True
        _refusals[self._where] = monotonic()

    def unconfirmed(self) -> list[bytes]:
        last, self._last = self._last, None
        return [last] if self._refused and last is not None else []

    def settle(self, timeout: float) -> bool:  # noqa: ARG002 - never waits
        if self._socket is not None and self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self._refuse()
            _raise_refused(b"")
        return True


def _raise_refused(data: bytes) -> int:  # noqa: ARG001 - stands in for a socket's send
    raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
