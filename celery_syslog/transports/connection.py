"""A TCP connection that notices when its peer is gone; what TCP, TLS and RELP are built on."""

from __future__ import annotations

import _socket
import array
import errno
import struct
from collections.abc import Callable
from time import monotonic

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    termios = None  # type: ignore[assignment]

from ..address import Address
from ..errors import TransportError
from ..settings import Settings
from .network import dial
from .sockets import wait_readable, wait_writable
from .stream import StreamTransport

__all__ = ["ConnectionTransport"]

#: Seconds between two looks at what came from the peer while records are sent. A record written to a
#: peer that has gone away is only missed when the next one is written; but a look at every record would
#: double its cost.
_LOOK = 0.001
#: Bytes read at once, and reads in one look: a peer that talks must not hold up a log call.
_READ = 4096
_READS = 16

#: Bytes the peer's kernel has not acknowledged, Linux only.
_SIOCOUTQ = getattr(termios, "TIOCOUTQ", None) if hasattr(_socket, "TCP_USER_TIMEOUT") else None
_RESET = struct.pack("ii", 1, 0)


class ConnectionTransport(StreamTransport):
    """A stream over TCP, opened with a deadline, with whatever ``_open`` adds to it.

    Subclasses give ``framing``, ``_frame`` and what is done with bytes from the peer (``_received``).
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        #: Makes a frame of a message.
        self._frame: Callable[[bytes], bytes] = bytes
        self._look_at = 0.0

    def connect(self, timeout: float) -> None:
        self.abandon()
        deadline = monotonic() + timeout
        self._begin(dial(self.address, timeout), self._frame)
        self._look_at = 0.0
        self._open(deadline)

    def _open(self, deadline: float) -> None:
        """Do what is to be done on a new connection; may wait until ``deadline``. Raises OSError."""

    def _look(self) -> None:
        """See what the peer has sent; raises OSError when it is gone, and again at every further look."""
        self._look_at = 0.0
        for _ in range(_READS):
            try:
                data = self._read()
            except BlockingIOError:
                break
            if data:
                self._received(data)
        self._look_at = monotonic() + _LOOK

    def _read(self) -> bytes:
        """Return what the peer sent; raises BlockingIOError when that is nothing, OSError at the end."""
        sock = self._socket
        if sock is None:
            raise OSError(errno.ENOTCONN, f"{self.address} is not connected")
        data = sock.recv(_READ)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the collector closed the connection")
        return data

    def _received(self, data: bytes) -> None:
        """Take bytes from the peer, who has nothing to say in syslog."""

    def _read_until(self, deadline: float, what: str) -> bytes:
        """Wait for bytes from the peer, in ``connect`` only; ``what`` names them if they do not come."""
        while True:
            try:
                return self._read()
            except BlockingIOError:
                if not wait_readable(self.fileno(), deadline - monotonic()):
                    raise TransportError(errno.ETIMEDOUT, f"no answer to {what}") from None

    def _write_until(self, deadline: float, data: bytes, write: Callable[[bytes], int] | None = None) -> None:
        """Write bytes that are no message, waiting for room, in ``connect`` only."""
        write = write or self._write
        while data:
            try:
                data = data[write(data) :]
            except BlockingIOError:
                if not wait_writable(self.fileno(), deadline - monotonic()):
                    raise TransportError(errno.ETIMEDOUT, "the collector does not read") from None

    def _outstanding(self) -> int | None:
        """Return how many of the bytes written the peer's kernel has not acknowledged, None if unknown.

        Also after a reset. Never raises.
        """
        if self._socket is None or _SIOCOUTQ is None or not self.genuine():
            return None
        found = array.array("i", [0])
        try:
            fcntl.ioctl(self.fileno(), _SIOCOUTQ, found, True)
        except OSError:
            return None
        return found[0]

    def _reset_at_close(self) -> None:
        """Let the kernel drop what it has not sent, because all that goes over another connection."""
        if self._socket is not None and self.genuine():
            try:
                self._socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, _RESET)
            except OSError:
                pass  # broken, and then there is nothing to drop
