"""The receiver itself: a station, and what it tells about the messages it got."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, overload

from ..errors import ConfigurationError, WaitTimeout
from ..wire.message import Message
from .limits import Limits
from .report import complaint, losses
from .station import Station

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

__all__ = ["SyslogReceiver"]


class SyslogReceiver(Station):
    """Receives syslog messages in this process, for tests and demonstrations.

    ``url`` is a path or ``unix:///path`` (``unix://`` alone makes a private one), ``udp://``, ``tcp://``
    or ``tls://`` with a host and a port, 0 for any free one. A unix socket takes datagrams, or
    connections with ``kind="stream"``. TLS needs ``ssl_context``, or ``certfile`` (and ``keyfile``
    unless that holds both). Nothing is opened before ``start()`` or the ``with`` block. Both
    framings, both RFCs and JSON payloads are recognised by what they look like; what cannot be
    decoded becomes a message with its text alone. Every method may be called from any thread.

    Raises ConfigurationError for a wrong URL or argument; ``start()`` raises TransportError.
    """

    def __init__(
        self,
        url: str | os.PathLike[str] = "udp://127.0.0.1:0",
        *,
        kind: Literal["dgram", "stream"] = "dgram",
        ssl_context: ssl.SSLContext | None = None,
        certfile: str | os.PathLike[str] | None = None,
        keyfile: str | os.PathLike[str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        url = os.fspath(url)
        secure = url.lower().startswith("tls:")
        tls = (ssl_context or _tls_context(certfile, keyfile)) if secure else None
        super().__init__(url, kind, tls, limits or Limits())

    @property
    def messages(self) -> list[Message]:
        """The messages that came since the last ``clear()``, oldest first, decoded when asked for."""
        return self._inbox.messages

    @property
    def raw(self) -> list[bytes]:
        """The same messages as bytes, without their framing, undecoded."""
        return self._inbox.raw

    @property
    def received(self) -> int:
        """How many messages came since the last ``clear()``, those given up for room included."""
        return self._inbox.received

    @property
    def dropped(self) -> dict[str, int]:
        """What was not kept, by reason, since the last ``clear()``.

        ``memory``: older messages that made room; ``cut``: datagrams longer than allowed, kept in
        part; ``framing``: connections ended for bytes that are no frame; ``incomplete``: frames whose
        connection ended first; ``connection``: connections that broke, or failed in the TLS handshake;
        ``connections``: refused, too many at once.
        """
        return self._inbox.dropped

    @property
    def trouble(self) -> str:
        """What was wrong with the last connection that was dropped, "" if none was."""
        return self._inbox.detail

    def clear(self) -> None:
        """Forget the messages and counts so far."""
        self._inbox.clear()

    @overload
    def wait_for(self, expected: int, timeout: float = ...) -> list[Message]: ...

    @overload
    def wait_for(self, expected: Callable[[Message], object], timeout: float = ...) -> Message: ...

    def wait_for(
        self, expected: int | Callable[[Message], object], timeout: float = 10.0
    ) -> list[Message] | Message:
        """Return all messages once there are ``expected``, or the first one it is true for.

        Messages that came before the call count as well. Raises WaitTimeout after ``timeout``
        seconds, or at once when the receiver is closed; the text says what came instead.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        if callable(expected):
            found = self._first_match(expected, deadline)
            if found is not None:
                return found
        else:
            if not isinstance(expected, int):
                raise TypeError(f"a number of messages, or a function of one, not {expected!r}")
            if expected > self._limits.messages:
                raise ValueError(f"the receiver keeps {self._limits.messages} messages, see Limits")
            if self._inbox.wait_count(expected, deadline):
                return self.messages
        waited = "stopped waiting" if self._inbox.closed else f"waited {timeout:g} s"
        raise WaitTimeout(complaint(self, expected, waited)) from self._failure

    def _first_match(self, matches: Callable[[Message], object], deadline: float) -> Message | None:
        position, end = 0, -1
        while end < 0 or position < end:
            if end < 0 and time.monotonic() >= deadline:
                end = self._inbox.end  # a sender that never pauses must not keep us here
            position, batch = self._inbox.after(position, deadline)
            for message in batch:
                if matches(message):
                    return message
            if not batch:
                return None
        return None

    def follow(self, timeout: float | None = None) -> Iterator[Message]:
        """Yield the messages that are here and then those that come.

        Ends when none came for ``timeout`` seconds (None: never) or the receiver is closed. Who is
        slower than the senders misses what was given up for room (``dropped["memory"]``).
        """
        position = 0
        while True:
            deadline = None if timeout is None else time.monotonic() + timeout
            position, batch = self._inbox.after(position, deadline)
            if not batch:
                return
            yield from batch

    def __enter__(self) -> SyslogReceiver:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SyslogReceiver {self.url} {self.state}, {self.received} received{losses(self.dropped)}>"


def _tls_context(
    certfile: str | os.PathLike[str] | None, keyfile: str | os.PathLike[str] | None
) -> ssl.SSLContext:
    if certfile is None:
        raise ConfigurationError("tls:// needs ssl_context, or certfile and keyfile")
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a sender that never reads would leave them unread, and its close be a reset
    try:
        context.load_cert_chain(certfile, keyfile)
    except OSError as error:
        raise ConfigurationError(f"certfile {os.fspath(certfile)!r}: {error}") from error
    return context
