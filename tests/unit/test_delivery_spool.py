"""The spool: its format under every damage, its bound, its order, and who takes over what."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.raw_socket import RawSocket
from support.waiting import short_folder, wait_until

from celery_syslog import trouble
from celery_syslog.delivery import Delivery
from celery_syslog.delivery.orphans import orphans, spool_files
from celery_syslog.delivery.segment import Segment
from celery_syslog.delivery.spool import Spool
from celery_syslog.delivery.spoolfile import HEADER, OVERHEAD, Entry, pack, scan
from celery_syslog.settings import settings_from

MakeDelivery = Callable[..., Delivery]

MESSAGES = st.lists(st.binary(max_size=40), max_size=8)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


@pytest.fixture
def make(folder: Path) -> Iterator[MakeDelivery]:
    """Make deliveries to ``folder/log`` with their spool in ``folder/spool``."""
    made = []

    def make_delivery(**settings: Any) -> Delivery:
        given = {"url": str(folder / "log"), "spool": str(folder / "spool"), **settings}
        checked = settings_from(**given)
        made.append(Delivery(checked.url, checked))
        return made[-1]

    trouble.forget()
    yield make_delivery
    for delivery in made:
        delivery.close(0)


def numbered(count: int) -> list[bytes]:
    """Messages that show where they belong."""
    return [b"<14>message %d" % number for number in range(count)]


def file_of(messages: list[bytes]) -> bytes:
    """The content of a spool file that holds these messages."""
    return HEADER + b"".join(pack(data, number) for number, data in enumerate(messages))


def in_child(work: Callable[[], object]) -> None:
    """Run something in a forked process that is killed right after it."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def balanced(delivery: Delivery) -> dict[str, Any]:
    """Return the counters, after checking that everything emitted is accounted for."""
    counts = delivery.counters.snapshot()
    held = counts["buffered"] + counts["spooled"]
    assert counts["emitted"] == counts["sent"] + held + sum(counts["dropped"].values()), counts
    return counts


class TestFormat:
    """Records to bytes and back."""

    @given(MESSAGES)
    def test_round_trip(self, messages: list[bytes]) -> None:
        """What is written is read, in order, and nothing else is found."""
        items = list(scan(file_of(messages)))
        assert [item.data for item in items if isinstance(item, Entry)] == messages
        assert len(items) == len(messages)

    @given(MESSAGES, st.data())
    def test_torn_anywhere(self, messages: list[bytes], data: st.DataObject) -> None:
        """A file cut at any byte gives every record before the cut, and tells that there was more."""
        whole = file_of(messages)
        cut = data.draw(st.integers(0, len(whole)))
        items = list(scan(whole[:cut]))
        entries = [item for item in items if isinstance(item, Entry)]
        ends = [len(file_of(messages[:count])) for count in range(len(messages) + 1)]
        complete = sum(end <= cut for end in ends[1:])
        assert [entry.data for entry in entries] == messages[:complete]
        assert sum(item for item in items if not isinstance(item, Entry)) == (
            cut not in ends and cut > len(HEADER)
        )

    @given(st.lists(st.binary(max_size=40), min_size=3, max_size=8), st.data())
    def test_one_record_damaged(self, messages: list[bytes], data: st.DataObject) -> None:
        """Any change inside one record costs that one, counted exactly; all others are read."""
        victim = data.draw(st.integers(0, len(messages) - 1))
        start, end = len(file_of(messages[:victim])), len(file_of(messages[: victim + 1]))
        at = data.draw(st.integers(start, end - 1).filter(lambda position: position != start + 3))
        content = bytearray(file_of(messages))
        content[at] ^= data.draw(st.integers(1, 255))
        items = list(scan(bytes(content)))
        left = messages[:victim] + messages[victim + 1 :]
        assert [item.data for item in items if isinstance(item, Entry)] == left
        assert sum(item for item in items if not isinstance(item, Entry)) == 1

    @given(st.binary(max_size=200))
    def test_garbage(self, content: bytes) -> None:
        """Anything at all can be read without an error."""
        list(scan(content))
        list(scan(file_of([b"a"]) + content + pack(b"z", 9)))

    def test_a_stretch_counts_its_records(self) -> None:
        """Of several records destroyed in a row each one is counted."""
        messages = numbered(10)
        content = bytearray(file_of(messages))
        start, end = len(file_of(messages[:2])), len(file_of(messages[:7]))
        content[start:end] = bytes(end - start)
        assert [item for item in scan(bytes(content)) if not isinstance(item, Entry)] == [5]

    def test_a_damaged_header_costs_nothing(self) -> None:
        """The first line is for people; records are found without it."""
        items = list(scan(b"?" + file_of(numbered(3))[1:]))
        assert [item.data for item in items if isinstance(item, Entry)] == numbered(3)
        assert len(items) == 3


class TestQueue:
    """The spool of one process."""

    def test_first_in_first_out(self, folder: Path) -> None:
        """Records come back in order, over many files, which are gone afterwards."""
        spool = Spool(str(folder / "new" / "spool"), 1 << 20, True)
        messages = [b"%d " % number + b"x" * 2000 for number in range(100)]
        assert all(spool.append(message) for message in messages)
        assert len(os.listdir(spool.directory)) > 5
        got = []
        while (data := spool.head()) is not None:
            got.append(data)
            spool.pop()
        assert got == messages
        assert os.listdir(spool.directory) == []

    @pytest.mark.parametrize("oldest", [True, False])
    def test_the_bound_holds(self, folder: Path, oldest: bool) -> None:
        """The directory never grows beyond the bound; the policy decides who goes."""
        spool = Spool(str(folder), 1 << 17, oldest)
        messages = [b"%d " % number + b"x" * 1000 for number in range(400)]
        taken = 0
        for message in messages:
            taken += spool.append(message)
            assert sum(path.stat().st_size for path in folder.iterdir()) <= 1 << 17
        assert taken - spool.dropped == len(spool)
        assert (taken == 400) is oldest
        kept = messages[spool.dropped :] if oldest else messages[:taken]
        for message in kept:
            assert spool.head() == message
            spool.pop()
        assert len(spool) == 0

    def test_a_record_larger_than_a_file(self, folder: Path) -> None:
        """A record may be longer than files are meant to be, but not longer than the bound."""
        spool = Spool(str(folder), 1 << 17, True)
        assert spool.append(b"x" * 100_000)
        assert not spool.append(b"x" * 200_000)
        spool.close()

    def test_damage_underneath(self, folder: Path) -> None:
        """A record of our own that was damaged on disk is skipped and counted."""
        spool = Spool(str(folder), 1 << 20, True)
        for message in numbered(3):
            spool.append(message)
        (path,) = folder.iterdir()
        content = bytearray(path.read_bytes())
        content[len(HEADER) + OVERHEAD] ^= 1
        path.write_bytes(content)
        assert spool.head() == numbered(3)[1]
        assert (spool.damaged, len(spool)) == (1, 2)
        spool.close()

    def test_closed_behind_our_back(self, folder: Path) -> None:
        """A descriptor that was closed is opened again; one given away is neither written nor closed."""
        spool = Spool(str(folder), 1 << 20, True)
        assert spool.append(b"one")
        segment = spool._segments[0]
        number = segment._fd
        other = os.open(folder / "other", os.O_RDWR | os.O_CREAT)
        os.dup2(other, number)
        assert spool.append(b"two")
        assert os.fstat(number).st_ino == os.fstat(other).st_ino
        assert os.fstat(other).st_size == 0
        assert spool.head() == b"one"
        spool.pop()
        assert spool.head() == b"two"
        spool.close()
        os.close(number)
        os.close(other)

    def test_a_file_just_looked_at(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A new file that somebody happened to lock while looking is replaced by another."""
        create = Segment.create
        failures = [FileExistsError(17, "taken")]

        def once(path: str) -> Segment:
            if failures:
                raise failures.pop()
            return create(path)

        monkeypatch.setattr(Segment, "create", once)
        spool = Spool(str(folder), 1 << 20, True)
        assert spool.append(b"one")
        assert spool.errors == 0
        spool.close()


class TestDelivery:
    """The spool in its place between collector and buffer."""

    def test_on_disk_before_the_call_returns(self, make: MakeDelivery, folder: Path) -> None:
        """What a killed process had logged during an outage is sent by the next one, in order."""

        def work() -> None:
            delivery = make()
            for message in numbered(200):
                delivery.send(message)

        in_child(work)
        (file,) = spool_files(str(folder / "spool"))
        assert (file.records, file.damaged, file.in_use) == (200, 0, False)
        collector = RawSocket(folder / "log")
        delivery = make(timeout=30)
        delivery.send(b"next")
        lines = collector.read_until(201)
        assert [line for line in lines if line != b"next"] == numbered(200)
        wait_until(lambda: not os.listdir(folder / "spool"), "the file to go")
        counts = balanced(delivery)
        assert (counts["adopted"], counts["sent"]) == (200, 201)
        collector.close()

    def test_order_through_disk_and_memory(self, make: MakeDelivery, folder: Path) -> None:
        """What was spooled comes before what the full spool left in memory."""
        delivery = make(spool_size=65536, overflow="drop_newest", buffer=100)
        messages = [b"%d " % number + b"x" * 1000 for number in range(500)]
        for message in messages:
            delivery.send(message)
        counts = balanced(delivery)
        assert counts["spooled"] > 40
        assert counts["buffered"] == 100
        kept = counts["spooled"] + 100
        assert counts["dropped"] == {"down": 500 - kept}
        collector = RawSocket(folder / "log")
        lines = collector.read_until(kept)
        assert lines == messages[:kept]
        assert balanced(delivery)["sent"] == kept
        assert os.listdir(folder / "spool") == []
        collector.close()

    def test_drop_oldest(self, make: MakeDelivery, folder: Path) -> None:
        """With drop_oldest the newest records are on disk, in order, and the count is exact."""
        delivery = make(spool_size=65536)
        messages = [b"%d " % number + b"x" * 1000 for number in range(500)]
        for message in messages:
            delivery.send(message)
        counts = balanced(delivery)
        assert counts["buffered"] == 0
        collector = RawSocket(folder / "log")
        assert collector.read_until(counts["spooled"]) == messages[-counts["spooled"] :]
        assert counts["dropped"] == {"down": 500 - counts["spooled"]}
        collector.close()

    def test_a_directory_that_cannot_be(
        self, make: MakeDelivery, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a usable directory records wait in memory; one line says so, and it is counted."""
        told: list[str] = []
        monkeypatch.setattr(trouble, "tell", lambda kind, text: told.append(text))
        (folder / "file").touch()
        delivery = make(spool=str(folder / "file" / "spool"))
        for message in numbered(50):
            delivery.send(message)
        counts = balanced(delivery)
        assert (counts["buffered"], counts["spool_errors"]) == (50, 1)
        assert len([line for line in told if "kept in memory instead" in line]) == 1
        collector = RawSocket(folder / "log")
        assert collector.read_until(50) == numbered(50)
        collector.close()

    def test_disk_full(self, make: MakeDelivery, folder: Path) -> None:
        """What the disk does not take stays in memory, behind what it took; nothing is lost or torn."""

        def work() -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
            delivery = make()
            messages = [b"%d " % number + b"x" * 500 for number in range(50)]
            for message in messages:
                delivery.send(message)
            counts = balanced(delivery)
            assert 0 < counts["spooled"] < 50
            assert counts["spooled"] + counts["buffered"] == 50
            assert counts["spool_errors"] >= 1
            (file,) = spool_files(str(folder / "spool"))
            assert (file.records, file.damaged, file.in_use) == (counts["spooled"], 0, True)
            collector = RawSocket(folder / "log")
            assert collector.read_until(50) == messages

        in_child(work)

    def test_damage_is_counted_and_reported(self, make: MakeDelivery, folder: Path) -> None:
        """Of a damaged file everything readable is sent; the rest is counted and told in the log."""
        (folder / "spool").mkdir()
        content = bytearray(file_of(numbered(100)))
        start, end = len(file_of(numbered(10))), len(file_of(numbered(15)))
        content[start:end] = b"?" * (end - start)
        (folder / "spool" / "0-1-1.spool").write_bytes(content[:-3])
        collector = RawSocket(folder / "log")
        delivery = make(timeout=30)
        reports: list[dict[str, int]] = []

        def report(dropped: dict[str, int], seconds: float) -> bytes:
            reports.append(dropped)
            return b"report"

        delivery.on_recovered = report
        delivery.send(b"next")
        lines = collector.read_until(96)
        assert [line for line in lines if line not in (b"next", b"report")] == [
            *numbered(10),
            *numbered(99)[15:],
        ]
        wait_until(lambda: b"report" in collector.read(), "the report")
        assert reports == [{"spool": 6}]
        assert balanced(delivery)["dropped"] == {"spool": 6}
        collector.close()

    def test_a_living_process_keeps_its_file(self, make: MakeDelivery, folder: Path) -> None:
        """Nobody takes over the spool of a process that lives, be it a parent or a stranger."""
        delivery = make()
        delivery.send(b"mine")
        assert list(orphans(str(folder / "spool"))) == []
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            found = list(orphans(str(folder / "spool")))
            os.write(write, b"%d" % len(found))
            os._exit(0)
        os.waitpid(pid, 0)
        assert os.read(read, 10) == b"0"
        os.close(read)
        os.close(write)
        assert spool_files(str(folder / "spool"))[0].in_use

    def test_a_fork_during_an_outage(self, make: MakeDelivery, folder: Path) -> None:
        """A child neither sends nor removes what its parent holds, and has a file of its own."""
        delivery = make()
        delivery.send(b"parent")

        def work() -> None:
            assert delivery.counters.snapshot()["emitted"] == 0
            delivery.send(b"child")
            assert len(os.listdir(folder / "spool")) == 2

        in_child(work)
        collector = RawSocket(folder / "log")
        assert sorted(collector.read_until(2)) == [b"child", b"parent"]
        wait_until(lambda: not os.listdir(folder / "spool"), "the files to go")
        assert len(collector.read()) == 2
        collector.close()

    def test_left_behind_by_close(self, make: MakeDelivery, folder: Path) -> None:
        """What is on disk when the process ends is not lost: the next one sends it."""
        delivery = make()
        for message in numbered(10):
            delivery.send(message)
        delivery.close(0)
        assert balanced(delivery)["spooled"] == 10
        collector = RawSocket(folder / "log")
        make().send(b"next")
        assert sorted(collector.read_until(11)) == sorted([*numbered(10), b"next"])
        collector.close()

    def test_two_at_once_take_each_record_once(self, folder: Path) -> None:
        """Whoever comes to a file second leaves it alone."""
        for number in range(20):
            (folder / f"{number}.spool").write_bytes(file_of([b"%d" % number]))
        found: list[bytes] = []

        def take() -> None:
            for orphan in orphans(str(folder)):
                found.extend(orphan.records)
                orphan.sent(1)

        takers = [threading.Thread(target=take) for _ in range(4)]
        for taker in takers:
            taker.start()
        for taker in takers:
            taker.join()
        assert sorted(found, key=int) == [b"%d" % number for number in range(20)]
        assert list(folder.iterdir()) == []

    def test_a_mark_keeps_it_from_being_sent_twice(self, folder: Path) -> None:
        """Records marked as sent are not sent again by whoever finds the file next."""
        (folder / "1.spool").write_bytes(file_of(numbered(10)))
        (first,) = orphans(str(folder))
        assert first.take(4) == numbered(4)
        first.sent(4)
        first.release()
        (second,) = orphans(str(folder))
        assert second.records == numbered(10)[4:]
        second.remove()
