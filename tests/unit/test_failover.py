"""Failover across roads: the next on failure, home again when the first answers, nothing lost or doubled."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from support.certificates import Certificates
from support.deliveries import balanced, delivering, numbered, recovered
from support.proxy import Proxy
from support.waiting import free_port, short_folder, wait_until

from celery_syslog import SyslogReceiver
from celery_syslog.delivery import Delivery


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority, and what it signed."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stalls are given up soon."""
    monkeypatch.setattr("celery_syslog.delivery.recovery._GIVE_UP", 0.2)
    monkeypatch.setattr("celery_syslog.delivery.recovery._WATCH", 0.05)


def receiver(scheme: str, certificates: Certificates, folder: Path) -> SyslogReceiver:
    """A collector for a scheme, not started."""
    if scheme == "unix":
        return SyslogReceiver(f"unix://{folder}/log")
    context = certificates.context() if scheme == "tls" else None
    port = free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    return SyslogReceiver(f"{scheme}://127.0.0.1:{port}", ssl_context=context)


def address(made: SyslogReceiver) -> str:
    """The URL it will have."""
    return str(made.url)


class Sender:
    """Sends numbered messages, one after the other."""

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.count = 0

    def __call__(self, count: int) -> None:
        """Send so many, and wait until nothing of them is held."""
        for message in numbered(count, self.count):
            self.delivery.send(message)
        self.count += count
        assert self.delivery.flush(30)


HOMES = ["udp", "tcp", "tls", "unix"]


@pytest.mark.parametrize("second", HOMES)
@pytest.mark.parametrize("first", HOMES)
def test_there_and_back(first: str, second: str, certificates: Certificates) -> None:
    """Each pair of roads: home falls away, the other takes over, home is taken again when it answers."""
    with short_folder() as one, short_folder() as two:
        home, away = receiver(first, certificates, one), receiver(second, certificates, two)
        urls = [address(home), address(away)]
        use_ssl = certificates.settings() if "tls" in (first, second) else None
        with home, away, delivering(urls, use_ssl=use_ssl) as delivery:
            send = Sender(delivery)
            send(10)
            home.wait_for(10)
            home.stop()
            send(10)
            wait_until(lambda: home.received + away.received == 20, "the others", detail=lambda: away.raw)
            assert away.raw, "the second address was not used"
            home.start()
            _until_home(send, home)
            send(5)
            total = send.count
            wait_until(lambda: home.received + away.received >= total, "the rest")
            assert sorted(home.raw + away.raw) == sorted(numbered(total))
            for raw in (home.raw, away.raw):
                numbers = [int(message.rpartition(b" ")[2]) for message in raw]
                assert numbers == sorted(numbers)
            counts = balanced(delivery)
            assert (counts["sent"], counts["dropped"]) == (total, {})
            assert counts["failovers"] >= 2


def _until_home(send: Sender, home: SyslogReceiver) -> None:
    """Send message after message until home gets them: a road without connections shows no other way."""
    before = home.received
    deadline = time.monotonic() + 60
    while home.received == before:
        send(1)
        assert time.monotonic() < deadline, "home was never taken again"
        time.sleep(0.01)


def test_three_addresses(certificates: Certificates) -> None:
    """The first that answers is taken, past one that refuses and one that is for another name."""
    wrong = certificates.context(certificates.authority.issue_cert("elsewhere.example.org"))
    with (
        SyslogReceiver("tls://127.0.0.1:0", ssl_context=wrong) as misnamed,
        SyslogReceiver("tcp://127.0.0.1:0") as last,
    ):
        urls = [f"tcp://127.0.0.1:{free_port()}", misnamed.url, last.url]
        with delivering(urls, use_ssl=certificates.settings()) as delivery:
            Sender(delivery)(10)
            last.wait_for(10)
            assert last.raw == numbered(10)
            assert misnamed.raw == []


def test_what_is_wrong_at_home_is_told(certificates: Certificates, capfd: pytest.CaptureFixture[str]) -> None:
    """A home that cannot be used is told, with where the records go instead."""
    wrong = certificates.context(certificates.authority.issue_cert("elsewhere.example.org"))
    with (
        SyslogReceiver("tls://127.0.0.1:0", ssl_context=wrong) as home,
        SyslogReceiver("tcp://127.0.0.1:0") as away,
        delivering([home.url, away.url], use_ssl=certificates.settings()) as delivery,
    ):
        Sender(delivery)(1)
        away.wait_for(1)
        lines = [line for line in capfd.readouterr().err.splitlines() if home.url in line]
        assert len(lines) == 1
        assert "mismatch" in lines[0]
        assert lines[0].endswith(f"records go to {away.url}")


def test_one_that_ends_every_connection() -> None:
    """An address that takes connections and drops them is left for the next one, not tried for ever."""
    with (
        SyslogReceiver("tcp://127.0.0.1:0") as away,
        Proxy(free_port()) as proxy,  # whose target is not there: it closes what it accepts
        delivering([f"tcp://127.0.0.1:{proxy.port}", away.url]) as delivery,
    ):
        for message in numbered(200):
            delivery.send(message)
        wait_until(lambda: away.received, "the second address", detail=lambda: balanced(delivery))
        recovered(delivery)
        assert balanced(delivery)["failovers"] >= 1


def test_a_stalled_home(certificates: Certificates) -> None:
    """A home that stops reading is left; what it had not acknowledged goes elsewhere and not twice."""
    messages = [b"<14>message %06d %s" % (number, b"x" * 5000) for number in range(6000)]
    with (
        SyslogReceiver("tcp://127.0.0.1:0") as home,
        Proxy(int(home.url.rpartition(":")[2])) as proxy,
        SyslogReceiver("tcp://127.0.0.1:0") as away,
        delivering([f"tcp://127.0.0.1:{proxy.port}", away.url], timeout=0.01) as delivery,
    ):
        delivery.send(messages[0])
        assert delivery.flush(30)
        home.wait_for(1)
        recovered(delivery)
        proxy.stall()
        sent = 1
        while not away.received:
            if sent < len(messages) and not balanced(delivery)["stalls"]:
                delivery.send(messages[sent])
                sent += 1
            time.sleep(0 if not balanced(delivery)["stalls"] else 0.01)
        assert delivery.flush(60)
        proxy.resume()
        wait_until(lambda: home.received + away.received >= sent, "all of them")
        assert sorted(home.raw + away.raw) == messages[:sent]
        assert balanced(delivery)["sent"] == sent
