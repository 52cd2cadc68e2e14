"""A private rsyslogd that writes what it received as one JSON object a line."""

from __future__ import annotations

import json
import socket
from datetime import datetime
from pathlib import Path

from .daemon import Daemon, read_lines
from .line import Line
from .seen import Seen
from .waiting import free_port, program

__all__ = ["READY", "Rsyslog", "takes_calls", "takes_datagrams"]

#: What is sent to learn whether a socket is read; no message that tests look at.
READY = b"<191>Jan  1 00:00:00 ready[0]: ready"

_FIELDS = (
    *("pri", "timereported", "hostname", "app-name", "procid", "msgid"),
    *("structured-data", "syslogtag", "msg", "rawmsg", "protocol-version"),
)

# What rsyslog itself made of STRUCTURED-DATA (mmpstrucdata), and the time with all of its digits.
_MADE = """
property(outname="elements" name="$!" format="jsonf")
property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
"""

_CONFIG = """
global(workDirectory="{folder}" maxMessageSize="{max_size}")
module(load="imuxsock" SysSock.Use="off")
module(load="imptcp")
module(load="imtcp")
module(load="imudp")
module(load="mmpstrucdata")
template(name="json" type="list" option.jsonf="on") {{ {properties} }}
ruleset(name="all") {{
  action(type="mmpstrucdata" sd_name.lowercase="off")
  action(type="omfile" file="{output}" template="json")
}}
input(type="imuxsock" Socket="{socket}" CreatePath="on" RateLimit.Interval="0" Ruleset="all")
input(type="imuxsock" Socket="{parsed_socket}" CreatePath="on" RateLimit.Interval="0" Ruleset="all"
  UseSpecialParser="off" IgnoreTimestamp="off")
{network}
"""

_NETWORK = """
input(type="imptcp" address="127.0.0.1" port="{tcp_port}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{plain_tcp_port}" ruleset="all")
input(type="imudp" address="127.0.0.1" port="{udp_port}" ruleset="all")
"""


class Rsyslog(Daemon):
    """rsyslogd on a unix socket (``url``) and, with ``network=True``, on TCP and UDP ports.

    ``parsed_socket`` is a second unix socket, set to read messages as they are read from the network.
    ``tcp_port`` is imptcp's, ``plain_tcp_port`` imtcp's.
    ``syslog_lines`` give everything it parsed; ``lines()`` the same as tests compare it.
    """

    name = "rsyslogd"

    def __init__(self, *, network: bool = False, max_size: str = "8k") -> None:
        self.program = program("rsyslogd")
        super().__init__()
        self.socket = self.folder / "log"
        self.parsed_socket = self.folder / "log2"
        self.output = self.folder / "out.jsonl"
        self.tcp_port = free_port() if network else 0
        self.plain_tcp_port = free_port() if network else 0
        self.udp_port = free_port(socket.SOCK_DGRAM) if network else 0
        self.config = self.folder / "rsyslog.conf"
        self.config.write_text(self._config(max_size))

    def _config(self, max_size: str) -> str:
        properties = "\n".join(f'property(outname="{name}" name="{name}" format="jsonf")' for name in _FIELDS)
        ports = {name: getattr(self, name) for name in ("tcp_port", "plain_tcp_port", "udp_port")}
        network = _NETWORK.format(**ports) if self.tcp_port else ""
        return _CONFIG.format(
            folder=self.folder,
            max_size=max_size,
            properties=properties + _MADE,
            output=self.output,
            socket=self.socket,
            parsed_socket=self.parsed_socket,
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
        """Tell whether its ports are open and its sockets are read (a killed one leaves the files behind)."""
        ports = [port for port in (self.tcp_port, self.plain_tcp_port) if port]
        paths = (self.socket, self.parsed_socket)
        return all(map(takes_calls, ports)) and all(takes_datagrams(path, READY) for path in paths)

    def messages(self) -> list[dict[str, str]]:
        """Return what it parsed, a dict of rsyslog's property names a message."""
        found = [json.loads(line) for line in read_lines(self.output)]
        return [message for message in found if message["app-name"] != "ready"]

    def count(self) -> int:
        """Return how many messages there are, without parsing them."""
        return sum(b'"app-name":"ready"' not in line for line in read_lines(self.output))

    def seen(self) -> list[Seen]:
        """Return what it parsed, every field of it."""
        return [_seen(message) for message in self.messages()]

    def lines(self) -> list[Line]:
        """Return what it parsed."""
        return [
            Line(
                int(message["pri"]),
                message["hostname"],
                message["app-name"],
                int(message["procid"]) if message["procid"].isdigit() else None,
                _text(message),
                message["rawmsg"].encode(),
            )
            for message in self.messages()
        ]


def _text(message: dict[str, str]) -> str:
    """Return MSG: of RFC 3164 rsyslog counts the blank after the tag as a part of it."""
    return message["msg"].removeprefix(" ") if message["protocol-version"] == "0" else message["msg"]


def _seen(message: dict[str, str]) -> Seen:
    facility, severity = divmod(int(message["pri"]), 8)
    return Seen(
        facility=facility,
        severity=severity,
        time=datetime.fromisoformat(message["time"].replace("Z", "+00:00")),
        host=message["hostname"],
        ident=message["app-name"],
        pid=message["procid"],
        msgid=message["msgid"].removeprefix("-"),
        sd=json.loads(message["elements"] or "{}").get("rfc5424-sd", {}),
        text=_text(message),
    )


def takes_calls(port: int) -> bool:
    """Tell whether something listens on a TCP port of the loopback address."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


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
