"""unix:// and the local socket: datagrams where the collector takes them, else a stream."""

from __future__ import annotations

import _socket
import errno
import os
import stat

from ..errors import TransportError
from ..wire.framing import frame_lf
from .stream import StreamTransport

__all__ = ["LOCAL_SOCKETS", "UnixTransport"]

#: Where the local socket is looked for when no URL is set, in this order.
LOCAL_SOCKETS = (
    "/dev/log",
    "/var/run/syslog",  # macOS
    "/run/systemd/journal/dev-log",  # containers that mount only this
    "/var/run/log",  # FreeBSD
)

#: Bytes the kernel takes without the collector at least, and in one datagram at most.
_BUFFER = 1 << 16


class UnixTransport(StreamTransport):
    """A socket in the file system, or an abstract one (``@name``, Linux).

    ``unix:///path``. Datagrams are tried first, a stream (framed by LF) second, at every connect.
    """

    local = True
    max_size = 8192

    def connect(self, timeout: float) -> None:  # noqa: ARG002 - takes no time
        self.abandon()
        if not hasattr(_socket, "AF_UNIX"):
            raise TransportError("unix sockets are not available on this machine: set syslog_url")
        if self.address.path:
            return self._connect(self.address.path)
        errors = []
        for path in filter(_is_socket, LOCAL_SOCKETS):
            try:
                return self._connect(path)
            except TransportError as error:
                errors.append(error)  # a file that a daemon left behind; another may be alive
        if errors:
            raise errors[0]
        raise TransportError(f"no syslog socket on this machine (looked for {', '.join(LOCAL_SOCKETS)})")

    def _connect(self, path: str) -> None:
        kind = _socket.SOCK_DGRAM
        try:
            try:
                sock = _connected(path, kind)
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:
                    raise
                kind = _socket.SOCK_STREAM
                sock = _connected(path, kind)
        except OSError as error:
            what = error.strerror or str(error)
            # Where the address names no path, the one that was found has to be said.
            raise TransportError(error.errno, what if self.address.path else f"{path}: {what}") from error
        if kind == _socket.SOCK_DGRAM:
            self.framing = None
            self._adopt(sock)
        else:
            self.framing = "lf"
            self._begin(sock, frame_lf)


def _is_socket(path: str) -> bool:
    """Tell a socket from what else may have its name: on Linux /var/run/log is journald's folder."""
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return False


def _connected(path: str, kind: int) -> _socket.socket:
    sock = _socket.socket(_socket.AF_UNIX, kind)
    try:
        sock.setblocking(False)
        if sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF) < _BUFFER:  # macOS: 2048
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _BUFFER)
        # A full backlog of a stream socket answers EAGAIN at once: never waits.
        sock.connect(("\0" + path[1:]) if path.startswith("@") else path)
    except BaseException:
        sock.close()
        raise
    return sock
