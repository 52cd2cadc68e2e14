"""Configurations of collectors, made to fit what the workers send; each is tried by a test."""

from __future__ import annotations

from typing import NamedTuple

from celery_syslog.address import Address

__all__ = ["Recipe"]


class Recipe(NamedTuple):
    """What a configuration is for. ``address`` is what the workers' syslog_url names."""

    address: Address
    ident: str
    form: str  # text, json or cee
    folder: str
    max_size: int
    ca: str
    cert: str
    key: str
    pid_file: str
    keep: int

    @property
    def local(self) -> bool:
        """Whether the workers write to the daemon's own socket, which it reads anyway."""
        return self.address.scheme == "unix" and self.address.path in ("", "/dev/log")

    @property
    def listen(self) -> str:
        """The address to listen at: all of them, unless the URL names one of this machine's."""
        host = self.address.host
        return host if host.replace(".", "").isdigit() or ":" in host else "0.0.0.0"  # noqa: S104

    @property
    def kibibytes(self) -> int:
        """The largest message in KiB, rounded up."""
        return (self.max_size + 1023) // 1024

    @property
    def prefix(self) -> str:
        """What every ident begins with: up to the first ``{field}``."""
        return self.ident.partition("{")[0]

    @property
    def secure(self) -> bool:
        """Whether TLS is in use."""
        return self.address.scheme in ("tls", "relp+tls")
