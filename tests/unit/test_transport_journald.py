"""journald:// over a real socket: datagrams, sealed files in memory for what is too long, and stalls."""

from __future__ import annotations

import array
import errno
import fcntl
import mmap
import os
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.waiting import short_folder

from celery_syslog.delivery import Delivery
from celery_syslog.errors import TransportError
from celery_syslog.settings import settings_from
from celery_syslog.transports import journald, open_transport

if not hasattr(os, "memfd_create"):
    pytest.skip("journald is on Linux only", allow_module_level=True)

LONG = b"MESSAGE=" + b"x" * 1_000_000 + b"\n"


class Journal:
    """A datagram socket that takes entries as journald does, with its own rule about what comes in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    def read(self) -> list[bytes]:
        """Return the entries that are there now."""
        found = []
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(1 << 20, 1024)
            except BlockingIOError:
                return found
            for _, _, passed in ancillary:
                assert data == b""
                data = self._from_file(array.array("i", passed)[0])
            found.append(data)

    @staticmethod
    def _from_file(fd: int) -> bytes:
        seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        try:
            assert fcntl.fcntl(fd, fcntl.F_GET_SEALS) == seals
            with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as content:
                return content[:]
        finally:
            os.close(fd)


@pytest.fixture
def journal() -> Iterator[Journal]:
    """A journal at a short path."""
    with short_folder() as folder:
        made = Journal(folder / "socket")
        yield made
        made.socket.close()


def delivery(journal: Journal, **settings: Any) -> Delivery:
    """A delivery to the journal."""
    checked = settings_from(url=f"journald://{journal.path}", **settings)
    return Delivery(checked.url, checked)


def test_entries_of_any_size(journal: Journal) -> None:
    """What a datagram can hold is one; what it cannot is passed as a sealed file, in order, whole."""
    made = delivery(journal)
    entries = [b"MESSAGE=short\n", LONG, b"MESSAGE=" + b"y" * 200_000 + b"\n", b"MESSAGE=last\n"]
    before = set(os.listdir("/proc/self/fd"))
    for entry in entries:
        made.send(entry)
    assert journal.read() == entries
    assert len(set(os.listdir("/proc/self/fd")) - before) == 1
    counts = made.counters.snapshot()
    assert (counts["sent"], counts["cut"], counts["dropped"]) == (4, 0, {})
    made.close(0)


def test_a_stall(journal: Journal) -> None:
    """A journal that does not read is waited for once; what is kept comes in order, long entries too."""
    made = delivery(journal, timeout=0.01)
    sent = []
    while not made.counters.snapshot()["stalls"]:
        sent.append(b"MESSAGE=%d\n" % len(sent))
        made.send(sent[-1])
    for entry in (LONG, b"MESSAGE=behind\n"):
        sent.append(entry)
        made.send(entry)
    found: list[bytes] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found.extend(journal.read())

    reader = threading.Thread(target=read)
    reader.start()
    assert made.flush(60)
    stop.set()
    reader.join()
    assert found + journal.read() == sent
    made.close(0)


def test_restart(journal: Journal) -> None:
    """When journald comes back with another socket, the next entry finds it."""
    made = delivery(journal)
    made.send(b"MESSAGE=one\n")
    journal.read()
    journal.socket.close()
    journal.path.unlink()
    again = Journal(journal.path)
    made.send(b"MESSAGE=two\n")
    assert again.read() == [b"MESSAGE=two\n"]
    made.close(0)
    again.socket.close()


def test_no_memory_for_a_file(journal: Journal) -> None:
    """Where no file of that size can be made, the entry is cut to fit, and those behind it still come."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    made = delivery(journal)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        made.send(LONG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    made.send(b"MESSAGE=behind\n")
    cut, behind = journal.read()
    assert LONG.startswith(cut[:100_000])
    assert cut.endswith(b"of %d bytes]" % len(LONG))
    assert behind == b"MESSAGE=behind\n"
    assert made.counters.snapshot()["cut"] == 1
    made.close(0)


class Refusing:
    """A socket that refuses datagrams with an error, and notes what comes by file."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.files = 0

    def send(self, data: bytes) -> int:
        """Refuse."""
        raise OSError(self.error, os.strerror(self.error))

    def sendmsg(self, *_: object) -> int:
        """Take a file."""
        self.files += 1
        return 0


def test_no_buffers(journal: Journal) -> None:
    """ENOBUFS means too long for a long entry, and no room now for a short one."""
    refusing: Any = Refusing(errno.ENOBUFS)
    send = journald._sender(refusing)
    assert send(LONG) == len(LONG)
    assert refusing.files == 1
    with pytest.raises(OSError, match=os.strerror(errno.ENOBUFS)):
        send(b"MESSAGE=short\n")


def test_not_there(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing socket is named in the error; a platform without memfd is told plainly."""
    settings = settings_from(url=f"journald://{journal.path}-not")
    with pytest.raises(TransportError, match=f"{journal.path}-not: No such file"):
        open_transport(settings.url[0], settings).connect(0)
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(TransportError, match="needs Linux"):
        open_transport(settings.url[0], settings).connect(0)
