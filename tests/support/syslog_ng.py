"""A private syslog-ng, unpacked from its Debian package, that writes what it received as JSON lines.

The package excludes rsyslog, so it cannot be installed beside it: SYSLOG_NG_ROOT names the folder it
was unpacked into.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from .daemon import Daemon, read_lines
from .line import Line
from .rsyslog import READY, takes_calls, takes_datagrams
from .seen import Seen
from .waiting import free_port, missing, program

__all__ = ["SyslogNg", "installation"]

_CONFIG = """
@version: {version}
options {{ keep-hostname(yes); log-msg-size(65536); stats-freq(0); frac-digits(6); }};
source s_unix {{ unix-dgram("{socket}"); }};
source s_parsed {{ unix-dgram("{parsed_socket}" flags(syslog-protocol)); }};
source s_tcp {{ syslog(ip("127.0.0.1") port({tcp_port}) transport("tcp")); }};
source s_lines {{ network(ip("127.0.0.1") port({lines_port}) transport("tcp")); }};
destination d_file {{ file("{output}" template("$(format-json --scope none \
pri=${{PRI}} host=${{HOST}} program=${{PROGRAM}} pid=${{PID}} msgid=${{MSGID}} \
time=${{S_ISODATE}} msg=${{MESSAGE}} elements=$(format-flat-json --scope none --key .SDATA.*))\\n")); }};
log {{ source(s_unix); source(s_parsed); source(s_tcp); source(s_lines); destination(d_file); }};
"""


def installation() -> tuple[str, list[str]]:
    """Return the program and the folders of its libraries, those of the modules last."""
    root = os.environ.get("SYSLOG_NG_ROOT")
    if not root:
        return program("syslog-ng"), []
    modules = sorted(Path(root).glob("usr/lib/syslog-ng/*/libafsocket.so"))
    if not modules:
        missing(f"SYSLOG_NG_ROOT={root} holds no syslog-ng")
    folder = modules[-1].parent
    return f"{root}/usr/sbin/syslog-ng", [str(folder.parent), str(folder)]


def _version() -> str:
    """Return the newest configuration version that every supported syslog-ng reads."""
    return "3.38"


class SyslogNg(Daemon):
    """syslog-ng on a unix datagram socket (``url``) and TCP ports for RFC 5424 and RFC 3164.

    ``parsed_socket`` is a second unix socket, set to read RFC 5424. ``tcp_port`` takes RFC 5424 in octet
    counting, ``lines_port`` RFC 3164 in lines.
    """

    name = "syslog-ng"

    def __init__(self) -> None:
        self.program, self.libraries = installation()
        super().__init__()
        self.socket = self.folder / "log"
        self.parsed_socket = self.folder / "log2"
        self.output = self.folder / "out.jsonl"
        self.tcp_port = free_port()
        self.lines_port = free_port()
        self.config = self.folder / "syslog-ng.conf"
        self.config.write_text(
            _CONFIG.format(
                version=_version(),
                socket=self.socket,
                parsed_socket=self.parsed_socket,
                tcp_port=self.tcp_port,
                lines_port=self.lines_port,
                output=self.output,
            ).lstrip()
        )

    @property
    def url(self) -> str:
        """The address of its unix socket."""
        return f"unix://{self.socket}"

    def environment(self) -> Mapping[str, str]:
        """Let the unpacked program find its own libraries."""
        return {"LD_LIBRARY_PATH": os.pathsep.join(self.libraries)} if self.libraries else {}

    def command(self) -> list[str]:
        """Run in the foreground with everything in the private folder."""
        files = {"-f": self.config, "-p": "pid", "-c": "ctl", "-R": "persist"}
        options = [part for flag, name in files.items() for part in (flag, str(self.folder / name))]
        modules = [f"--module-path={self.libraries[-1]}"] if self.libraries else []
        return [self.program, "-F", "--no-caps", *options, *modules]

    def ready(self) -> bool:
        """Tell whether its sockets take a datagram."""
        paths = (self.socket, self.parsed_socket)
        return takes_calls(self.tcp_port) and all(takes_datagrams(path, READY) for path in paths)

    def messages(self) -> list[dict[str, str]]:
        """Return what it parsed, a dict of syslog-ng's macros a message."""
        found = [json.loads(line) for line in read_lines(self.output)]
        return [message for message in found if message.get("program") != "ready"]

    def count(self) -> int:
        """Return how many messages there are, without parsing them."""
        return sum(b'"program":"ready"' not in line for line in read_lines(self.output))

    def seen(self) -> list[Seen]:
        """Return what it parsed, every field of it."""
        return [_seen(message) for message in self.messages()]

    def lines(self) -> list[Line]:
        """Return what it parsed; it keeps no raw bytes, so those are empty."""
        return [
            Line(
                int(message["pri"]),
                message.get("host", ""),
                message.get("program", ""),
                int(message["pid"]) if message.get("pid", "").isdigit() else None,
                message.get("msg", ""),
                b"",
            )
            for message in self.messages()
        ]


def _seen(message: dict[str, str]) -> Seen:
    facility, severity = divmod(int(message["pri"]), 8)
    return Seen(
        facility=facility,
        severity=severity,
        time=datetime.fromisoformat(message["time"].replace("Z", "+00:00")),
        host=message["host"],
        ident=message["program"],
        pid=message["pid"],
        msgid=message["msgid"],
        sd=_elements(json.loads(message["elements"])),
        text=message["msg"],
    )


def _elements(values: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return structured data by element, without the number that syslog-ng gives every message."""
    found: dict[str, dict[str, str]] = {}
    for key, value in values.items():
        sd_id, _, name = key.removeprefix("_SDATA.").partition(".")
        if (sd_id, name) != ("meta", "sequenceId"):
            found.setdefault(sd_id, {})[name] = value
    return found
