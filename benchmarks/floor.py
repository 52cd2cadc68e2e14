"""The floor: the cheapest handler there could be."""

from __future__ import annotations

import logging
import socket
from urllib.parse import urlsplit

__all__ = ["Floor"]


class Floor(logging.Handler):
    """Hands the same ready-made bytes to the kernel for every record, once, whether it takes them or not.

    No lock, no look at the record, nothing but a non-blocking ``send`` on the kind of socket that a real
    handler would use (TLS and RELP go over TCP).
    """

    def __init__(self, url: str, length: int) -> None:
        super().__init__()
        self.ready = b"x" * length
        parts = urlsplit(url)
        if parts.scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.socket.connect(parts.path)
        elif parts.scheme == "udp":
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.connect((parts.hostname, parts.port))
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def handle(self, _record: logging.LogRecord) -> bool:
        """Send once."""
        try:
            self.socket.send(self.ready)
        except BlockingIOError:
            return False
        return True
