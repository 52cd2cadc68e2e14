"""relp:// and relp+tls://: a message is gone from our side only when the collector has acknowledged it."""

from __future__ import annotations

import errno
import os
from time import monotonic

from ..address import Address
from ..settings import Settings
from ..wire.relp import RelpSession
from .base import CannotWait
from .connection import ConnectionTransport
from .sockets import wait_readable
from .tls import Secured

__all__ = ["RelpTlsTransport", "RelpTransport"]

#: Seconds to wait for the answer to the end of the session.
_GOODBYE = 0.1


class RelpTransport(ConnectionTransport):
    """``relp://host[:2514]``, as rsyslog's imrelp takes it.

    Up to 128 messages are on their way at a time; while none of them is acknowledged, there is no room for
    another. What is not acknowledged when the connection ends is sent again on the next one, so a
    message may come twice, and none gets lost.
    """

    framing = "relp"
    confirms = True

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        self._session = RelpSession()
        self._frame = self._framed

    def _framed(self, data: bytes) -> bytes:
        """Return the frame of a message, or what begins or ends the session as it is."""
        return self._session.syslog(data) if self._session.state == "ready" else data

    def _open(self, deadline: float) -> None:
        session = self._session = RelpSession()
        self._write_until(deadline, self._wire(session.open()))
        while session.state != "ready":
            self._received(self._read_until(deadline, "the opening of RELP; does this port speak it?"))

    def _received(self, data: bytes) -> None:
        session, confirmed = self._session, self.confirmed
        for message in session.receive(data) if data else ():
            confirmed(message)
        if session.fault is not None:
            raise session.fault

    def _send(self, data: bytes) -> int:
        session = self._session
        if session.full:
            self._look()
            if session.full:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        size = super()._send(data)
        session.sent(data)
        return size

    def writable(self, timeout: float) -> bool:
        if self._socket is not None and self._session.full:
            return wait_readable(self.fileno(), timeout)
        return super().writable(timeout)

    def unconfirmed(self) -> list[bytes]:
        try:
            if self._socket is not None and self.genuine():
                self._look()  # what was acknowledged before the end need not be sent again
        except OSError:
            pass
        messages = list(self._session.pending.values())
        self._session.pending.clear()
        return messages

    def settle(self, timeout: float) -> bool:  # noqa: ARG002 - looks once
        if self._socket is not None:
            self._look()
        return not self._session.pending

    def close(self) -> None:
        """End the session in order, if it is in order; what is not acknowledged stays pending.

        Waits up to 0.1 s for the answer of a collector that has answered everything else.
        """
        try:
            if self._socket is not None and self._session.state == "ready" and self._message is None:
                self._look()  # also because bytes left unread would make a reset of the close
                self._write(self._wire(self._session.close()))
                if not self._session.pending:
                    self._await_answer()
                self._farewell()
        except (OSError, CannotWait):
            pass
        self.abandon()

    def _await_answer(self) -> None:
        """Wait a moment: imrelp logs an error about each client that does not."""
        end = monotonic() + _GOODBYE
        while self._session.state != "closed" and wait_readable(self.fileno(), end - monotonic()):
            self._look()

    def _farewell(self) -> None:
        """Say what is said after RELP has ended; never waits. Raises OSError."""


class RelpTlsTransport(Secured, RelpTransport):
    """``relp+tls://host[:2514]``: TLS from the first byte on, as imrelp's ``tls="on"`` has it."""
