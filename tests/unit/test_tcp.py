"""tcp://: framing, a peer that goes away in every way there is, and what is sent again then."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.deliveries import balanced, delivering, numbered, recovered
from support.proxy import Proxy
from support.waiting import wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.address import parse_address
from celery_syslog.errors import TransportError
from celery_syslog.settings import settings_from
from celery_syslog.transports import network, open_transport
from celery_syslog.transports.tcp import TcpTransport
from celery_syslog.wire.framing import frame_lf, frame_octet


@pytest.fixture
def receiver() -> Iterator[SyslogReceiver]:
    """A collector."""
    with SyslogReceiver("tcp://127.0.0.1:0") as made:
        yield made


@pytest.fixture
def proxy(receiver: SyslogReceiver) -> Iterator[Proxy]:
    """The network between."""
    with Proxy(port(receiver)) as made:
        yield made


def port(receiver: SyslogReceiver) -> int:
    """The port a collector listens on."""
    return int(receiver.url.rpartition(":")[2])


def connected(url: str) -> TcpTransport:
    """A transport, connected."""
    transport = open_transport(parse_address(url), settings_from())
    assert isinstance(transport, TcpTransport)
    transport.connect(30)
    return transport


def fill(transport: TcpTransport) -> None:
    """Send until the kernel has taken a part of a message only."""
    try:
        while True:
            transport.send(b"x" * 100_000)
    except BlockingIOError:
        pass


class TestInline:
    """All is well."""

    @pytest.mark.parametrize(("option", "frame"), [("", frame_octet), ("?framing=lf", frame_lf)])
    def test_framing(self, option: str, frame: Callable[[bytes], bytes]) -> None:
        """Octet counting unless lines are asked for."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            transport = connected(f"tcp://127.0.0.1:{server.getsockname()[1]}{option}")
            peer, _ = server.accept()
            with peer:
                transport.send(b"<14>one\ntwo")
                transport.close()
                assert peer.recv(100) == frame(b"<14>one\ntwo")
                assert peer.recv(100) == b""

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
    def test_addresses(self, host: str) -> None:
        """IPv4, IPv6 and a name that may stand for both, of which only one is listened on."""
        listened = host.replace("localhost", "127.0.0.1")
        with (
            SyslogReceiver(f"tcp://{listened}:0") as receiver,
            delivering(f"tcp://{host}:{port(receiver)}") as delivery,
        ):
            delivery.send(b"<14>one")
            assert delivery.flush(30)
            receiver.wait_for(1)

    def test_no_log_call_connects(self, receiver: SyslogReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first records are kept, a thread connects, and they arrive in order before the later ones."""
        here = threading.get_ident()
        gate = threading.Event()
        dial = network.dial

        def slow(*arguments: Any) -> Any:
            assert threading.get_ident() != here
            assert gate.wait(60)
            return dial(*arguments)

        monkeypatch.setattr("celery_syslog.transports.connection.dial", slow)
        with delivering(receiver.url) as delivery:
            for message in numbered(50):
                delivery.send(message)
            assert balanced(delivery)["buffered"] == 50
            gate.set()
            recovered(delivery)
            for message in numbered(50, 50):
                delivery.send(message)
            receiver.wait_for(100)
            assert receiver.raw == numbered(100)
            assert (balanced(delivery)["sent"], balanced(delivery)["reconnects"]) == (100, 0)

    def test_flush_connects(self, receiver: SyslogReceiver) -> None:
        """A process that ends at once waits for its connection, within the flush timeout."""
        with delivering(receiver.url, flush_timeout=30) as delivery:
            for message in numbered(10):
                delivery.send(message)
            delivery.close()
            receiver.wait_for(10)
            assert balanced(delivery)["sent"] == 10

    def test_options(self, receiver: SyslogReceiver) -> None:
        """The kernel is asked to look after the connection, whose descriptor is far up and not inherited."""
        transport = connected(receiver.url)
        sock = transport._socket
        assert sock is not None
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert transport.fileno() > 100
        assert not os.get_inheritable(transport.fileno())
        transport.close()


class TestConnect:
    """Nobody there."""

    def test_deadline(self) -> None:
        """A host that does not answer costs the timeout and no more, and leaves no descriptor."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            where = full.getsockname()
            waiting = [socket.socket() for _ in range(3)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(where)  # from the second or third on, the kernel answers nobody
            before = os.listdir("/proc/self/fd")
            transport = open_transport(parse_address(f"tcp://127.0.0.1:{where[1]}"), settings_from())
            start = time.monotonic()
            with pytest.raises(TransportError, match="no answer"):
                transport.connect(0.2)
            assert time.monotonic() - start < 30
            assert os.listdir("/proc/self/fd") == before
            for one in waiting:
                one.close()

    def test_unknown_host(self, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """A name that nobody knows is told by name, once."""

        def getaddrinfo(*arguments: Any, **more: Any) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr("celery_syslog.transports.network.socket.getaddrinfo", getaddrinfo)
        with delivering("tcp://nowhere.invalid:601") as delivery:
            delivery.send(b"<14>one")
            assert not delivery.flush(0.3)
        told = capfd.readouterr().err.splitlines()
        assert "host nowhere.invalid:" in told[0]
        assert sum("records are kept" in line for line in told) == 1

    def test_never_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A port of the ephemeral range that nobody listens on does not lead to the socket itself."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            where = bound.getsockname()

            def from_there(self: Any) -> None:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.bind(where)

            bound.close()
            monkeypatch.setattr(network, "_keep_alive", from_there)
            with pytest.raises(OSError, match="refused"):
                network.dial(parse_address(f"tcp://127.0.0.1:{where[1]}"), 5)


class TestPeerGone:
    """The collector ends, or something between does."""

    def test_noticed_before_the_next_record(self, receiver: SyslogReceiver, proxy: Proxy) -> None:
        """A record sent long after the peer has closed goes to a new connection and is not lost."""
        with delivering(f"tcp://127.0.0.1:{proxy.port}") as delivery:
            for count, end in enumerate([proxy.drop, proxy.reset] * 3, 1):
                delivery.send(b"<14>message %d" % (2 * count - 2))
                recovered(delivery)
                delivery.send(b"<14>message %d" % (2 * count - 1))
                receiver.wait_for(2 * count)
                end()
            delivery.send(b"<14>message 12")
            receiver.wait_for(13)
            assert receiver.raw == numbered(13)
            recovered(delivery)
            assert (balanced(delivery)["sent"], balanced(delivery)["reconnects"]) == (13, 6)

    def test_what_was_not_acknowledged_is_sent_again(self, receiver: SyslogReceiver, proxy: Proxy) -> None:
        """Of a reset in a stall, exactly what the peer's kernel had acknowledged, and nobody read, is lost.

        That is what TCP leaves open. All else arrives, in order, once.
        """
        messages = [b"<14>message %06d %s" % (number, b"x" * 1000) for number in range(8000)]
        with delivering(f"tcp://127.0.0.1:{proxy.port}", timeout=0.01) as delivery:
            delivery.send(messages[0])
            assert delivery.flush(30)
            receiver.wait_for(1)
            proxy.stall()
            sent = 1
            while not balanced(delivery)["stalls"]:
                delivery.send(messages[sent])
                sent += 1
            counts = [-1, proxy.unread()]
            while counts[-1] != counts[-2]:  # what is under way arrives
                time.sleep(0.05)
                counts.append(proxy.unread())
            whole = counts[-1] // len(frame_octet(messages[0]))
            proxy.reset()
            proxy.resume()
            recovered(delivery)
            delivery.send(messages[sent])
            assert delivery.flush(30)
            receiver.wait_for(sent + 1 - whole, 60)
            assert receiver.raw == [messages[0], *messages[1 + whole : sent + 1]]
            assert balanced(delivery)["sent"] == sent + 1

    def test_memory_is_bounded(self, receiver: SyslogReceiver) -> None:
        """What is kept for that never grows beyond what is on its way."""
        transport = connected(receiver.url)
        most = 0
        for number in range(20_000):
            try:
                transport.send(b"<14>message %d" % number)
            except BlockingIOError:
                assert transport.writable(30)
                transport.send(b"<14>message %d" % number)
            assert transport._kept is not None
            most = max(most, len(transport._kept))
        wait_until(lambda: transport.settle(0.0), "the last acknowledgement")
        assert not transport._kept
        assert most < 20_000
        transport.close()

    def test_a_restart_under_load(self, receiver: SyslogReceiver) -> None:
        """A collector that ends in order and is back at once loses nothing of what waits for it."""
        with delivering(receiver.url, buffer=100_000) as delivery:
            delivery.send(b"<14>message 0")
            assert delivery.flush(30)
            receiver.stop()
            for message in numbered(1000, 1):
                delivery.send(message)
            receiver.start()
            assert delivery.flush(30)
            receiver.wait_for(1001)
            assert receiver.raw == numbered(1001)
            assert balanced(delivery)["sent"] == 1001

    def test_closed_after_what_it_holds(self, receiver: SyslogReceiver) -> None:
        """close() gives up nothing that the kernel has, also if the peer says something at last."""
        transport = connected(receiver.url)
        for message in numbered(1000):
            transport.send(message)
        transport.close()
        assert transport.unconfirmed() == []
        receiver.wait_for(1000)
        assert receiver.raw == numbered(1000)


class TestWrites:
    """Messages that the kernel takes a part of."""

    def test_an_unfinished_message_is_never_dropped(self, receiver: SyslogReceiver, proxy: Proxy) -> None:
        """With a small buffer and a stall, what is dropped was not begun: no frame is torn."""
        big = b"<14>message %06d " + b"y" * 60_000
        with delivering(f"tcp://127.0.0.1:{proxy.port}", timeout=0, buffer=5) as delivery:
            delivery.send(big % 0)
            assert delivery.flush(30)
            receiver.wait_for(1)
            proxy.stall()
            for number in range(1, 300):
                delivery.send(big % number)
            proxy.resume()
            recovered(delivery)
            counts = balanced(delivery)
            assert delivery.flush(30)
            receiver.wait_for(counts["sent"], 60)
            received = receiver.raw
            numbers = [int(message[12:18]) for message in received]
            assert numbers == sorted(set(numbers))
            assert all(message == big % number for message, number in zip(received, numbers, strict=True))
            assert counts["dropped"] == {"stalled": 300 - len(numbers)}
            assert (receiver.dropped, counts["reconnects"]) == ({}, 0)

    def test_another_message_instead_of_the_rest(self) -> None:
        """A stream with half a message in it takes no other; one interrupted in the middle takes none."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            transport = connected(f"tcp://127.0.0.1:{server.getsockname()[1]}")
            fill(transport)
            with pytest.raises(ConnectionAbortedError):
                transport.send(b"another")
            transport.connect(30)

            def interrupted(data: bytes) -> int:
                raise KeyboardInterrupt

            write, transport._write = transport._write, interrupted
            with pytest.raises(KeyboardInterrupt):
                transport.send(b"one")
            transport._write = write
            with pytest.raises(ConnectionAbortedError):
                transport.send(b"one")
            transport.abandon()

    def test_after_a_fork(self, receiver: SyslogReceiver) -> None:
        """A child has a connection of its own, and leaves the parent's as it was."""
        with delivering(receiver.url, flush_timeout=30) as delivery:
            delivery.send(b"<14>before")
            assert delivery.flush(30)
            pid = os.fork()
            if not pid:
                delivery.send(b"<14>child")
                os._exit(not delivery.flush(30))
            assert os.waitpid(pid, 0)[1] == 0
            delivery.send(b"<14>after")
            receiver.wait_for(3)
            assert sorted(receiver.raw) == [b"<14>after", b"<14>before", b"<14>child"]
            assert balanced(delivery)["reconnects"] == 0
