"""One message to one address, with the reason when it is not taken, and what to do about it."""

from __future__ import annotations

import errno
import select
from collections.abc import Sequence
from time import monotonic
from typing import Any

from celery_syslog.address import Address
from celery_syslog.errors import TransportError
from celery_syslog.settings import Settings
from celery_syslog.transports import Transport, open_transport, pause

from .command import words

__all__ = ["advice", "complaint", "deliver", "name_of"]

#: Seconds in which a collector on the network shows that it does not want us.
_OBJECTION = 0.2
#: Seconds between two looks for a confirmation, and for one wait for room.
_LOOK, _WAIT = 0.01, 0.1

_FULL = (errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS)


def deliver(address: Address, settings: Settings, messages: Sequence[bytes], timeout: float) -> None:
    """Connect, send every message, wait for what the transport confirms, and disconnect.

    ``timeout`` seconds for the connect, and again for the rest. Raises OSError.
    """
    transport = open_transport(address, settings)
    try:
        transport.connect(timeout)
        end = monotonic() + timeout
        for message in messages:
            _push(transport, message, end)
        while not transport.settle(0.0):
            if monotonic() > end:
                raise TransportError(errno.ETIMEDOUT, f"not confirmed within {timeout:g} s")
            pause(_LOOK)
        _listen_for_objection(address, transport)
        transport.close()
        if transport.unconfirmed():
            raise TransportError(errno.ECONNRESET, "it ended the connection without taking the message")
    finally:
        transport.abandon()


def _push(transport: Transport, message: bytes, end: float) -> None:
    while True:
        try:
            transport.send(message)
            return
        except OSError as error:
            if error.errno not in _FULL:
                raise
        if monotonic() > end:
            raise TransportError(errno.ETIMEDOUT, "it does not read")
        transport.writable(_WAIT)


def _listen_for_objection(address: Address, transport: Any) -> None:
    """Raise for a connection that was closed, or a port that nobody listens on, right after the send."""
    fileno = getattr(transport, "fileno", None)
    if address.scheme not in ("udp", "tcp") or fileno is None or not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(fileno(), getattr(select, "POLLRDHUP", 0))
    if poll.poll(_OBJECTION * 1000):
        if address.scheme == "udp":
            raise TransportError(errno.ECONNREFUSED, "nobody listens there")
        raise TransportError(errno.ECONNRESET, "it closed the connection at once")


def name_of(address: Address) -> str:
    """Return an address as messages call it."""
    return str(address) if address.path or address.host else "the local socket"


def complaint(address: Address, error: OSError) -> str:
    """Return what was wrong with an address, without repeating it."""
    return words(error).removeprefix(f"{address.path}: ")


_ADVICE = {
    errno.EACCES: "the socket's permissions keep this user out: see its owner and mode",
    errno.ECONNREFUSED: "start the collector, or correct host and port in syslog_url",
    errno.ETIMEDOUT: "see whether a firewall is in between, and whether the collector is overloaded",
    errno.ECONNRESET: "see the collector's log: another protocol (TLS?) or an access list",
    errno.EHOSTUNREACH: "see the network between here and there",
}


def advice(address: Address, error: OSError) -> str:
    """Return what to do about an address that did not take a message."""
    text = words(error).lower()
    if address.scheme == "unix" and (
        error.errno in (errno.ENOENT, None) or error.errno == errno.ECONNREFUSED
    ):
        return "start a syslog daemon, mount the host's /dev/log into the container, or set syslog_url"
    if "certificate" in text:
        return "name the authority that signed it: syslog_use_ssl = {'ca_certs': FILE}; or mend the host name"
    if "handshake" in text:
        return "see whether that port speaks TLS: if not, tcp:// may be what is wanted"
    if type(error).__name__ == "gaierror" or "name or service" in text or "name resolution" in text:
        return "correct the host name in syslog_url"
    return _ADVICE.get(error.errno or 0, "see the collector's log")
