"""tls://host:port (RFC 5425): TCP with TLS 1.2 or newer, both ends checked by their certificates."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Any

from ..address import Address
from ..errors import TransportError
from ..settings import Settings
from .connection import ConnectionTransport
from .sockets import wait_readable
from .tcp import TcpTransport
from .tlswords import explain

__all__ = ["Secured", "TlsTransport", "make_context"]

#: Seconds to wait for the collector to object to our certificate, and how many times those that the
#: handshake took are added. In TLS 1.3 it does so only when the handshake is over for us, and collectors
#: that compare names do so later still. What was sent to it by then would be lost.
_VERDICT = 0.05, 2.0

_REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def make_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return a context from the keys of ``syslog_use_ssl``; reads the files, so renewed ones are seen.

    Without ``ca_certs`` the system's authorities are trusted. Raises OSError (ssl.SSLError is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    required = options.get("cert_reqs", ssl.CERT_REQUIRED)
    if isinstance(required, str):
        required = _REQUIREMENTS[required.lower().removeprefix("cert_")]
    context.check_hostname = required != ssl.CERT_NONE
    context.verify_mode = ssl.VerifyMode(required)
    if options.get("ciphers"):
        context.set_ciphers(options["ciphers"])
    if options.get("ca_certs"):
        context.load_verify_locations(options["ca_certs"])
    elif required != ssl.CERT_NONE:
        context.load_default_certs()
    if options.get("certfile"):
        # The empty password keeps OpenSSL from asking for one on the terminal.
        password = options.get("password") or ""
        context.load_cert_chain(options["certfile"], options.get("keyfile"), password)
    return context


class Secured(ConnectionTransport):
    """What TLS adds to a connection: mixed in before TCP, or anything else that is built on one.

    OpenSSL works on memory, so what it has encrypted is ours to finish whatever the kernel takes of it,
    nothing it does waits, and gevent has nothing to replace.
    """

    def __init__(self, address: Address, settings: Settings) -> None:
        super().__init__(address, settings)
        self._options = settings.use_ssl or {}
        self._name = address.option("server_name") or self._options.get("server_hostname") or address.host
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None

    def _open(self, deadline: float) -> None:
        try:
            context = make_context(self._options)
        except (OSError, ValueError, TypeError) as error:
            raise explain(error, self._options, self._name) from error
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._name)
        try:
            start = monotonic()
            self._shake_hands(tls, deadline)
            now = monotonic()
            self._await_verdict(min(deadline, now + _VERDICT[0] + _VERDICT[1] * (now - start)))
        except (OSError, ValueError) as error:
            raise explain(error, self._options, self._name, tls) from error
        frame, write, take = self._frame, tls.write, self._outgoing.read

        def wire(data: bytes) -> bytes:
            write(frame(data))
            return take()

        self._wire = wire
        super()._open(deadline)

    def _shake_hands(self, tls: ssl.SSLObject, deadline: float) -> None:
        done = False
        while not done:
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                self._say_why(deadline)
                raise
            self._write_until(deadline, self._outgoing.read())
            if not done:
                self._incoming.write(self._await(deadline))

    def _say_why(self, deadline: float) -> None:
        """Send the alert that tells the peer what is wrong with it."""
        try:
            self._write_until(deadline, self._outgoing.read())
        except OSError:
            pass  # it has gone already

    def _await(self, deadline: float) -> bytes:
        while True:
            try:
                return super()._read()
            except BlockingIOError:
                if not wait_readable(self.fileno(), deadline - monotonic()):
                    raise TransportError(
                        errno.ETIMEDOUT, "no answer to the TLS handshake; does this port speak TLS?"
                    ) from None

    def _await_verdict(self, deadline: float) -> None:
        while wait_readable(self.fileno(), deadline - monotonic()):
            self._look()

    def _read(self) -> bytes:
        data = super()._read()
        tls = self._tls
        if tls is None:
            return data
        self._incoming.write(data)
        found = []
        try:
            while chunk := tls.read(16384):
                found.append(chunk)
            raise ConnectionResetError(errno.ECONNRESET, "the collector ended the TLS session")
        except ssl.SSLWantReadError:
            return b"".join(found)
        except ssl.SSLError as error:
            raise explain(error, self._options, self._name, tls) from error

    def _farewell(self) -> None:
        """RFC 5425 section 4.4: a close_notify alert before the end."""
        if self._tls is None or self._message is not None:
            return
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # wants the answer, which nobody waits for
        self._write(self._outgoing.read())

    def abandon(self) -> None:
        self._tls = None
        super().abandon()


class TlsTransport(Secured, TcpTransport):
    """``tls://host[:6514]``, octet counting (RFC 5425 section 4.3) or lines.

    ``?server_name=`` is what the collector's certificate has to be made out to, instead of the host. Files
    and checks are those of ``syslog_use_ssl``.
    """
