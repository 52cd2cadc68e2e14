"""The delivery over real unix sockets: inline, through stalls and outages, nothing lost or doubled."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.raw_socket import RawSocket
from support.waiting import short_folder, wait_until

from celery_syslog import transports, trouble
from celery_syslog.delivery import Delivery
from celery_syslog.settings import settings_from
from celery_syslog.transports.base import Transport
from celery_syslog.transports.memory import clear, records

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def make(folder: Path) -> Iterator[MakeDelivery]:
    """Make deliveries, to ``folder/log`` unless told otherwise; they are closed at the end."""
    made = []

    def make_delivery(url: object = None, **settings: Any) -> Delivery:
        checked = settings_from(url=url or str(folder / "log"), **settings)
        delivery = Delivery(checked.url, checked)
        made.append(delivery)
        return delivery

    trouble.forget()
    yield make_delivery
    for delivery in made:
        delivery.close(0)


@pytest.fixture
def collector(folder: Path) -> Iterator[RawSocket]:
    """A datagram collector at ``folder/log``."""
    made = RawSocket(folder / "log")
    yield made
    made.close()


def numbered(count: int, start: int = 0) -> list[bytes]:
    """Messages that show where they belong."""
    return [b"<14>message %d" % number for number in range(start, start + count)]


def threads() -> int:
    """Return how many threads the kernel knows of in this process."""
    return len(os.listdir("/proc/self/task"))


def balanced(delivery: Delivery) -> dict[str, Any]:
    """Return the counters, after checking that everything emitted is accounted for."""
    counts = delivery.counters.snapshot()
    held = counts["buffered"] + counts["spooled"]
    assert counts["emitted"] == counts["sent"] + held + sum(counts["dropped"].values()), counts
    return counts


def stalled(delivery: Delivery, collector: RawSocket) -> list[bytes]:
    """Send until the collector, which nobody reads, is in an incident; return what was sent."""
    sent = []
    while not delivery.counters.snapshot()["stalls"]:
        sent.append(b"<14>filler %d" % len(sent))
        delivery.send(sent[-1])
    return sent


class TestInline:
    """All is well."""

    def test_in_the_kernel_before_the_call_returns(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A message is there to be read the moment send() returns."""
        delivery = make()
        for count, message in enumerate(numbered(50)):
            delivery.send(message)
            assert len(collector.read()) == count + 1
        assert collector.lines == numbered(50)
        assert balanced(delivery)["sent"] == 50

    def test_nothing_is_opened_before_the_first_message(
        self, make: MakeDelivery, collector: RawSocket
    ) -> None:
        """Making a delivery costs no descriptor."""
        before = set(os.listdir("/proc/self/fd"))
        delivery = make()
        assert set(os.listdir("/proc/self/fd")) == before
        delivery.send(b"one")
        assert len(os.listdir("/proc/self/fd")) == len(before) + 1

    def test_no_thread(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A healthy collector costs no thread, not even when it is busy for a moment."""
        before = threads()
        delivery = make(timeout=30)
        for message in numbered(5):
            delivery.send(message)
        assert threads() == before

    def test_a_stream_is_framed(self, make: MakeDelivery, folder: Path) -> None:
        """A stream socket gets one line for each message, whatever the message holds."""
        collector = RawSocket(folder / "log", stream=True)
        delivery = make()
        delivery.send(b"one")
        delivery.send(b"two\nthree")
        assert collector.read() == [b"one", b"two#012three"]
        delivery.send(b"four")
        assert collector.read()[-1] == b"four"
        assert balanced(delivery)["sent"] == 3
        collector.close()

    def test_memory(self, make: MakeDelivery) -> None:
        """memory:// keeps what was sent."""
        clear("test")
        make("memory://test").send(b"kept")
        assert records("test") == [b"kept"]

    def test_a_wrong_argument_is_the_callers(self, make: MakeDelivery, collector: RawSocket) -> None:
        """What is no bytes raises at the caller and leaves nothing behind."""
        delivery = make()
        with pytest.raises(TypeError):
            delivery.send("text")  # type: ignore[arg-type]
        delivery.send(b"one")
        with pytest.raises(TypeError):
            delivery.send("text")  # type: ignore[arg-type]
        delivery.send(b"two")
        assert collector.read() == [b"one", b"two"]

    def test_bytes_are_counted(self, make: MakeDelivery, collector: RawSocket) -> None:
        """The bytes are those of the messages."""
        delivery = make()
        delivery.send(b"x" * 100)
        delivery.send(b"x" * 28)
        assert balanced(delivery)["bytes"] == 128


class TestStall:
    """The collector does not read."""

    def test_one_wait_for_each_incident(self, make: MakeDelivery, collector: RawSocket) -> None:
        """Of all calls to a hung collector, one waits; the others return at once; nothing is lost."""
        delivery = make(timeout=0.5)
        sent = stalled(delivery, collector)
        start = time.process_time()
        began = time.monotonic()
        for message in numbered(1000):
            delivery.send(message)
        # A second wait would alone take longer than all of this.
        assert time.monotonic() - began < 0.5 or time.process_time() - start > 0.4
        assert balanced(delivery)["stalls"] == 1
        assert collector.read_until(len(sent) + 1000) == sent + numbered(1000)

    def test_back_to_inline(self, make: MakeDelivery, collector: RawSocket) -> None:
        """After the incident messages go straight to the kernel again, and the thread is gone."""
        before = threads()
        delivery = make(timeout=0.01)
        sent = stalled(delivery, collector)
        collector.read_until(len(sent))
        wait_until(lambda: threads() == before, "the recovery thread to end")
        delivery.send(b"inline")
        assert collector.read()[-1] == b"inline"
        assert delivery.counters.snapshot()["buffered"] == 0

    def test_a_busy_collector_is_no_incident(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A burst to a collector that reads steadily only waits: everything arrives, in order."""
        delivery = make(timeout=5)
        reader = threading.Thread(target=collector.read_until, args=(5000,))
        reader.start()
        for message in numbered(5000):
            delivery.send(message)
        reader.join()
        assert collector.lines == numbered(5000)
        counts = balanced(delivery)
        assert (counts["stalls"], counts["sent"]) == (0, 5000)

    @pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
    def test_a_full_buffer(self, make: MakeDelivery, collector: RawSocket, overflow: str) -> None:
        """What exceeds the buffer goes, from the chosen end, counted, and the log itself says so."""
        delivery = make(timeout=0.01, buffer=20, overflow=overflow)
        told: list[tuple[dict[str, int], float]] = []

        def report(dropped: dict[str, int], seconds: float) -> bytes:
            told.append((dropped, seconds))
            return b"report"

        delivery.on_recovered = report
        sent = stalled(delivery, collector) + numbered(100)
        for message in sent[-100:]:
            delivery.send(message)
        counts = balanced(delivery)
        in_kernel = counts["sent"]
        assert counts["buffered"] == 20
        assert counts["dropped"] == {"stalled": len(sent) - in_kernel - 20}
        kept = sent[-20:] if overflow == "drop_oldest" else sent[in_kernel : in_kernel + 20]
        assert collector.read_until(in_kernel + 21) == [*sent[:in_kernel], *kept, b"report"]
        assert [dropped for dropped, _ in told] == [counts["dropped"]]
        assert balanced(delivery)["emitted"] == len(sent) + 1

    def test_without_a_report_stderr_tells(
        self, make: MakeDelivery, collector: RawSocket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Losses that nobody makes a record of are told on stderr."""
        told: list[str] = []
        monkeypatch.setattr(trouble, "tell", lambda kind, text: told.append(text))
        delivery = make(timeout=0, buffer=0)
        stalled(delivery, collector)
        delivery.send(b"lost")
        wait_until(lambda: collector.read() and any("dropped" in line for line in told), "the words")

    def test_no_buffer(self, make: MakeDelivery, collector: RawSocket) -> None:
        """With a buffer of 0 records are dropped at once and counted."""
        delivery = make(timeout=0, buffer=0)
        sent = stalled(delivery, collector)
        counts = balanced(delivery)
        assert counts["buffered"] == 0
        assert counts["sent"] + counts["dropped"]["stalled"] == len(sent)


class TestOutage:
    """No collector, or one that comes and goes."""

    def test_absent_and_found_later(
        self, make: MakeDelivery, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a socket messages are kept and one line says so; they arrive when it appears."""
        told: list[str] = []
        monkeypatch.setattr(trouble, "tell", lambda kind, text: told.append(text))
        delivery = make()
        for message in numbered(30):
            delivery.send(message)
        assert balanced(delivery)["buffered"] == 30
        assert len([line for line in told if f"{folder}/log: No such file" in line]) == 1
        collector = RawSocket(folder / "log")
        assert collector.read_until(30) == numbered(30)
        collector.close()

    def test_a_restart_between_two_messages(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A daemon that is back already costs nothing: the message goes to the new one, inline."""
        delivery = make()
        for number in range(20):
            delivery.send(b"before %d" % number)
            collector.close()
            collector.open()
            delivery.send(b"after %d" % number)
            assert collector.read()[-2:] == [b"before %d" % number, b"after %d" % number]
        counts = balanced(delivery)
        assert (counts["reconnects"], counts["sent"]) == (20, 40)

    def test_a_crash_leaves_its_file(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A socket nobody listens on any more is an outage; messages wait for the next daemon."""
        delivery = make()
        delivery.send(b"one")
        collector.read()
        collector.crash()
        delivery.send(b"two")
        delivery.send(b"three")
        assert balanced(delivery)["buffered"] == 2
        collector.path.unlink()
        collector.open()
        assert collector.read_until(3) == [b"one", b"two", b"three"]

    def test_a_stream_broken_inside_a_frame(self, make: MakeDelivery, folder: Path) -> None:
        """A message of which a part was taken is sent again whole on the next connection."""
        collector = RawSocket(folder / "log", stream=True)
        delivery = make(timeout=0.01)
        delivery.send(b"first")
        collector.read()
        big = b"x" * 2_000_000
        delivery.send(big)  # more than the kernel holds
        delivery.send(b"last")
        assert balanced(delivery)["buffered"] == 2
        collector.close()
        collector.open()
        assert collector.read_until(3) == [b"first", big, b"last"]
        collector.close()

    def test_a_large_frame_is_finished(self, make: MakeDelivery, folder: Path) -> None:
        """A message taken in parts arrives whole, with nothing in between."""
        collector = RawSocket(folder / "log", stream=True)
        delivery = make(timeout=30)
        big = b"x" * 3_000_000
        sender = threading.Thread(target=delivery.send, args=(big,))
        sender.start()
        others = [threading.Thread(target=delivery.send, args=(b"small",)) for _ in range(4)]
        for thread in others:
            thread.start()
        collector.read_until(5)
        for thread in [sender, *others]:
            thread.join()
        assert sorted(map(len, collector.lines)) == [5, 5, 5, 5, 3_000_000]
        collector.close()

    def test_failover_and_home_again(self, make: MakeDelivery, folder: Path) -> None:
        """The second address takes over while the first is away, and hands back."""
        second = RawSocket(folder / "second")
        delivery = make([str(folder / "first"), str(folder / "second")])
        delivery.send(b"one")
        assert second.read_until(1) == [b"one"]
        first = RawSocket(folder / "first")
        wait_until(lambda: delivery.counters.snapshot()["failovers"] == 1, "the way home")
        delivery.send(b"two")
        assert first.read() == [b"two"]
        first.close()
        delivery.send(b"three")
        assert second.read_until(2) == [b"one", b"three"]
        assert balanced(delivery)["sent"] == 3
        second.close()

    def test_failover_from_a_hung_collector(
        self, make: MakeDelivery, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An address that stalls is left for the next one, and taken back when it reads again."""
        monkeypatch.setattr("celery_syslog.delivery.recovery._GIVE_UP", 0.01)
        monkeypatch.setattr("celery_syslog.delivery.recovery._WATCH", 0.01)
        first, second = RawSocket(folder / "first"), RawSocket(folder / "second")
        delivery = make([str(folder / "first"), str(folder / "second")], timeout=0)
        sent = stalled(delivery, first)
        assert second.read_until(1) == sent[-1:]
        assert first.read_until(len(sent) - 1) == sent[:-1]
        wait_until(lambda: delivery.counters.snapshot()["failovers"] == 2, "the way home")
        delivery.send(b"home")
        assert first.read()[-1] == b"home"
        assert balanced(delivery)["sent"] == len(sent) + 1
        first.close()
        second.close()

    def test_too_long_for_the_kernel(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A message the kernel refuses for its length is cut, with a mark that says by how much."""
        delivery = make()
        delivery.send("é".encode() * 500_000)
        (got,) = collector.read()
        kept, _, mark = got.partition(b" [cut: ")
        assert set(kept.decode()) == {"é"}
        assert mark.endswith(b"of 1000000 bytes]")
        counts = balanced(delivery)
        assert (counts["cut"], counts["sent"]) == (1, 1)


class Scripted(Transport):
    """A transport whose send() does what the test says."""

    local = True
    script: Callable[[bytes], int]

    def connect(self, timeout: float) -> None:
        self.send = type(self).script


@contextmanager
def scripted(monkeypatch: pytest.MonkeyPatch, script: Callable[[bytes], int]) -> Iterator[None]:
    """Let memory:// be the transport of a script."""
    Scripted.script = staticmethod(script)  # type: ignore[assignment]
    monkeypatch.setitem(transports.TRANSPORTS, "memory", f"{__name__}:Scripted")  # type: ignore[arg-type]
    monkeypatch.setattr(transports, "import_module", lambda *names: __import__("sys").modules[__name__])
    yield


class TestInterruption:
    """A log call inside a log call."""

    @pytest.mark.parametrize("framing", [None, "lf"])
    def test_a_send_that_logs(
        self, make: MakeDelivery, monkeypatch: pytest.MonkeyPatch, framing: str | None
    ) -> None:
        """A message sent from inside a send is delivered once, and nothing hangs."""
        got: list[bytes] = []

        def script(data: bytes) -> int:
            got.append(data.rstrip(b"\n"))
            if data.startswith(b"outer"):
                delivery.send(b"inner of " + data.rstrip(b"\n"))
            return len(data)

        monkeypatch.setattr(Scripted, "framing", framing)
        with scripted(monkeypatch, script):
            delivery = make("memory://script")
            for number in range(10):
                delivery.send(b"outer %d" % number)
        expected = [word + b"outer %d" % number for number in range(10) for word in (b"", b"inner of ")]
        assert got == expected
        assert balanced(delivery)["sent"] == 20

    def test_refused_at_every_length(self, make: MakeDelivery, monkeypatch: pytest.MonkeyPatch) -> None:
        """A message that no cutting helps is dropped and counted; the next one goes its way."""
        got: list[bytes] = []

        def script(data: bytes) -> int:
            if data.startswith(b"bad"):
                raise OSError(errno.EMSGSIZE, "too long")
            got.append(data)
            return len(data)

        with scripted(monkeypatch, script):
            delivery = make("memory://script")
            delivery.send(b"bad" * 1000)
            delivery.send(b"good")
        assert got == [b"good"]
        assert balanced(delivery)["dropped"] == {"too_long": 1}

    def test_no_room_without_a_wait_to_have(
        self, make: MakeDelivery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """ENOBUFS, which leaves the socket writable, is a full queue and no broken connection."""
        answers = [OSError(errno.ENOBUFS, "no room")] * 3
        got: list[bytes] = []

        def script(data: bytes) -> int:
            if answers:
                raise answers.pop()
            got.append(data)
            return len(data)

        with scripted(monkeypatch, script):
            delivery = make("memory://script")
            delivery.send(b"one")
        counts = balanced(delivery)
        assert got == [b"one"]
        assert (counts["reconnects"], counts["stalls"]) == (0, 0)

    @pytest.mark.parametrize("stream", [False, True])
    def test_signal_handlers_that_log(self, make: MakeDelivery, folder: Path, stream: bool) -> None:
        """Under a storm of signals whose handler logs, every message arrives once and whole."""
        collector = RawSocket(folder / "log", stream=stream)
        delivery = make(timeout=30)
        handled = 0
        done = threading.Event()

        def handle(number: int, frame: object) -> None:
            nonlocal handled
            handled += 1  # first: the handler may be interrupted by itself
            delivery.send(b"handler %d" % handled)

        def read() -> None:
            while not done.is_set():
                collector.read()

        reader = threading.Thread(target=read)
        reader.start()
        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
        try:
            for message in numbered(3000):
                delivery.send(message)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert delivery.flush(30)
        done.set()
        reader.join()
        lines = collector.read_until(3000 + handled)
        assert [line for line in lines if line.startswith(b"<14>")] == numbered(3000)
        assert sorted(line for line in lines if line.startswith(b"handler")) == sorted(
            b"handler %d" % number for number in range(1, handled + 1)
        )
        assert handled
        assert balanced(delivery)["sent"] == 3000 + handled
        collector.close()

    def test_signals_during_a_wait(self, make: MakeDelivery, collector: RawSocket) -> None:
        """However many handlers log while a call waits, none of them waits itself, and nothing is lost."""
        delivery = make(timeout=1, buffer=1_000_000)
        handled = 0

        def handle(number: int, frame: object) -> None:
            nonlocal handled
            handled += 1
            delivery.send(b"handler %d" % handled)

        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        try:
            for message in numbered(100):  # more than a socket's queue
                delivery.send(message)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert balanced(delivery)["stalls"] == 1
        assert handled > 100
        expected = [*numbered(100), *(b"handler %d" % number for number in range(1, handled + 1))]
        assert sorted(collector.read_until(len(expected))) == sorted(expected)

    def test_an_exception_from_a_signal_handler(self, make: MakeDelivery, collector: RawSocket) -> None:
        """What a signal handler raises during the wait reaches the caller; no message is lost."""

        class Limit(Exception):
            pass

        def handle(number: int, frame: object) -> None:
            raise Limit

        delivery = make(timeout=60)
        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        sent = []

        def fill() -> None:
            for message in numbered(10_000):
                sent.append(message)
                delivery.send(message)

        try:
            with pytest.raises(Limit):
                fill()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        delivery.send(b"later")
        assert collector.read_until(len(sent) + 1) == [*sent, b"later"]
        assert balanced(delivery)["stalls"] == 0


class TestThreads:
    """Several threads at once."""

    @pytest.mark.parametrize("stream", [False, True])
    def test_exact_counts(self, make: MakeDelivery, folder: Path, stream: bool) -> None:
        """With 8 threads all messages arrive, each thread's in order, and the counts are exact."""
        collector = RawSocket(folder / "log", stream=stream)
        delivery = make(timeout=30)
        reader = threading.Thread(target=collector.read_until, args=(8 * 2000,))
        reader.start()

        def run(thread: int) -> None:
            for number in range(2000):
                delivery.send(b"%d %d" % (thread, number))

        senders = [threading.Thread(target=run, args=(thread,)) for thread in range(8)]
        for sender in senders:
            sender.start()
        for sender in [*senders, reader]:
            sender.join()
        for thread in range(8):
            mine = [line for line in collector.lines if line.startswith(b"%d " % thread)]
            assert mine == [b"%d %d" % (thread, number) for number in range(2000)]
        counts = balanced(delivery)
        assert (counts["emitted"], counts["sent"]) == (16000, 16000)
        assert counts["bytes"] == sum(map(len, collector.lines))
        collector.close()

    def test_exact_counts_without_lock(self, make: MakeDelivery) -> None:
        """Counts stay exact where sends take no lock, with threads switched as often as possible."""
        clear("counts")
        delivery = make("memory://counts")
        handled = 0

        def handle(number: int, frame: object) -> None:
            nonlocal handled
            handled += 1
            delivery.send(b"abc")

        def run() -> None:
            for _ in range(20_000):
                delivery.send(b"abc")

        interval = sys.getswitchinterval()
        before = signal.signal(signal.SIGALRM, handle)
        sys.setswitchinterval(1e-6)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            senders = [threading.Thread(target=run) for _ in range(7)]
            for sender in senders:
                sender.start()
            run()
            for sender in senders:
                sender.join()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            sys.setswitchinterval(interval)
        counts = balanced(delivery)
        assert counts["emitted"] == len(records("counts")) == 160_000 + handled
        assert counts["bytes"] == 3 * counts["emitted"]
        clear("counts")

    def test_order_across_an_incident(self, make: MakeDelivery, collector: RawSocket) -> None:
        """Each thread's messages stay in order while the collector stalls and comes back again and again."""
        delivery = make(timeout=0.001, buffer=100_000)
        done = threading.Event()

        def run(thread: int) -> None:
            for number in range(3000):
                delivery.send(b"%d %d" % (thread, number))

        def read() -> None:
            while not done.wait(0.002):
                collector.read()

        reader = threading.Thread(target=read)
        senders = [threading.Thread(target=run, args=(thread,)) for thread in range(4)]
        for thread in [reader, *senders]:
            thread.start()
        for sender in senders:
            sender.join()
        assert delivery.flush(60)
        done.set()
        reader.join()
        collector.read_until(12000)
        for number in range(4):
            mine = [line for line in collector.lines if line.startswith(b"%d " % number)]
            assert mine == [b"%d %d" % (number, count) for count in range(3000)]
        assert balanced(delivery)["stalls"] > 0


class TestEnd:
    """Flush and close."""

    def test_flush_waits_for_the_collector(self, make: MakeDelivery, collector: RawSocket) -> None:
        """flush() returns True once everything is with the kernel, and False when time runs out."""
        delivery = make(timeout=0)
        sent = stalled(delivery, collector)
        assert not delivery.flush(0.05)
        reader = threading.Thread(target=collector.read_until, args=(len(sent),))
        reader.start()
        assert delivery.flush(30)
        reader.join()

    def test_flush_of_nothing(self, make: MakeDelivery) -> None:
        """A delivery that never sent anything is flushed at once."""
        assert make().flush(0)

    def test_flush_connects(self, make: MakeDelivery, folder: Path) -> None:
        """flush() does not wait for the back-off of the recovery thread."""
        delivery = make()
        delivery.send(b"one")
        collector = RawSocket(folder / "log")
        assert delivery.flush(30)
        assert collector.read() == [b"one"]
        collector.close()

    def test_close_counts_what_it_gives_up(
        self, make: MakeDelivery, collector: RawSocket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What could not be sent before the end is counted as dropped, and stderr says so."""
        told: list[str] = []
        monkeypatch.setattr(trouble, "tell", lambda kind, text: told.append(text))
        delivery = make(timeout=0)
        sent = stalled(delivery, collector)
        delivery.send(b"one more")
        delivery.close(0)
        counts = balanced(delivery)
        assert counts["dropped"] == {"closed": len(sent) + 1 - counts["sent"]}
        assert "records were lost" in told[-1]

    def test_open_again_after_close(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A message after close() opens a new connection; close() may be called at any time."""
        delivery = make()
        delivery.close()
        delivery.send(b"one")
        delivery.close()
        delivery.close()
        delivery.send(b"two")
        assert collector.read() == [b"one", b"two"]

    def test_abandoned(self, make: MakeDelivery, collector: RawSocket) -> None:
        """After abandon_connection() the next message makes a connection of its own."""
        delivery = make()
        delivery.send(b"one")
        delivery.abandon_connection()
        delivery.send(b"two")
        assert collector.read() == [b"one", b"two"]
        assert delivery.counters.snapshot()["reconnects"] == 1


class TestRecycledDescriptor:
    """Somebody closes our descriptor behind our back, and its number is given away."""

    @staticmethod
    def ours(delivery: Delivery) -> int:
        """Return the delivery's descriptor."""
        transport = delivery._engine.line.transport
        assert transport is not None
        return int(transport.fileno())  # type: ignore[attr-defined]

    def test_it_is_out_of_the_way(self, make: MakeDelivery, collector: RawSocket) -> None:
        """The lowest free number, which the kernel hands out, is far below ours."""
        delivery = make()
        delivery.send(b"one")
        with open(os.devnull) as other:
            assert self.ours(delivery) > other.fileno() + 100

    def test_closed(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A message after the descriptor was closed goes through a new connection."""
        delivery = make()
        delivery.send(b"one")
        os.close(self.ours(delivery))
        delivery.send(b"two")
        assert collector.read() == [b"one", b"two"]

    def test_given_away(self, make: MakeDelivery, collector: RawSocket) -> None:
        """A number that is somebody else's is noticed within a second of sending, and never closed."""
        delivery = make()
        delivery.send(b"one")
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        number = self.ours(delivery)
        os.dup2(mine.fileno(), number)
        delivery._check_at = 0.0
        delivery.send(b"on the way")
        delivery.send(b"two")
        assert collector.read()[-1] == b"two"
        assert os.fstat(number).st_ino == os.fstat(mine.fileno()).st_ino
        os.close(number)
        mine.close()
        theirs.close()

    def test_never_closed_at_the_end(self, make: MakeDelivery, collector: RawSocket) -> None:
        """close() and a broken connection leave a number alone that is somebody else's by now."""
        for end in ("close", "abandon_connection"):
            delivery = make()
            delivery.send(b"one")
            number = self.ours(delivery)
            other = os.open(os.devnull, os.O_RDONLY)
            os.dup2(other, number)
            getattr(delivery, end)()
            assert os.fstat(number).st_rdev == os.fstat(other).st_rdev
            os.close(number)
            os.close(other)
