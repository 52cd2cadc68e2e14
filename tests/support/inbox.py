"""The package's own receiver as a collector that tests compare with real ones."""

from __future__ import annotations

import socket
import uuid
from typing import Any

from celery_syslog import SyslogReceiver

from .line import Line, wait_for_line

__all__ = ["Inbox", "settle"]


class Inbox:
    """A receiver on a unix datagram socket whose messages are read as ``Line`` values."""

    def __init__(self, url: str = "unix://", **options: Any) -> None:
        self.receiver = SyslogReceiver(url, **options)

    @property
    def url(self) -> str:
        """The address of its socket."""
        return str(self.receiver.url)

    def lines(self) -> list[Line]:
        """Return what came so far."""
        return [Line.from_message(message) for message in self.receiver.messages]

    def __enter__(self) -> Inbox:
        self.receiver.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.receiver.close()


def settle(source: Any) -> list[Line]:
    """Return every line once all that was sent before this call has been read.

    The kernel keeps a datagram socket's queue in order, so a message of our own is the last.
    """
    mark = uuid.uuid4().hex
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as fence:
        fence.settimeout(30)
        fence.connect(source.url.removeprefix("unix://"))
        fence.send(f"<191>Jan  1 00:00:00 fence[1]: {mark}".encode())
    wait_for_line(source, mark)
    return [line for line in source.lines() if line.ident != "fence"]
