"""RELP over real connections: nothing is forgotten that is not acknowledged, and nobody waits for long."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.relp_server import RelpServer
from support.waiting import short_folder, wait_until

from celery_syslog import trouble
from celery_syslog.delivery import Delivery
from celery_syslog.delivery.orphans import spool_files
from celery_syslog.errors import TransportError
from celery_syslog.settings import settings_from
from celery_syslog.transports import open_transport
from celery_syslog.wire.relp import WINDOW

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def server() -> Iterator[RelpServer]:
    """A RELP server."""
    with RelpServer() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def make(server: RelpServer) -> Iterator[MakeDelivery]:
    """Make deliveries to the server; they are closed at the end."""
    made = []

    def make_delivery(url: str = "", **settings: Any) -> Delivery:
        checked = settings_from(url=url or server.url, **settings)
        made.append(Delivery(checked.url, checked))
        return made[-1]

    trouble.forget()
    yield make_delivery
    for delivery in made:
        delivery.close(0)


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Messages that show where they belong."""
    return [b"<14>message %d" % number for number in range(start, start + count)]


def send(delivery: Delivery, messages: list[bytes]) -> None:
    """Send them all."""
    for message in messages:
        delivery.send(message)


def counts(delivery: Delivery) -> dict[str, Any]:
    """Return the counters, after checking that everything emitted is accounted for."""
    found = delivery.counters.snapshot()
    held = found["buffered"] + found["spooled"]
    assert found["emitted"] == found["sent"] + held + sum(found["dropped"].values()), found
    return found


def came(server: RelpServer, count: int) -> None:
    """Wait until so many messages have come."""
    wait_until(
        lambda: len(server.messages) >= count, f"{count} messages", detail=lambda: len(server.messages)
    )


class TestAcknowledgements:
    """What a message's way is while the collector is well."""

    def test_flush_waits_for_them(self, make: MakeDelivery, server: RelpServer) -> None:
        """A flush is done when everything is acknowledged, and says so when it is not."""
        delivery = make()
        server.holding = True
        send(delivery, numbered(10))
        assert not delivery.flush(0.3)
        came(server, 10)
        server.release()
        assert delivery.flush(60)
        assert server.acknowledged == numbered(10)
        assert counts(delivery)["sent"] == 10

    def test_close_ends_the_session(self, make: MakeDelivery, server: RelpServer) -> None:
        """At the end everything is acknowledged, and the collector is told that it is the end."""
        delivery = make()
        send(delivery, numbered(1000))
        delivery.close()
        assert server.acknowledged == numbered(1000)
        assert server.commands == ["open", "close"]
        wait_until(lambda: not server.connections, "the connection to be gone")

    def test_larger_than_any_buffer(self, make: MakeDelivery, server: RelpServer) -> None:
        """Messages that the kernel takes piece by piece come whole."""
        delivery = make(max_size=10**6, buffer=10**5)
        messages = [b"%d " % number + b"x" * 500_000 for number in range(20)]
        send(delivery, messages)
        assert delivery.flush(60)
        assert server.messages == messages

    def test_from_many_threads(self, make: MakeDelivery, server: RelpServer) -> None:
        """Frames of several threads do not mix, and each is acknowledged."""
        delivery = make(buffer=10**6)
        lanes = [numbered(500, start) for start in range(0, 4000, 500)]
        threads = [threading.Thread(target=send, args=(delivery, lane)) for lane in lanes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert delivery.flush(60)
        assert sorted(server.messages) == sorted(numbered(4000))
        for lane in lanes:
            assert [message for message in server.messages if message in set(lane)] == lane


class TestWindow:
    """The collector reads, and acknowledges nothing."""

    def test_full_is_a_stall(self, make: MakeDelivery, server: RelpServer) -> None:
        """With a full window log calls wait once, then keep their records; answers end the incident."""
        delivery = make(timeout=0.05)
        send(delivery, numbered(1))
        assert delivery.flush(60)
        server.holding = True
        send(delivery, numbered(WINDOW + 50, 1))
        came(server, 1 + WINDOW)
        found = counts(delivery)
        assert (found["stalls"], found["buffered"], found["sent"]) == (1, 50, WINDOW + 1)
        server.release()
        assert delivery.flush(60)
        assert server.messages == numbered(WINDOW + 51)
        assert counts(delivery)["resent"] == 0

    def test_killed_while_it_is_full(self, make: MakeDelivery, server: RelpServer) -> None:
        """When the connection ends instead, all that was not acknowledged goes first on the next one."""
        delivery = make(timeout=0.05)
        server.holding = True
        send(delivery, numbered(WINDOW + 50))
        came(server, WINDOW)
        server.release(28)
        came(server, WINDOW + 28)
        server.messages.clear()
        server.drop()
        server.holding = False
        assert delivery.flush(60)
        assert server.messages == numbered(WINDOW + 22, 28)
        assert counts(delivery)["resent"] == WINDOW

    def test_order_is_kept_over_and_over(self, make: MakeDelivery, server: RelpServer) -> None:
        """A collector that drops the connection every now and then gets everything, first times in order."""
        delivery = make(timeout=1, buffer=10**6)
        stop = threading.Event()

        def dropping() -> None:
            while not stop.wait(0.05):
                server.drop()

        dropper = threading.Thread(target=dropping)
        dropper.start()
        send(delivery, numbered(5000))
        stop.set()
        dropper.join()
        assert delivery.flush(60)
        assert list(dict.fromkeys(server.messages)) == numbered(5000)
        found = counts(delivery)
        assert len(server.messages) - 5000 <= found["resent"] <= WINDOW * found["reconnects"]


class TestNobodyLogs:
    """A record is on its way, and no other comes that would find out what became of it."""

    def test_the_connection_ends(self, make: MakeDelivery, server: RelpServer) -> None:
        """It is sent again without another log call or a flush."""
        delivery = make()
        send(delivery, numbered(1))
        assert delivery.flush(60)
        server.holding = True
        send(delivery, numbered(1, 1))
        came(server, 2)
        server.holding = False
        server.drop()
        wait_until(lambda: server.acknowledged == numbered(2), "the record to be acknowledged")
        assert counts(delivery)["resent"] == 1

    def test_idle(self, make: MakeDelivery, server: RelpServer) -> None:
        """When all is acknowledged the thread soon ends; a connection that ends after that loses nothing."""
        delivery = make()
        send(delivery, numbered(1))
        wait_until(lambda: server.acknowledged, "the acknowledgement")
        wait_until(lambda: not delivery._recovery.running, "the thread to end")
        server.drop()
        send(delivery, numbered(1, 1))
        assert delivery.flush(60)
        assert server.messages == numbered(2)
        assert counts(delivery)["sent"] == 2


class TestSpool:
    """With a spool, a record is on disk from its log call until it is acknowledged."""

    def test_on_disk_until_acknowledged(self, make: MakeDelivery, server: RelpServer, folder: Path) -> None:
        """Records sent from the spool are on disk until each is acknowledged; then the file is gone."""
        spool = folder / "spool"
        server.reading = False
        delivery = make(spool=str(spool), timeout=0)
        send(delivery, numbered(50))
        wait_until(lambda: pending(spool) == 50, "all to be on disk")
        server.holding = server.reading = True
        came(server, 50)
        assert pending(spool) == 50
        server.release(20)
        wait_until(lambda: pending(spool) == 30, "20 to be marked", detail=lambda: pending(spool))
        server.release()
        wait_until(lambda: not list(spool.iterdir()), "the file to be gone")
        assert delivery.flush(60)
        assert server.messages == numbered(50)

    def test_from_the_first_moment(self, make: MakeDelivery, server: RelpServer, folder: Path) -> None:
        """What is sent while all is well is on disk too, and once all is quiet no file is left."""
        spool = folder / "spool"
        delivery = make(spool=str(spool), timeout=0.05)
        send(delivery, numbered(1))
        assert delivery.flush(60)
        server.holding = True
        for count, message in enumerate(numbered(WINDOW + 20, 1), 1):
            delivery.send(message)
            assert pending(spool) == count
        came(server, WINDOW + 1)
        server.messages.clear()
        server.drop()
        server.holding = False
        assert delivery.flush(60)
        assert server.messages == numbered(WINDOW + 20, 1)
        wait_until(lambda: not list(spool.iterdir()), "the files to be gone")
        assert counts(delivery)["spooled"] == 0

    @pytest.mark.parametrize("full", [False, True])
    def test_killed(self, make: MakeDelivery, server: RelpServer, folder: Path, full: bool) -> None:
        """A process killed with records unacknowledged leaves them; the next one sends them, each once."""
        spool = str(folder / "spool")
        server.holding = True
        server.reading = full
        count = WINDOW + 20 if full else 50
        child = os.fork()
        if not child:
            delivery = make(spool=spool, timeout=0.05)
            send(delivery, numbered(count))
            wait_until(lambda: pending(Path(spool)) == count, "all to be on disk")
            os.kill(os.getpid(), signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        server.drop()
        server.reading = True
        server.release()
        server.messages.clear()
        heir = make(spool=spool)
        heir.send(b"<14>heir")
        wait_until(lambda: not os.listdir(spool), "the spool to be sent")
        assert heir.flush(60)
        assert sorted(server.messages) == sorted([*numbered(count), b"<14>heir"])
        assert [message for message in server.messages if b"heir" not in message] == numbered(count)
        assert counts(heir)["adopted"] == count

    def test_closed_without_an_answer(self, make: MakeDelivery, server: RelpServer, folder: Path) -> None:
        """What is not acknowledged at the end stays on disk: it is spooled, not lost."""
        spool = folder / "spool"
        delivery = make(spool=str(spool), timeout=0.05)
        server.holding = True
        send(delivery, numbered(WINDOW + 20))
        came(server, WINDOW)
        delivery.close(0.1)
        found = counts(delivery)
        assert (found["spooled"], found["dropped"]) == (WINDOW + 20, {})
        assert pending(spool) == WINDOW + 20

    def test_closed_without_a_spool(
        self, make: MakeDelivery, server: RelpServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Without one, what was not acknowledged is counted as lost, and stderr says so."""
        delivery = make(timeout=0.05)
        server.holding = True
        send(delivery, numbered(20))
        came(server, 20)
        delivery.close(0.1)
        assert counts(delivery)["dropped"] == {"closed": 20}
        assert "records were lost: 20 closed" in capfd.readouterr().err


def pending(spool: Path) -> int:
    """Return how many records a spool directory holds."""
    return sum(file.records for file in spool_files(str(spool)))


class TestProcesses:
    """A connection and what is on its way belong to one process."""

    def test_fork(self, make: MakeDelivery, server: RelpServer) -> None:
        """A child sends on a connection of its own, nothing of the parent's, and ends nothing of it."""
        delivery = make()
        server.holding = True
        send(delivery, numbered(5))
        came(server, 5)
        child = os.fork()
        if not child:
            status = 1
            try:
                send(delivery, [b"<14>child"])
                status = 0 if delivery.flush(0.5) is False else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        came(server, 6)
        server.release()
        assert delivery.flush(60)
        assert server.messages == [*numbered(5), b"<14>child"]
        assert counts(delivery)["resent"] == 0


class TestRefusals:
    """The collector does not want it; stderr says why, and records are kept."""

    def opened(self, url: str, timeout: float = 5.0) -> None:
        """Connect."""
        settings = settings_from(url=url)
        open_transport(settings.url[0], settings).connect(timeout)

    def test_the_session(self, server: RelpServer) -> None:
        """The answer to the opening is shown."""
        server.opening = b"500 required command not supported by client"
        with pytest.raises(TransportError, match="refused the session: 500 required command"):
            self.opened(server.url)

    def test_no_relp(self) -> None:
        """A port that speaks something else, or nothing, is told from one that does."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"relp://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(TransportError, match="does this port speak it"):
                self.opened(url, 0.2)
            talker = threading.Thread(target=self.talk, args=(listener,))
            talker.start()
            with pytest.raises(TransportError, match="is not RELP"):
                self.opened(url)
            talker.join()

    @staticmethod
    def talk(listener: socket.socket) -> None:
        """Answer like a web server, the second time somebody connects."""
        listener.accept()[0].close()
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(1000)

    def test_a_record(
        self, make: MakeDelivery, server: RelpServer, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """A record that is refused is kept, the reason is told, and it goes out once it is taken."""
        delivery = make()
        server.refusal = b"500 disk full"
        send(delivery, numbered(3))
        told = ""

        def refused() -> bool:
            nonlocal told
            told += capfd.readouterr().err
            return "refused a record of 13 bytes: 500 disk full" in told

        wait_until(refused, "the reason", detail=lambda: told)
        server.refusal = b""
        assert delivery.flush(60)
        assert server.acknowledged[-3:] == numbered(3)
        assert counts(delivery)["sent"] == 3
