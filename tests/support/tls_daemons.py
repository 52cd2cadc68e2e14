"""The real collectors with TLS as well: rsyslogd with either of its drivers, and syslog-ng."""

from __future__ import annotations

import socket
from glob import glob

from .certificates import Certificates
from .rsyslog import Rsyslog, takes_calls
from .syslog_ng import SyslogNg
from .waiting import free_port, missing

__all__ = ["NetworkSyslogNg", "TlsRsyslog"]

_LIBRARIES = ("/usr/lib", "/usr/lib/*", "/usr/lib64", "/usr/local/lib")

_TLS = """
global(
  DefaultNetstreamDriver="{driver}"
  DefaultNetstreamDriverCAFile="{certificates.ca_certs}"
  DefaultNetstreamDriverCertFile="{certificates.server}"
  DefaultNetstreamDriverKeyFile="{certificates.server_key}"
)
module(load="imtcp" StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="{mode}"
  {peers})
"""

_MORE_SOURCES = """
source s_tls {{ syslog(ip("127.0.0.1") port({tls_port}) transport("tls") tls(
  key-file("{certificates.server_key}") cert-file("{certificates.server}")
  ca-file("{certificates.ca_certs}") peer-verify({verify}))); }};
source s_udp {{ syslog(ip("127.0.0.1") port({udp_port}) transport("udp") so-rcvbuf(8388608)); }};
log {{ source(s_tls); source(s_udp); destination(d_file); }};
"""


class TlsRsyslog(Rsyslog):
    """rsyslogd whose imtcp, on ``plain_tcp_port``, speaks TLS; ``driver`` is ``gtls`` or ``ossl``.

    With ``clients`` it wants certificates of the authority.
    """

    def __init__(self, driver: str, certificates: Certificates, *, clients: bool = False) -> None:
        if not any(glob(f"{folder}/rsyslog/lmnsd_{driver}.so") for folder in _LIBRARIES):
            missing(f"rsyslog's TLS driver {driver} is not installed")
        super().__init__(network=True, max_size="64k")
        mode, peers = ("x509/name", 'PermittedPeer="worker.example.org"') if clients else ("anon", "")
        tls = _TLS.format(driver=driver, certificates=certificates, mode=mode, peers=peers)
        text = self.config.read_text()
        self.config.write_text(text.replace('module(load="imtcp")', tls))

    @property
    def tls_url(self) -> str:
        """The address of its TLS port."""
        return f"tls://127.0.0.1:{self.plain_tcp_port}"


class NetworkSyslogNg(SyslogNg):
    """syslog-ng that takes RFC 5424 on ``tls_port`` and ``udp_port`` as well."""

    def __init__(self, certificates: Certificates, *, clients: bool = False) -> None:
        super().__init__()
        self.tls_port = free_port()
        self.udp_port = free_port(socket.SOCK_DGRAM)
        verify = "required-trusted" if clients else "optional-untrusted"
        more = _MORE_SOURCES.format(
            tls_port=self.tls_port, udp_port=self.udp_port, certificates=certificates, verify=verify
        )
        with self.config.open("a") as config:
            config.write(more)

    def ready(self) -> bool:
        """Tell whether its sockets take a datagram and its ports are open."""
        return super().ready() and takes_calls(self.tls_port)
