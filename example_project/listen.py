"""Where the lines are read back: our own receiver, or the file that a real collector writes."""

import json
import os
import re
import time
from pathlib import Path

from celery_syslog import SyslogReceiver
from celery_syslog.wire.codes import SEVERITY_NAMES

from .tally import Seen

__all__ = ["FileSource", "NoSource", "ReceiverSource", "Source"]

#: Seconds in which a collector writes what it has, or has nothing more.
SETTLE = 0.5

#: Python's level names, which the default formats begin with, as syslog's severities.
_LEVELS = {"DEBUG": "debug", "INFO": "info", "WARNING": "warning", "ERROR": "err", "CRITICAL": "crit"}
_LEVEL = re.compile(rf"\b({'|'.join(_LEVELS)})\b")


class Source:
    """Gives the lines that arrived since it was last asked."""

    #: Whether lines can be read back at all.
    readable = True

    def poll(self) -> list[Seen]:
        """Return the lines that arrived since the last call."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for what is still on its way, now that nobody sends any more."""

    def close(self) -> None:
        """Let go of sockets and files."""


class ReceiverSource(Source):
    """A receiver in this process, on a unix datagram socket like ``/dev/log``."""

    def __init__(self) -> None:
        self._receiver = SyslogReceiver("unix://")
        self._receiver.start()
        self._shown = 0

    @property
    def url(self) -> str:
        """What the worker's ``syslog_url`` has to be."""
        return self._receiver.url

    def poll(self) -> list[Seen]:
        """Return what was received since the last call."""
        if self._receiver.received == self._shown:
            return []
        new = self._receiver.messages[self._shown :]
        self._shown += len(new)
        return [Seen(message.severity_name, message.procid or "", message.msg) for message in new]

    def settle(self) -> None:
        """Read what the kernel still holds."""
        self._receiver.stop()

    def close(self) -> None:
        """Close the socket and remove it."""
        self._receiver.close()


class FileSource(Source):
    """Follows the file that a collector writes, from where it ends now.

    Only lines that name ``ident`` are ours. A text line's severity is the level name in it: most
    collectors do not write the number. One JSON object a line works too (``pri``, ``syslogtag``, ``msg``).
    """

    def __init__(self, path: Path, ident: str) -> None:
        self._path = path
        self._ident = ident.encode()
        self._rest = b""
        self._position = path.stat().st_size if path.exists() else 0

    def poll(self) -> list[Seen]:
        """Return the complete lines written since the last call."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._position:
                    self._position, self._rest = 0, b""  # cut back: what is there is new
                file.seek(self._position)
                data = file.read()
        except FileNotFoundError:
            return []
        self._position += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [self._seen(line.decode("utf-8", "replace")) for line in lines if self._ident in line]

    def settle(self) -> None:
        """Give the collector a moment to write; it has the lines, but its own time."""
        size = -1
        while self._path.exists() and size != self._path.stat().st_size:
            size = self._path.stat().st_size
            time.sleep(SETTLE)

    def _seen(self, line: str) -> Seen:
        if line.startswith("{"):
            fields = json.loads(line)
            sender, text = str(fields.get("syslogtag", "")), str(fields.get("msg", line))
        else:
            start = line.index(self._ident.decode())
            sender, _, text = line[start:].partition(": ")
            fields = {}
        if "pri" in fields:
            severity = SEVERITY_NAMES[int(fields["pri"]) % 8]
        else:
            level = _LEVEL.search(text)
            severity = _LEVELS[level[1]] if level else "?"
        return Seen(severity, sender.partition("[")[2].rstrip("]:"), text)


class NoSource(Source):
    """A collector whose lines cannot be read back."""

    readable = False

    def poll(self) -> list[Seen]:
        """Return nothing: nobody here can tell."""
        return []
