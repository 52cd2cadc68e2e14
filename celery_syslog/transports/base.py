"""What the delivery needs of a transport, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..address import Address
from ..settings import Settings

__all__ = ["CannotWait", "Transport", "pause"]


class CannotWait(Exception):
    """Waiting is impossible here: in the hub of gevent or eventlet, where signal handlers may run."""


def pause(seconds: float) -> None:
    """Sleep, cooperatively where time.sleep was replaced; raises CannotWait."""
    try:
        time.sleep(seconds)
    except AssertionError as error:
        raise CannotWait from error


class Transport:
    """One road to one collector; at most one connection at a time, opened by ``connect``.

    The delivery calls everything under its lock but ``connect``, ``writable`` and a datagram's ``send``.
    Every failure is an OSError (TransportError is one); no call but ``connect`` and ``writable`` may wait.
    """

    #: A connect takes no time and stays on this machine, so it may happen inside a log call.
    local = False

    #: None: datagrams; ``send`` may be called from any thread at once. Else the name of the framing of a
    #: stream, which ``send`` does by itself, under the lock. Known after ``connect``.
    framing: str | None = None

    #: Whether the collector acknowledges each message: then ``confirmed`` is called with every one that is.
    confirms = False

    #: Bytes a message may have by default.
    max_size = 65536

    #: Hands one whole message to the kernel and returns its bytes. BlockingIOError: there is no room for
    #: (the rest of) it now, and of a stream the same message has to be tried again before any other;
    #: any other OSError: the connection is broken (EMSGSIZE: only this message is too long).
    send: Callable[[bytes], int]

    def __init__(self, address: Address, settings: Settings) -> None:
        self.address = address
        self.settings = settings
        self.send = self._closed
        #: Called with every message that the collector has acknowledged; under the lock.
        self.confirmed: Callable[[bytes], object] = bool

    def _closed(self, data: bytes) -> int:  # noqa: ARG002 - stands in for send
        raise OSError(f"{self.address} is not connected")

    def connect(self, timeout: float) -> None:
        """Open the connection within ``timeout`` seconds; raises OSError."""
        raise NotImplementedError

    def writable(self, timeout: float) -> bool:  # noqa: ARG002 - for subclasses
        """Wait up to ``timeout`` seconds until ``send`` is worth a try (or would tell an error).

        Raises CannotWait.
        """
        return True

    def genuine(self) -> bool:
        """Tell whether the descriptor is still the one that ``connect`` made."""
        return True

    def unconfirmed(self) -> list[bytes]:
        """Return, oldest first, the messages taken by ``send`` that the end of the connection may have lost.

        Asked before ``abandon`` or after ``close``. They are sent again before anything else; asking
        hands them over.
        """
        return []

    def settle(self, timeout: float) -> bool:  # noqa: ARG002 - for subclasses
        """Look once whether the collector has confirmed all it confirms at all.

        ``timeout`` is always 0: it is called under the lock, again and again while there is time. Raises
        OSError when it finds the connection broken.
        """
        return True

    def close(self) -> None:
        """End the connection politely; never raises, and harmless when there is none."""
        self.abandon()

    def abandon(self) -> None:
        """Let go of the connection without a word to the peer, as a forked child must; never raises."""
        self.send = self._closed
