"""udp://: one message a datagram, and what ICMP tells about a collector that is not there."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from support.deliveries import balanced, delivering, numbered, recovered
from support.waiting import free_port, wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.address import parse_address
from celery_syslog.errors import TransportError
from celery_syslog.settings import settings_from
from celery_syslog.transports import open_transport


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_addresses(host: str) -> None:
    """IPv4, IPv6 and a name that may stand for both, of which only one is listened on."""
    listened = host.replace("localhost", "127.0.0.1")
    with SyslogReceiver(f"udp://{listened}:0") as receiver:
        port = receiver.url.rpartition(":")[2]
        with delivering(f"udp://{host}:{port}") as delivery:
            for message in numbered(3):
                delivery.send(message)
                recovered(delivery)
            receiver.wait_for(3)
            assert receiver.raw == numbered(3)


def test_refused(capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody listening is noticed; nothing is lost, doubled or disordered when somebody does at last."""
    port = free_port(socket.SOCK_DGRAM)
    said: list[str] = []

    def refused() -> list[str]:
        said.extend(capfd.readouterr().err.splitlines())
        return [line for line in said if "refused" in line]

    with delivering(f"udp://127.0.0.1:{port}") as delivery:
        for message in numbered(20):
            delivery.send(message)
        wait_until(refused, "the refusal to be noticed")
        wait_until(lambda: balanced(delivery)["buffered"] == 20, "everything to be kept")
        with SyslogReceiver(f"udp://127.0.0.1:{port}") as receiver:
            assert delivery.flush(30)
            receiver.wait_for(20)
            recovered(delivery)
            delivery.send(b"<14>message 20")
            receiver.wait_for(21)
            assert receiver.raw == numbered(21)
            assert balanced(delivery)["dropped"] == {}
    assert len(refused()) == 1


def test_restarted() -> None:
    """Of a collector that is away for a while, the first datagram it did not get is sent again."""
    with SyslogReceiver("udp://127.0.0.1:0") as receiver, delivering(receiver.url) as delivery:
        for message in numbered(5):
            delivery.send(message)
            recovered(delivery)
        receiver.wait_for(5)
        receiver.stop()
        for message in numbered(10, 5):
            delivery.send(message)
        receiver.start()
        assert delivery.flush(30)
        receiver.wait_for(15)
        assert receiver.raw == numbered(15)


def test_the_last_datagram(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush finds that nobody took the last one, which is kept and counted."""
    port = free_port(socket.SOCK_DGRAM)
    with delivering(f"udp://127.0.0.1:{port}") as delivery:
        delivery.send(b"<14>one")
        assert not delivery.flush(0.3)
        assert balanced(delivery)["buffered"] == 1


def test_names_are_resolved_at_connect_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for a connection, and again when it failed: a collector that has moved is found."""
    asked: list[str] = []
    with SyslogReceiver("udp://127.0.0.1:0") as old, SyslogReceiver("udp://127.0.0.1:0") as new:
        places = {"old": _place(old), "new": _place(new)}
        where = ["old"]

        def getaddrinfo(host: str, *arguments: Any, **more: Any) -> Any:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", places[where[0]])]

        monkeypatch.setattr("celery_syslog.transports.network.socket.getaddrinfo", getaddrinfo)
        with delivering("udp://logs.example.org:514") as delivery:
            for message in numbered(10):
                delivery.send(message)
                recovered(delivery)
            assert asked == ["logs.example.org"]
            old.wait_for(10)
            old.stop()
            where[0] = "new"
            for message in numbered(10, 10):
                delivery.send(message)
            assert delivery.flush(30)
            new.wait_for(10)
            assert new.raw == numbered(10, 10)
            assert len(asked) == 2


def _place(receiver: SyslogReceiver) -> tuple[str, int]:
    return "127.0.0.1", int(receiver.url.rpartition(":")[2])


def test_too_long() -> None:
    """What no datagram can hold is an error of that message alone, and cut."""
    with SyslogReceiver("udp://127.0.0.1:0") as receiver:
        transport = open_transport(parse_address(receiver.url), settings_from())
        transport.connect(1)
        with pytest.raises(OSError, match="too long") as caught:
            transport.send(b"x" * 70_000)
        assert caught.value.errno == errno.EMSGSIZE
        transport.close()
        with delivering(receiver.url) as delivery:
            delivery.send(b"<14>" + b"x" * 70_000)
            assert delivery.flush(30)
            receiver.wait_for(1)
            assert receiver.raw[0].endswith(b" of 70004 bytes]")
            assert balanced(delivery)["cut"] == 1


def test_no_such_host() -> None:
    """A name that cannot be one is a transport error that tells it."""
    transport = open_transport(parse_address(f"udp://{'x' * 64}.example.org"), settings_from())
    with pytest.raises(TransportError, match=r"x\.example\.org"):
        transport.connect(1)
