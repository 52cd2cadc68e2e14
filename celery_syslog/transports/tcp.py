"""tcp://host:port (RFC 6587): frames in a stream, and what the peer never got is sent again."""

from __future__ import annotations

from collections import deque

from ..address import Address
from ..settings import Settings
from ..wire.framing import frame_lf, frame_octet
from .connection import ConnectionTransport

__all__ = ["TcpTransport"]


class TcpTransport(ConnectionTransport):
    """``tcp://host[:601]``, octet counting (RFC 6587 section 3.4.1) or, with ``?framing=lf``, lines.

    Messages are kept until the peer's kernel has acknowledged them, where the system tells (Linux). They
    are never more than the kernel's send buffer and what was written since the last look.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        self.framing = address.option("framing", "octet")
        self._frame = frame_lf if self.framing == "lf" else frame_octet

    def _open(self, deadline: float) -> None:  # noqa: ARG002 - takes no time
        self._kept = deque() if self._outstanding() is not None else None

    def _look(self) -> None:
        super()._look()
        self._confirm()

    def _confirm(self) -> None:
        """Let go of what the peer's kernel has acknowledged."""
        kept, outstanding = self._kept, self._outstanding()
        if kept is None or outstanding is None:
            return
        if not outstanding:
            kept.clear()
        arrived = self._written - outstanding
        while kept and kept[0][0] <= arrived:
            kept.popleft()

    def unconfirmed(self) -> list[bytes]:
        self._confirm()
        messages = [message for _, message in self._kept or ()]
        self._kept = None
        if messages:
            self._reset_at_close()
        return messages

    def settle(self, timeout: float) -> bool:  # noqa: ARG002 - looks once
        if self._socket is not None:
            self._look()
        return not self._kept

    def close(self) -> None:
        """End the connection; the kernel goes on sending what it has."""
        try:
            if self._socket is not None:
                self._look()  # also because bytes left unread would make a reset of the close
                self._farewell()
                self._kept = None
        except OSError:
            self._confirm()
        self.abandon()

    def _farewell(self) -> None:
        """Say what is said before the end; never waits. Raises OSError."""
