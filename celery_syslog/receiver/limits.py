"""The bounds that keep a receiver's memory and descriptors finite, whatever is sent to it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Limits"]


class Limits(NamedTuple):
    """What one receiver may hold; what goes beyond is counted in ``SyslogReceiver.dropped``."""

    messages: int = 500_000
    """Messages kept; the oldest sixteenth makes room."""
    memory: int = 256 << 20
    """Bytes of raw messages kept; decoded they take more, JSON that is made to hurt up to thirty times."""
    message_size: int = 256 << 10
    """Bytes of one message; a longer datagram is cut, a longer stream frame ends its connection."""
    connections: int = 256
    """Stream connections open at once; one more is closed as soon as it is accepted."""
    receive_buffer: int | None = None
    """SO_RCVBUF in bytes; None asks for 4 MiB for datagrams and leaves streams to the kernel."""
