"""A private rsyslogd that takes RELP, plain or over TLS, and has written down whatever it acknowledged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from .daemon import read_lines
from .rsyslog import Rsyslog
from .waiting import free_port

__all__ = ["Pems", "RelpRsyslog"]

# In a direct queue a message is processed before it is acknowledged, and the file is written at the end of
# each: what a killed rsyslogd had acknowledged is there.
_INPUT = """
module(load="imrelp" {library})
main_queue(queue.type="direct")
input(type="imrelp" address="127.0.0.1" port="{port}" maxDataSize="{max_size}" ruleset="relp" {tls})
ruleset(name="relp" queue.type="direct") {{ {actions} }}
"""

_PARSED = """
  action(type="mmpstrucdata" sd_name.lowercase="off")
  action(type="omfile" file="{output}" template="json" asyncWriting="off" flushOnTXEnd="on")
"""

_TEXT_ONLY = """
  action(type="omfile" file="{output}" template="text" asyncWriting="off" flushOnTXEnd="on")
"""

_TLS = """tls="on" tls.caCert="{ca}" tls.myCert="{cert}" tls.myPrivKey="{key}"
  tls.authMode="{mode}" tls.permittedPeer=["{peer}"]"""


class Pems(NamedTuple):
    """Files for TLS: the authority's certificate, the server's certificate and its key."""

    ca: Path
    cert: Path
    key: Path


class RelpRsyslog(Rsyslog):
    """rsyslogd with imrelp on ``relp_port``.

    With ``text_only`` it writes the bare text of each message, which takes it a fraction of the time, and
    only ``texts`` is of use. ``pems`` makes it TLS, with ``library`` and, if ``peer`` is given, that name
    demanded of the client's certificate.
    """

    def __init__(
        self, *, text_only: bool = False, pems: Pems | None = None, library: str = "openssl", peer: str = ""
    ) -> None:
        self.relp_port = free_port()
        self._text_only = text_only
        self._pems = pems
        self._library = library
        self._peer = peer
        super().__init__(max_size="64k")

    def _config(self, max_size: str) -> str:
        given: dict[str, Any] = {"port": self.relp_port, "max_size": max_size, "library": "", "tls": ""}
        if self._pems is not None:
            given["library"] = f'tls.tlslib="{self._library}"'
            mode = "name" if self._peer else "certvalid"
            given["tls"] = _TLS.format(**self._pems._asdict(), mode=mode, peer=self._peer)
            if not self._peer:
                given["tls"] = given["tls"].partition("tls.authMode")[0]
        actions = (_TEXT_ONLY if self._text_only else _PARSED).format(output=self.output)
        text = 'template(name="text" type="string" string="%msg%\\n")'
        return super()._config(max_size) + text + _INPUT.format(**given, actions=actions)

    @property
    def relp_url(self) -> str:
        """The address of its RELP port."""
        return f"{'relp+tls' if self._pems else 'relp'}://127.0.0.1:{self.relp_port}"

    def ready(self) -> bool:
        """Tell whether the port is open too."""
        # Not by a call: imrelp logs an error about one that ends without RELP.
        return super().ready() and bool(self.connections("0A"))

    def connections(self, state: str = "01") -> int:
        """Return how many sockets there are on the port: established ones, or ``0A``, listening."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[1].endswith(f":{self.relp_port:04X}") and row[3] == state for row in rows)

    def texts(self) -> list[str]:
        """Return the texts it has, blanks around them stripped."""
        lines = read_lines(self.output)
        if self._text_only:
            return [line.decode().strip() for line in lines if not line.startswith(b"{")]
        return [json.loads(line)["msg"].strip() for line in lines if b'"app-name":"ready"' not in line]
