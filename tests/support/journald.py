"""A private systemd-journald: a journal namespace of its own, with its own sockets and files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .daemon import Daemon
from .line import Line
from .rsyslog import READY, takes_datagrams
from .seen import Seen
from .waiting import missing, program

__all__ = ["Journald"]


class Journald(Daemon):
    """systemd-journald for one namespace; needs root, because its folders lie under /run.

    ``socket`` takes the native protocol, ``dev_log`` (``url``) RFC 3164. A namespace's journald ends
    by itself when nothing came for a while, so use it at once.
    """

    name = "journald"

    def __init__(self) -> None:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            missing("systemd-journald needs root")
        self.program = program("systemd-journald", "/lib/systemd", "/usr/lib/systemd")
        self.journalctl = program("journalctl")
        super().__init__()
        self.namespace = f"cs{uuid.uuid4().hex[:10]}"
        self.runtime = Path(f"/run/systemd/journal.{self.namespace}")
        self.socket = self.runtime / "socket"
        self.dev_log = self.runtime / "dev-log"

    @property
    def url(self) -> str:
        """The address of the socket that takes RFC 3164."""
        return f"unix://{self.dev_log}"

    def command(self) -> list[str]:
        """Run in the foreground for this namespace only."""
        return [self.program, self.namespace]

    def ready(self) -> bool:
        """Tell whether its socket takes a datagram."""
        return takes_datagrams(self.dev_log, READY)

    def messages(self, *matches: str) -> list[dict[str, Any]]:
        """Return the entries as ``journalctl -o json`` gives them, those of ``matches`` only."""
        command = [self.journalctl, f"--namespace={self.namespace}", "--all", "-o", "json", *matches]
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]
        own = ("ready", "systemd-journald")
        return [entry for entry in found if entry.get("SYSLOG_IDENTIFIER") not in own]

    def seen(self) -> list[Seen]:
        """Return the entries, every field that RFC 3164 has; a facility that is not there is -1."""
        return [_seen(entry) for entry in self.messages()]

    def count(self) -> int:
        """Return how many entries there are."""
        return len(self.messages())

    def lines(self) -> list[Line]:
        """Return the entries; a MESSAGE that is no UTF-8 text comes as a list of byte values."""
        return [_line(entry) for entry in self.messages()]

    def close(self) -> None:
        """Stop it and remove its sockets and journal files, which no other journald uses."""
        super().close()
        places = [self.runtime]
        for root in ("/run/log/journal", "/var/log/journal"):
            places += Path(root).glob(f"*.{self.namespace}")
        for place in places:
            shutil.rmtree(place, ignore_errors=True)


def _text(entry: dict[str, Any]) -> str:
    message = entry.get("MESSAGE") or ""
    return bytes(message).decode(errors="replace") if isinstance(message, list) else message


def _seen(entry: dict[str, Any]) -> Seen:
    # RFC 3164 has no year; 1972 was a leap year, so that every date exists.
    time = datetime.strptime(f"1972 {entry['SYSLOG_TIMESTAMP'].strip()}", "%Y %b %d %H:%M:%S")
    return Seen(
        facility=int(entry.get("SYSLOG_FACILITY", -1)),
        severity=int(entry["PRIORITY"]),
        time=time.replace(tzinfo=timezone.utc),
        host=entry["_HOSTNAME"],
        ident=entry["SYSLOG_IDENTIFIER"],
        pid=entry["SYSLOG_PID"],
        msgid="",
        sd={},
        text=_text(entry),
    )


def _line(entry: dict[str, Any]) -> Line:
    pid = entry.get("SYSLOG_PID", "")
    return Line(
        int(entry.get("SYSLOG_FACILITY", 1)) * 8 + int(entry.get("PRIORITY", 6)),
        entry.get("_HOSTNAME", ""),
        entry.get("SYSLOG_IDENTIFIER", ""),
        int(pid) if pid.isdigit() else None,
        _text(entry),
        b"",
    )
