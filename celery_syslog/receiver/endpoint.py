"""Where a receiver listens: its URL, and the listening socket bound to it."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat

from ..address import Address, parse_address
from ..errors import ConfigurationError, TransportError
from .limits import Limits

__all__ = ["bind", "parse_url", "reserve", "unlink"]

_SCHEMES = ("unix", "udp", "tcp", "tls")
_DATAGRAM_BUFFER = 4 << 20
_BACKLOG = 128


def parse_url(url: str) -> Address:
    """Return the address to listen at; port 0 asks for any free one, ``unix://`` for a private path.

    Raises ConfigurationError for what is no URL or has a scheme no receiver listens on.
    """
    if url == "unix://":
        return Address("unix")
    # Port 0 is an error in a collector's URL and so for parse_address, but the usual case here.
    found = re.fullmatch(r"([\w+]+://(?:\[[^]]*\]|[^:/?]*)):0+([/?].*)?", url)
    address = parse_address(found[1] + (found[2] or "") if found else url)
    if address.scheme not in _SCHEMES:
        raise ConfigurationError(f"a receiver listens on {', '.join(_SCHEMES)}, not {address.scheme}://")
    return address._replace(port=0) if found else address


def is_stream(address: Address, kind: str) -> bool:
    """Return whether connections are accepted there; ``kind`` decides on unix sockets."""
    return address.scheme in ("tcp", "tls") or (address.scheme == "unix" and kind == "stream")


def bind(address: Address, kind: str, limits: Limits, reserved: socket.socket | None) -> socket.socket:
    """Return a non-blocking socket that listens at ``address``; ``reserved`` holds its port, if given.

    A dead unix socket left at the path is replaced. Raises TransportError naming the address when
    somebody listens there, or the system refuses.
    """
    stream = is_stream(address, kind)
    try:
        sock = reserved or _bound(address, stream)
        try:
            size = limits.receive_buffer or (None if stream else _DATAGRAM_BUFFER)
            if size:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            if stream:
                sock.listen(_BACKLOG)
        except OSError:
            sock.close()
            raise
    except OSError as error:
        text = f"cannot listen on {address}: {error.strerror or error}"
        if error.errno is None and address.scheme == "unix":  # the one fault Python finds by itself
            text += " (unix:// alone makes a short private one)"
        raise TransportError(error.errno or errno.ENAMETOOLONG, text) from error
    return sock


def reserve(address: Address) -> socket.socket | None:
    """Return a socket that keeps a TCP port for us without listening, so that connects are refused.

    Without it a client that retries a port of the ephemeral range may be given that very port as
    its own and connect to itself, and another program may take it.
    """
    try:
        return _bound(address, True)
    except OSError:
        return None


def _bound(address: Address, stream: bool) -> socket.socket:
    kind = socket.SOCK_STREAM if stream else socket.SOCK_DGRAM
    place: object
    if address.scheme == "unix":
        family, place = _unix_family(), _unix_place(address.path)
        _clear_stale(address.path, kind)
    else:
        found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if stream and address.scheme != "unix" and os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(place)
    except OSError:
        sock.close()
        raise
    return sock


def _unix_family() -> socket.AddressFamily:
    try:
        return socket.AF_UNIX
    except AttributeError:  # Windows
        raise OSError(errno.EAFNOSUPPORT, "this platform has no unix sockets") from None


def _unix_place(path: str) -> str:
    return "\0" + path[1:] if path.startswith("@") else path


def _clear_stale(path: str, kind: int) -> None:
    """Remove the socket a dead listener left; one that is alive, or no socket at all, is an error."""
    if path.startswith("@"):
        return
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "something that is no socket is there")
    with socket.socket(_unix_family(), kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            pass  # a full backlog, or a socket of the other kind: alive either way
    raise OSError(errno.EADDRINUSE, "somebody listens there already")


def inode(address: Address) -> tuple[int, int] | None:
    """Return what identifies the socket file at ``address``, None where there is none."""
    if address.scheme != "unix" or address.path.startswith("@"):
        return None
    try:
        found = os.lstat(address.path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def unlink(address: Address, identity: tuple[int, int] | None) -> None:
    """Remove our socket file, unless another listener has put its own in the place."""
    if identity is not None and inode(address) == identity:
        os.unlink(address.path)
