"""The transports by themselves: registry, local socket, memory, and descriptors that are ours for sure."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.waiting import short_folder

from celery_syslog.address import Address, parse_address
from celery_syslog.errors import TransportError
from celery_syslog.settings import Settings
from celery_syslog.transports import TRANSPORTS, Transport, open_transport, unix
from celery_syslog.transports.descriptor import identity, lift, release, reserve
from celery_syslog.transports.memory import clear, records
from celery_syslog.transports.sockets import wait_writable


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path."""
    with short_folder() as path:
        yield path


def opened(url: str) -> Transport:
    """A transport, connected."""
    transport = open_transport(parse_address(url), Settings())
    transport.connect(1.0)
    return transport


class TestRegistry:
    """Schemes and their classes."""

    def test_every_entry_can_be_loaded(self) -> None:
        """Each scheme leads to a transport that has opened nothing yet."""
        before = os.listdir("/proc/self/fd")
        for scheme in TRANSPORTS:
            assert isinstance(open_transport(Address(scheme, path="/nowhere"), Settings()), Transport)
        assert os.listdir("/proc/self/fd") == before

    def test_a_scheme_without_transport(self) -> None:
        """A scheme that is not there yet is an error that names those that are."""
        with pytest.raises(TransportError, match="unix"):
            open_transport(Address("carrier-pigeon"), Settings())

    def test_a_module_that_misses_something(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A transport whose module cannot be imported is a transport error, not an import error."""
        monkeypatch.setitem(TRANSPORTS, "memory", ".nothing:Nothing")  # type: ignore[arg-type]
        with pytest.raises(TransportError, match="does not work on this machine"):
            open_transport(Address("memory", path="x"), Settings())


class TestUnix:
    """unix:// and the local socket."""

    def test_datagrams_first(self, folder: Path) -> None:
        """A datagram socket gets datagrams, unframed."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(str(folder / "log"))
            transport = opened(str(folder / "log"))
            assert transport.framing is None
            assert transport.send(b"one") == 3
            assert collector.recv(10) == b"one"
            transport.close()

    def test_stream_second(self, folder: Path) -> None:
        """A stream socket gets a stream, framed by LF."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as collector:
            collector.bind(str(folder / "log"))
            collector.listen()
            transport = opened(str(folder / "log"))
            assert transport.framing == "lf"
            transport.close()

    def test_abstract(self) -> None:
        """``@name`` is a socket of Linux's abstract namespace."""
        name = f"celery-syslog-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(f"\0{name}")
            transport = opened(f"@{name}")
            transport.send(b"one")
            assert collector.recv(10) == b"one"
            transport.close()

    def test_probing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without a path the first of the known sockets that exists is taken, at each connect."""
        places = (str(folder / "first"), str(folder / "second"))
        monkeypatch.setattr(unix, "LOCAL_SOCKETS", places)
        transport = open_transport(Address("unix"), Settings())
        with pytest.raises(TransportError, match=f"no syslog socket.*{places[0]}, {places[1]}"):
            transport.connect(1.0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(places[1])
            transport.connect(1.0)
            transport.send(b"one")
            assert collector.recv(10) == b"one"
            transport.close()

    def test_probing_passes_over_what_nobody_reads(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A folder of the name, and a socket that a daemon left behind, do not hide a living one."""
        places = [str(folder / name) for name in ("folder", "stale", "alive")]
        monkeypatch.setattr(unix, "LOCAL_SOCKETS", tuple(places))
        os.mkdir(places[0])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as gone:
            gone.bind(places[1])
        transport = open_transport(Address("unix"), Settings())
        with pytest.raises(TransportError, match=f"{places[1]}.*refused"):
            transport.connect(1.0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(places[2])
            transport.connect(1.0)
            transport.send(b"one")
            assert collector.recv(10) == b"one"
            transport.close()

    @pytest.mark.parametrize("kind", ["absent", "file", "stale", "long"])
    def test_why_not(self, folder: Path, kind: str) -> None:
        """A failure names the path and the reason, and leaves no descriptor behind."""
        path = folder / ("x" * 200 if kind == "long" else "log")
        if kind == "file":
            path.touch()
        if kind == "stale":
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
                collector.bind(str(path))
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(TransportError, match=str(path)) as caught:
            opened(str(path))
        wanted = {"absent": errno.ENOENT, "file": errno.ECONNREFUSED, "stale": errno.ECONNREFUSED}
        assert kind == "long" or caught.value.errno == wanted[kind]
        assert len(os.listdir("/proc/self/fd")) == before

    def test_closed(self, folder: Path) -> None:
        """After close() a send is an OSError, and closing again is harmless."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(str(folder / "log"))
            transport = opened(str(folder / "log"))
            transport.close()
            transport.close()
            with pytest.raises(OSError, match="not connected"):
                transport.send(b"one")

    def test_never_waits(self, folder: Path) -> None:
        """A full socket is a BlockingIOError, and writable() tells when it has room again."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector:
            collector.bind(str(folder / "log"))
            transport = opened(str(folder / "log"))
            while transport.writable(0):
                transport.send(b"one")
            with pytest.raises(BlockingIOError):
                transport.send(b"one")
            assert not transport.writable(0.01)
            while True:
                try:
                    collector.recv(10, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
            assert transport.writable(30)
            transport.close()


class TestMemory:
    """memory://name."""

    def test_lists(self) -> None:
        """Each name has its own list, which can be emptied alone or with all others."""
        opened("memory://one").send(b"1")
        opened("memory://two").send(b"2")
        assert (records("one"), records("two")) == ([b"1"], [b"2"])
        clear("one")
        assert (records("one"), records("two")) == ([], [b"2"])
        clear()
        assert records("two") == []


class TestDescriptor:
    """Numbers that are not mistaken."""

    def test_lift(self) -> None:
        """The descriptor moves up, keeps its file, is not inherited, and the old number is free."""
        low = os.open(os.devnull, os.O_RDONLY)
        before = identity(low)
        high = lift(low)
        assert high > 100
        assert identity(high) == before
        assert not os.get_inheritable(high)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(low)
        os.close(high)

    def test_lift_where_there_is_no_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where no high number is to be had, the descriptor stays as it is."""
        monkeypatch.setattr("celery_syslog.transports.descriptor._limit", lambda: 1 << 30)
        low = os.open(os.devnull, os.O_RDONLY)
        assert lift(low) == low
        os.close(low)

    def test_reserve(self) -> None:
        """Making room leaves nothing open."""
        before = os.listdir("/proc/self/fd")
        reserve()
        assert os.listdir("/proc/self/fd") == before

    def test_release(self) -> None:
        """Only what is still the same file is closed."""
        fd = os.open(os.devnull, os.O_RDONLY)
        release(fd, (0, 0))
        release(fd, None)
        assert identity(fd) is not None
        release(fd, identity(fd))
        assert identity(fd) is None
        release(fd, (0, 0))

    def test_waiting_for_a_closed_one(self) -> None:
        """A descriptor that is gone counts as writable, so that send tells what is wrong."""
        fd = os.open(os.devnull, os.O_RDONLY)
        os.close(fd)
        assert wait_writable(fd, 30)
        assert wait_writable(-1, 30)
