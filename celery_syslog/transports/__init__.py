"""The roads to a collector, by URL scheme; each module is loaded when its scheme is first used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import cast

from ..address import Address
from ..errors import TransportError
from ..settings import Settings
from .base import CannotWait, Transport, pause
from .descriptor import reserve

__all__ = ["TRANSPORTS", "CannotWait", "Transport", "open_transport", "pause", "preload", "unsupported"]

#: Scheme -> "module:Class"; a class takes ``(address, settings)`` and opens nothing when made.
TRANSPORTS: Mapping[str, str] = {
    "unix": ".unix:UnixTransport",
    "udp": ".udp:UdpTransport",
    "tcp": ".tcp:TcpTransport",
    "tls": ".tls:TlsTransport",
    "relp": ".relp:RelpTransport",
    "relp+tls": ".relp:RelpTlsTransport",
    "memory": ".memory:MemoryTransport",
    "journald": ".journald:JournaldTransport",
}


def unsupported(addresses: Iterable[Address]) -> list[str]:
    """Return a sentence for each address whose scheme has no transport in this version."""
    allowed = ", ".join(f"{scheme}://" for scheme in TRANSPORTS)
    wrong = (address for address in addresses if address.scheme not in TRANSPORTS)
    return [f"{address.scheme}:// is not supported yet; use {allowed}" for address in wrong]


def preload(addresses: Iterable[Address]) -> None:
    """Do early what would take a log call long: load modules, make room for descriptors.

    Here it costs little, once for all children, or in a process of one thread. What fails, fails when used.
    """
    reserve()
    for address in addresses:
        module = TRANSPORTS.get(address.scheme, "").partition(":")[0]
        try:
            if module:
                import_module(module, __name__)
        except ImportError:
            pass


def open_transport(address: Address, settings: Settings) -> Transport:
    """Return the transport of an address; nothing is opened before its ``connect``.

    Raises TransportError when this version has no transport for the scheme, or its module is missing
    something on this machine.
    """
    place = TRANSPORTS.get(address.scheme)
    if place is None:
        raise TransportError(f"{address.scheme}:// is not supported; use {', '.join(TRANSPORTS)}")
    module, _, name = place.partition(":")
    try:
        transport = getattr(import_module(module, __name__), name)(address, settings)
    except ImportError as error:
        raise TransportError(f"{address.scheme}:// does not work on this machine: {error}") from error
    return cast(Transport, transport)
