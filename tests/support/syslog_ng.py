"""A private syslog-ng, unpacked from its Debian package, that writes what it received as JSON lines.

The package excludes rsyslog, so it cannot be installed beside it: SYSLOG_NG_ROOT names the folder it
was unpacked into.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .daemon import Daemon, read_lines
from .line import Line
from .rsyslog import takes_datagrams
from .waiting import free_port, missing, program

__all__ = ["SyslogNg"]

_CONFIG = """
@version: {version}
options {{ keep-hostname(yes); log-msg-size(65536); stats-freq(0); }};
source s_unix {{ unix-dgram("{socket}"); }};
source s_tcp {{ syslog(ip("127.0.0.1") port({tcp_port}) transport("tcp")); }};
destination d_file {{ file("{output}" template("$(format-json --scope none \
pri=${{PRI}} host=${{HOST}} program=${{PROGRAM}} pid=${{PID}} msgid=${{MSGID}} sdata=${{SDATA}} \
msg=${{MESSAGE}})\\n")); }};
log {{ source(s_unix); source(s_tcp); destination(d_file); }};
"""


def _installation() -> tuple[str, list[str]]:
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
    """syslog-ng on a unix datagram socket (``url``) and a TCP port for RFC 5424."""

    name = "syslog-ng"

    def __init__(self) -> None:
        self.program, self.libraries = _installation()
        super().__init__()
        self.socket = self.folder / "log"
        self.output = self.folder / "out.jsonl"
        self.tcp_port = free_port()
        self.config = self.folder / "syslog-ng.conf"
        self.config.write_text(
            _CONFIG.format(
                version=_version(), socket=self.socket, tcp_port=self.tcp_port, output=self.output
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
        """Tell whether its socket takes a datagram."""
        return takes_datagrams(self.socket, b"<191>ready[0]: ready")

    def messages(self) -> list[dict[str, str]]:
        """Return what it parsed, a dict of syslog-ng's macros a message."""
        found = [json.loads(line) for line in read_lines(self.output)]
        return [message for message in found if message.get("program") != "ready"]

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
