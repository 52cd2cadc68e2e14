"""The line to the collector: the addresses in failover order, and at most one connection to one of them."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ..address import Address
from ..settings import Settings
from ..transports import Transport, open_transport, preload
from .counters import CUT, FAILOVERS, RECONNECTS, Counters

__all__ = ["Failure", "Line"]

#: An address that did not answer, and why.
Failure = tuple[Address, OSError]

_FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})

#: A message the kernel refuses is not cut below this: then something else is wrong.
_SHORTEST = 256


class Line:
    """One connection at a time, to the first address that answers.

    ``push`` and everything that changes the connection are called under the delivery's lock; only
    ``dial`` may take its time and is called without.
    """

    def __init__(self, addresses: tuple[Address, ...], settings: Settings, counters: Counters) -> None:
        self.addresses = addresses or (Address("unix"),)
        preload(self.addresses)
        self.transport: Transport | None = None
        self.index = -1  # of the last address that answered
        #: Called with every message the collector has confirmed.
        self.confirmed: Callable[[bytes], object] = bool
        self._settings = settings
        self._counters = counters

    @property
    def confirms(self) -> bool:
        """Whether the connection is one on which the collector confirms messages."""
        return self.transport is not None and self.transport.confirms

    @property
    def address(self) -> Address:
        """The address in use, or the first."""
        return self.addresses[max(0, self.index)]

    def dial(
        self, timeout: float, count: int | None = None, avoid: int = -1
    ) -> tuple[Transport | None, int, list[Failure]]:
        """Return a connected transport to the first of the ``count`` first addresses that answers.

        Those after the one numbered ``avoid`` come first, and it comes last. ``timeout`` is for each of
        them. Returns its number too, and who did not answer before; None when nobody did.
        """
        failures: list[Failure] = []
        total = len(self.addresses[:count])
        for index in sorted(range(total), key=lambda number: (number - avoid - 1) % total):
            try:
                transport = open_transport(self.addresses[index], self._settings)
                return self._connected(transport, timeout), index, failures
            except OSError as error:
                failures.append((self.addresses[index], error))
        return None, -1, failures

    @staticmethod
    def _connected(transport: Transport, timeout: float = 0.0) -> Transport:
        try:
            transport.connect(timeout)
        except BaseException:
            transport.abandon()
            raise
        return transport

    def reopen(self) -> bool:
        """Connect at once to the first addresses, as long as they are local and so take no time.

        False when the first one is not local; raises OSError when nothing local answers.
        """
        failure: OSError | None = None
        for index, address in enumerate(self.addresses):
            try:
                transport = open_transport(address, self._settings)
                if not transport.local:
                    break
                self.install(self._connected(transport), index)
                return True
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return False

    def install(self, transport: Transport, index: int) -> None:
        """Make a connected transport the one in use; the one before is closed."""
        before, self.transport = self.transport, transport
        transport.confirmed = self.confirmed
        if before is not None:
            before.close()
        if self.index >= 0:
            self._counters.add(RECONNECTS)
            if index != self.index:
                self._counters.add(FAILOVERS)
        self.index = index

    def push(self, data: bytes) -> bool:
        """Hand a message to the kernel; False when there is no room for (the rest of) it now.

        Raises OSError when the connection is broken; then the whole message has to be sent again.
        """
        transport = self.transport
        if transport is None:
            raise OSError(errno.ENOTCONN, "not connected")
        try:
            transport.send(data)
        except OSError as error:
            if error.errno in _FULL:
                return False
            raise
        self._counters.bytes += len(data)
        return True

    def push_cut(self, data: bytes) -> bool | None:
        """Send what fits of a message the kernel refused as too long; None when no length is taken."""
        size = len(data)
        while (size := size * 3 // 4) >= _SHORTEST:
            marker = b" [cut: %d of %d bytes]" % (size, len(data))
            # Not in the middle of a UTF-8 character.
            kept = data[:size].decode("utf-8", "ignore").encode()
            try:
                if not self.push(kept + marker):
                    return False
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                continue
            self._counters.add(CUT)
            return True
        return None

    def drop(self, polite: bool = False) -> list[bytes]:
        """Let go of the connection; returns the messages that have to be sent again."""
        transport, self.transport = self.transport, None
        if transport is None:
            return []
        if polite:
            transport.close()
        again = transport.unconfirmed()
        transport.abandon()
        return again

    def forget(self) -> None:
        """Let go of the parent's connection, in a forked child, without doing anything to it."""
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.abandon()
