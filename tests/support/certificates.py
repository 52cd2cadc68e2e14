"""Certificates of two authorities, good ones and bad ones, as files and as contexts of a server."""

from __future__ import annotations

import ssl
import warnings
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import trustme

__all__ = ["Certificates"]

_LONG_AGO = datetime(2019, 1, 1, tzinfo=timezone.utc), datetime(2020, 1, 1, tzinfo=timezone.utc)


class Certificates:
    """An authority, ``ca_certs``, and what it signs; ``other_ca_certs`` is another one's file.

    ``server`` and ``client`` are the files of a chain, ``server_key`` and ``client_key`` of its key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA(organization_name="Right Authority")
        self.other = trustme.CA(organization_name="Wrong Authority")
        self.ca_certs = folder / "ca.pem"
        self.other_ca_certs = folder / "other-ca.pem"
        self.authority.cert_pem.write_to_path(str(self.ca_certs))
        self.other.cert_pem.write_to_path(str(self.other_ca_certs))
        self.good = self.authority.issue_cert("127.0.0.1", "localhost", common_name="collector")
        self.server, self.server_key = self.write("server", self.good)
        self.client, self.client_key = self.write("client", self.authority.issue_cert("worker.example.org"))

    def write(self, name: str, cert: trustme.LeafCert) -> tuple[Path, Path]:
        """Write a chain and its key; return the two files."""
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        chain.write_bytes(b"".join(part.bytes() for part in cert.cert_chain_pems))
        cert.private_key_pem.write_to_path(str(key))
        return chain, key

    def expired(self) -> trustme.LeafCert:
        """Return a certificate for 127.0.0.1 whose time is over."""
        begin, end = _LONG_AGO
        return self.authority.issue_cert("127.0.0.1", not_before=begin, not_after=end)

    def context(
        self,
        cert: trustme.LeafCert | None = None,
        *,
        clients: bool = False,
        newest: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        """Return a server's context; ``clients``: it wants certificates of the authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (cert or self.good).configure_cert(context)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            self.authority.configure_trust(context)
        if newest is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = newest
            context.set_ciphers("ALL:@SECLEVEL=0")  # what such old versions need
        return context

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return ``use_ssl`` for a client that trusts the authority."""
        return {"ca_certs": str(self.ca_certs), **more}
