"""A listening place that can be paused, stopped, killed and started again, feeding an inbox."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import weakref
from typing import TYPE_CHECKING, Literal

from ..errors import ConfigurationError
from . import endpoint
from .inbox import Inbox
from .limits import Limits
from .reader import Reader

if TYPE_CHECKING:
    import ssl

__all__ = ["Station"]

#: Stations started and not closed, to be given up in a forked child: a descriptor left open there
#: would keep a stopped collector alive for its senders.
_open: weakref.WeakSet[Station] = weakref.WeakSet()


class Station:
    """What SyslogReceiver is as a collector: a place, and a thread that reads there while it runs."""

    def __init__(
        self,
        url: str,
        kind: Literal["dgram", "stream"],
        tls: ssl.SSLContext | None,
        limits: Limits,
    ) -> None:
        self._address = endpoint.parse_url(url)
        if kind not in ("dgram", "stream"):
            raise ConfigurationError(f"kind {kind!r}: dgram or stream")
        self._kind = kind
        self._tls = tls
        self._limits = limits
        self._inbox = Inbox(limits)
        self._control = threading.RLock()
        self._reader: Reader | None = None
        self._thread: threading.Thread | None = None
        self._reserved: socket.socket | None = None
        self._identity: tuple[int, int] | None = None
        self._private = url == "unix://"
        self._folder = ""
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """The URL senders use: with the real port once it was started."""
        return str(self._address)

    @property
    def state(self) -> Literal["reading", "paused", "stopped"]:
        """What the receiver is doing."""
        if self._reader is None:
            return "stopped"
        return "paused" if self._thread is None else "reading"

    def start(self) -> None:
        """Listen, at the same place as before if it was stopped; no effect while it does."""
        with self._control:
            if self._reader is not None:
                return
            if self._private and not self._folder:
                self._folder = tempfile.mkdtemp(prefix="cs-")
                self._address = self._address._replace(path=os.path.join(self._folder, "log"))
            reserved, self._reserved = self._reserved, None
            listener = endpoint.bind(self._address, self._kind, self._limits, reserved)
            if self._address.scheme != "unix":
                self._address = self._address._replace(port=listener.getsockname()[1])
            self._identity = endpoint.inode(self._address)
            self._failure = None
            self._reader = Reader(listener, self._inbox, self._limits, self._tls)
            _open.add(self)
            self._inbox.close(False)
            self.resume()

    def resume(self) -> None:
        """Read again after ``pause()``; what the kernel kept meanwhile comes first."""
        with self._control:
            if self._reader is None or self._thread is not None:
                return
            self._thread = threading.Thread(target=self._run, args=(self._reader,), daemon=True)
            self._thread.name = f"SyslogReceiver {self.url}"
            self._thread.start()

    def pause(self) -> None:
        """Stop reading, as a hung collector does, until ``resume()``: the kernel's queues fill up.

        A unix datagram sender then sees EAGAIN, a stream sender a closed window; UDP is lost.
        """
        with self._control:
            if self._reader is not None and self._thread is not None:
                self._reader.wake()
                self._thread.join()
                self._thread = None

    def stop(self) -> None:
        """Stop listening, as a collector shut down in order, until ``start()``.

        What the kernel had taken is read first, so whatever is missing then was never delivered.
        Connections are closed and a unix socket's file is removed. A TCP port stays reserved.
        """
        self._halt(drain=True)

    def kill(self) -> None:
        """Stop listening as if killed: what is not read yet is lost, a socket's file stays."""
        self._halt(drain=False)

    def close(self) -> None:
        """Stop for good and give up path and port; the messages stay readable."""
        with self._control:
            self.stop()
            if self._reserved is not None:
                self._reserved.close()
                self._reserved = None
            endpoint.unlink(self._address, self._identity)  # what kill() left
            if self._folder:
                os.rmdir(self._folder)
                self._folder = ""
            _open.discard(self)
            self._inbox.close()

    def _run(self, reader: Reader) -> None:
        try:
            reader.run()
        except Exception as error:  # told by whoever waits, with this as its cause
            self._failure = error
            self._inbox.close()

    def _halt(self, *, drain: bool) -> None:
        with self._control:
            self.pause()
            if self._reader is None:
                return
            try:
                if drain and self._failure is None:
                    self._reader.drain()
            except OSError as error:
                self._failure = error
            finally:
                self._reader.close()
                self._reader = None
            if self._address.scheme in ("tcp", "tls"):
                self._reserved = endpoint.reserve(self._address)
            if drain:
                endpoint.unlink(self._address, self._identity)
                self._identity = None

    def _forget_in_child(self) -> None:
        """Give up what a fork has copied: the child is no receiver, and its locks may be stuck."""
        self._control, self._inbox = threading.RLock(), Inbox(self._limits)
        self._inbox.close()
        reader, self._reader, self._thread = self._reader, None, None
        self._identity, self._folder = None, ""
        for resource in (reader, self._reserved):
            if resource is not None:
                resource.close()
        self._reserved = None


def _forget_all_in_child() -> None:
    for station in list(_open):
        station._forget_in_child()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all_in_child)
