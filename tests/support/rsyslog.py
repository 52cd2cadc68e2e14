"""A private rsyslogd that writes what it received as one JSON object a line."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from .daemon import Daemon, read_lines
from .line import Line
from .waiting import free_port, program

__all__ = ["Rsyslog"]

_FIELDS = (
    *("pri", "timereported", "hostname", "app-name", "procid", "msgid"),
    *("structured-data", "syslogtag", "msg", "rawmsg"),
)

_CONFIG = """
global(workDirectory="{folder}" maxMessageSize="{max_size}")
module(load="imuxsock" SysSock.Use="off")
module(load="imptcp")
module(load="imudp")
template(name="json" type="list" option.jsonf="on") {{ {properties} }}
ruleset(name="all") {{ action(type="omfile" file="{output}" template="json") }}
input(type="imuxsock" Socket="{socket}" CreatePath="on" RateLimit.Interval="0" Ruleset="all")
{network}
"""

_NETWORK = """
input(type="imptcp" address="127.0.0.1" port="{tcp_port}" ruleset="all")
input(type="imudp" address="127.0.0.1" port="{udp_port}" ruleset="all")
"""


class Rsyslog(Daemon):
    """rsyslogd on a unix socket (``url``) and, with ``network=True``, on TCP and UDP ports.

    ``syslog_lines`` give everything it parsed; ``lines()`` the same as tests compare it.
    """

    name = "rsyslogd"

    def __init__(self, *, network: bool = False, max_size: str = "8k") -> None:
        self.program = program("rsyslogd")
        super().__init__()
        self.socket = self.folder / "log"
        self.output = self.folder / "out.jsonl"
        self.tcp_port = free_port() if network else 0
        self.udp_port = free_port(socket.SOCK_DGRAM) if network else 0
        self.config = self.folder / "rsyslog.conf"
        self.config.write_text(self._config(max_size))

    def _config(self, max_size: str) -> str:
        properties = "\n".join(f'property(outname="{name}" name="{name}" format="jsonf")' for name in _FIELDS)
        network = _NETWORK.format(tcp_port=self.tcp_port, udp_port=self.udp_port) if self.tcp_port else ""
        return _CONFIG.format(
            folder=self.folder,
            max_size=max_size,
            properties=properties,
            output=self.output,
            socket=self.socket,
            network=network,
        )

    @property
    def url(self) -> str:
        """The address of its unix socket."""
        return f"unix://{self.socket}"

    def command(self) -> list[str]:
        """Run in the foreground with everything in the private folder."""
        return [self.program, "-n", "-f", str(self.config), "-i", str(self.folder / "pid")]

    def ready(self) -> bool:
        """Tell whether its socket takes a datagram (a killed one leaves the file behind)."""
        return takes_datagrams(self.socket, b"<191>ready[0]: ready")

    def messages(self) -> list[dict[str, str]]:
        """Return what it parsed, a dict of rsyslog's property names a message."""
        found = [json.loads(line) for line in read_lines(self.output)]
        return [message for message in found if message["app-name"] != "ready"]

    def lines(self) -> list[Line]:
        """Return what it parsed; ``text`` is without the blank that ends a 3164 tag."""
        return [
            Line(
                int(message["pri"]),
                message["hostname"],
                message["app-name"],
                int(message["procid"]) if message["procid"].isdigit() else None,
                message["msg"].removeprefix(" "),
                message["rawmsg"].encode(),
            )
            for message in self.messages()
        ]


def takes_datagrams(path: Path, datagram: bytes) -> bool:
    """Tell whether a unix datagram socket has a reader, by sending to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            probe.send(datagram)
        except OSError:
            return False
    return True
