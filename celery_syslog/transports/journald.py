"""journald://: entries to systemd-journald's own socket, whatever their size."""

from __future__ import annotations

import _socket
import errno
import os
from array import array
from collections.abc import Callable

from ..errors import TransportError
from .sockets import SocketTransport

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["JournaldTransport"]

#: What a datagram cannot hold goes into a file in memory, of which the datagram passes the descriptor.
_TOO_LONG = frozenset({errno.EMSGSIZE, errno.ENOBUFS})

#: Below this ENOBUFS means that the kernel has no memory now, not that the datagram is too long for it.
_SHORT = 4096

#: What keeps such a file from being made, and would again: it is as if the entry were too long.
_NO_FILE = frozenset({errno.EFBIG, errno.ENOMEM, errno.ENOSPC})


class JournaldTransport(SocketTransport):
    """The native socket of systemd-journald, ``journald:///run/systemd/journal/socket``."""

    local = True
    max_size = 768 << 20

    def connect(self, timeout: float) -> None:  # noqa: ARG002 - takes no time
        self.abandon()
        if fcntl is None or not hasattr(os, "memfd_create"):
            raise TransportError("journald:// needs Linux, and a Python with os.memfd_create")
        path = self.address.path
        sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(("\0" + path[1:]) if path.startswith("@") else path)
        except OSError as error:
            sock.close()
            raise TransportError(error.errno, f"{path}: {error.strerror or error}") from error
        self._adopt(sock)
        if self._socket is not None:
            self.send = _sender(self._socket)


def _sender(sock: _socket.socket) -> Callable[[bytes], int]:
    send = sock.send

    def send_entry(data: bytes) -> int:
        try:
            return send(data)
        except OSError as error:
            if error.errno not in _TOO_LONG or (error.errno == errno.ENOBUFS and len(data) < _SHORT):
                raise
        return _send_file(sock, data)

    return send_entry


def _send_file(sock: _socket.socket, data: bytes) -> int:
    """Pass the entry as a sealed memfd, so that journald can map it and need not copy it first."""
    try:
        fd = os.memfd_create("celery-syslog", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
            # Without a byte of its own the datagram says that the descriptor holds the entry.
            sock.sendmsg([], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array("i", [fd]))])
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE)) from error
        raise
    return len(data)
