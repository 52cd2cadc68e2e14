"""Names and connections: what the transports over a network have in common before the first record."""

from __future__ import annotations

import _socket
import errno
import os

# Looked up when used: gevent and eventlet replace what these names stand for.
import socket
from time import monotonic
from typing import Any

from ..address import Address
from ..errors import TransportError
from .sockets import wait_writable

__all__ = ["Place", "dial", "resolve"]

#: Family, kind, protocol, canonical name and socket address, as getaddrinfo gives them.
Place = tuple[Any, ...]

#: Seconds without traffic before the peer is asked for a sign of life, between two such questions, how
#: many go unanswered, and milliseconds that sent data may stay unconfirmed.
_ALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_USER_TIMEOUT": 60_000}


def resolve(address: Address, kind: int) -> list[Place]:
    """Return the places an address stands for; takes as long as the system's resolver does.

    Raises TransportError.
    """
    try:
        return list(socket.getaddrinfo(address.host, address.port, type=kind))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TransportError(errno.EHOSTUNREACH, f"host {address.host}: {reason}") from error


def dial(address: Address, timeout: float) -> _socket.socket:
    """Return a non-blocking TCP connection, made within ``timeout`` seconds plus those of the resolver.

    Every place the name stands for gets a fair part of the time. Raises OSError, that of the first.
    """
    deadline = monotonic() + timeout
    places = resolve(address, _socket.SOCK_STREAM)
    failure: OSError | None = None
    for index, place in enumerate(places):
        try:
            return _connected(place, (deadline - monotonic()) / (len(places) - index))
        except OSError as error:
            failure = failure or error
    raise failure or TransportError(errno.EHOSTUNREACH, f"host {address.host} has no address")


def _connected(place: Place, timeout: float) -> _socket.socket:
    family, kind, proto, _, where = place
    sock = _socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        _keep_alive(sock)
        code = sock.connect_ex(where)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            if not wait_writable(sock.fileno(), timeout):
                raise TransportError(errno.ETIMEDOUT, "no answer to the connect")
            code = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        # Where nobody listens on a port of the ephemeral range, a socket may be given that very port as
        # its own and reach itself.
        if sock.getsockname() == sock.getpeername():
            raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_alive(sock: _socket.socket) -> None:
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_KEEPALIVE, 1)
    for name, value in _ALIVE.items():
        option = getattr(_socket, name, None)
        if option is not None:
            sock.setsockopt(_socket.IPPROTO_TCP, option, value)
